"""`make bench ARGS=--sharp`: the engine beside sharp, the usual one of Node.js (libvips).

Both have one thread, the same bytes, the same size and the same quality of JPEG. sharp runs in a
process of its own, which measures its CPU time for each picture itself. ``make bench`` installs it
into the environment of the benchmarks if npm is there; without it this section is left out.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import engines
from benchmarks.comparison import to_rows
from benchmarks.measure import milliseconds
from benchmarks.photographs import Collection
from benchmarks.report import Report

PACKAGE = Path(sys.prefix) / "npm" / "node_modules" / "sharp"
SIDES = (400, 1600)
MAX_AGAINST: Mapping[tuple[str, int], float] = {
    ("baseline", 400): 1.0,
    ("baseline", 1600): 1.05,
    ("progressive", 400): 0.4,
    ("progressive", 1600): 1.0,
    ("AVIF", 400): 1.1,
    ("AVIF", 1600): 1.1,
}
"""Most time compared with sharp, by kind and side; PNG and WebP have the bounds of baseline."""
MAX_OF_PILLOW = {1600: 1.5}
"""Most time of Pillow alone compared with sharp, from a baseline JPEG."""
MAX_SSIM_LOST = 0.002

_SERVER = Path(__file__).with_name("sharp.cjs")


class Sharp:
    """A Node.js process that makes resizes.

    Attributes:
        nanoseconds: its CPU time for all resizes so far.
    """

    def __init__(self, node: str) -> None:
        pipe = subprocess.PIPE
        command = [node, str(_SERVER), str(PACKAGE)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.nanoseconds = 0

    def resize(self, path: Path, side: int) -> bytes:
        """Return a file, fitted into a square, as a JPEG of quality 80."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"path": str(path), "width": side, "height": side, "quality": 80}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"sharp says: {answer['error']}")
        self.nanoseconds += answer["nanoseconds"]
        return base64.b64decode(answer["content"])

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


class SharpCall:
    """One resize by sharp, with the clock of its process."""

    def __init__(self, sharp: Sharp, path: Path, side: int) -> None:
        self._sharp, self._path, self.side = sharp, path, side

    def __call__(self) -> bytes:
        """Make the resize."""
        return self._sharp.resize(self._path, self.side)

    def clock(self) -> int:
        """Return the CPU time of sharp so far, in nanoseconds."""
        return self._sharp.nanoseconds


def find_version() -> str:
    """Return the version of sharp; ``"not installed"`` without it."""
    if not PACKAGE.is_dir() or shutil.which("node") is None:
        return "not installed"
    return str(json.loads((PACKAGE / "package.json").read_text())["version"])


@contextmanager
def started() -> Iterator[Sharp | None]:
    """Start sharp; give None if Node.js or sharp is not installed."""
    node = shutil.which("node")
    if node is None or not PACKAGE.is_dir():
        print("\nsharp is left out: it is installed by npm, which needs Node.js", file=sys.stderr)
        yield None
        return
    sharp = Sharp(node)
    try:
        yield sharp
    finally:
        sharp.stop()


def measure(report: Report, collection: Collection, folder: Path, rounds: int) -> None:
    """Compare the engine, with libvips and with Pillow alone, for each kind of original."""
    with started() as sharp:
        if sharp is None:
            return
        for name, (kind, content) in _originals(collection).items():
            path = folder / f"original-{len(report.tables)}"  # sharp keeps what it has read
            path.write_bytes(content)
            for side in SIDES:
                call = SharpCall(sharp, path, side)
                _compare(report, f"{name} -> {side}", kind, content, call, rounds)
            path.unlink()


def _originals(collection: Collection) -> dict[str, tuple[str, bytes]]:
    """Return kind and content of each original, by name."""
    originals = {
        each.name: ("progressive" if each.is_progressive else "baseline", each.content)
        for each in collection.photographs
    }
    return originals | collection.other_kinds()


def _compare(
    report: Report, title: str, kind: str, content: bytes, sharp: SharpCall, rounds: int
) -> None:
    side = sharp.side
    calls: dict[str, Callable[[], bytes]] = {
        "shift_media": partial(engines.shift_media, content, side, side),
        "shift_media, Pillow alone": partial(
            engines.shift_media, content, side, side, decoder="pillow"
        ),
        "sharp": sharp,
    }
    times = milliseconds(calls, rounds)
    rows = to_rows(calls, times, engines.best(content, side, side), to="sharp")
    report.table(title, rows)
    ours, alone = rows["shift_media"], rows["shift_media, Pillow alone"]
    most = MAX_AGAINST.get((kind, side), MAX_AGAINST["baseline", side])
    report.target(f"{title}: of sharp's time", ours["against"], most, at_least=False)
    lost = alone["SSIM"] - ours["SSIM"]
    report.target(f"{title}: SSIM lost by libvips", lost, MAX_SSIM_LOST, at_least=False)
    if kind == "baseline" and side in MAX_OF_PILLOW:
        most = MAX_OF_PILLOW[side]
        report.target(f"{title}: Pillow alone", alone["against"], most, at_least=False)
