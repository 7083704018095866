"""The peak memory above an idle process; each measurement runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import site
from benchmarks.report import Report

_ROOT = Path(__file__).resolve().parent.parent
_CODE = """
import sys
from io import BytesIO
from PIL import Image
from shift_media.core.spec import Spec
from shift_media.imaging import engine
spec = Spec.make("400x400", format="jpg", quality=80)
warm = BytesIO()
Image.new("RGB", (64, 64)).save(warm, "JPEG")
import pyvips
pyvips.Image.thumbnail_buffer(warm.getvalue(), 40).jpegsave_buffer(Q=80)
engine.make(warm, spec)
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
idle = peak()
if "shift_media" in sys.argv[1]:
    decoder = "pillow" if "Pillow" in sys.argv[1] else "auto"
    with open(sys.argv[2], "rb") as file:
        engine.make(file, spec, decoder=decoder)
elif sys.argv[1] == "pyvips":
    pyvips.Image.thumbnail(sys.argv[2], 400).jpegsave_buffer(Q=80, keep="none")
elif sys.argv[1] == "Image.thumbnail":
    image = Image.open(sys.argv[2])
    image.thumbnail((400, 400))
    image.convert("RGB").save(BytesIO(), "JPEG", quality=80)
else:
    image = Image.open(sys.argv[2]).resize((400, 300), Image.Resampling.LANCZOS)
    image.convert("RGB").save(BytesIO(), "JPEG", quality=80)
print(peak() - idle)
"""
ENGINES = (
    "shift_media",
    "shift_media, Pillow alone",
    "Image.thumbnail",
    "pyvips",
    "full decode + LANCZOS",
)
MAX_MEGABYTES = 12
"""Most memory for a baseline JPEG."""
MAX_OF_PYVIPS = 1.2
"""Most memory for a PNG or WebP, as a multiple of pyvips' own."""


def measure_baseline(report: Report, name: str, content: bytes) -> None:
    """Measure each engine with a baseline JPEG."""
    ours = _measure(report, name, content)["shift_media"]
    report.target(f"{name}: peak memory over idle, MB", ours, MAX_MEGABYTES, at_least=False)


def measure_large(report: Report, name: str, content: bytes) -> None:
    """Measure each engine with an original that Pillow cannot shrink while decoding."""
    megabytes = _measure(report, name, content)
    ratio = megabytes["shift_media"] / max(megabytes["pyvips"], 1)
    report.target(f"{name}: peak memory, of pyvips'", ratio, MAX_OF_PYVIPS, at_least=False)


def _measure(report: Report, name: str, content: bytes) -> dict[str, float]:
    path = site.FOLDER / "memory"
    path.write_bytes(content)
    megabytes = {engine: _peak(engine, path) for engine in ENGINES}
    rows = {engine: {"MB": peak} for engine, peak in megabytes.items()}
    report.table(f"Peak memory over idle, {name} -> 400x400 fit", rows)
    return megabytes


def _peak(engine: str, path: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "VIPS_CONCURRENCY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, engine, str(path)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return float(done.stdout)
