"""Fixtures: the memory and the time of the engine on one file, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.imaging import limits
from tests.imaging.processes import Measuring

# Each bomb is made in a process of its own; the kernel counts its peak memory and CPU time.

MEASURE = """
import time
from io import BytesIO
from PIL import Image
from shift_media.imaging import engine
from shift_media.core.errors import MediaError
from shift_media.core.spec import Spec
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
warm = BytesIO()
Image.new("RGB", (64, 64)).save(warm, "JPEG")
for format in ("jpg", "webp", "avif", "png", "gif"):
    engine.make(warm, Spec.make("32x32", format=format))
def measure(path, size, format, works):
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    idle, cpu, outcome = peak(), time.process_time(), []
    with open(path, "rb") as file:
        spec = Spec.make(size, format=format)
        for work in (lambda: engine.make(file, spec), lambda: engine.preview(file))[:works]:
            try:
                work()
                outcome.append("made")
            except MediaError as error:
                outcome.append(type(error).__name__)
    return [peak() - idle, time.process_time() - cpu, outcome]
"""


class Measured(Protocol):
    """The fixture `measured`."""

    def __call__(
        self,
        content: bytes,
        size: str = "400x400",
        format: str = "jpg",
        works: int = 2,
        most: float = limits.CPU_SECONDS,
    ) -> tuple[float, float, list[str]]: ...


@pytest.fixture(scope="module")
def measure() -> Iterator[Measuring]:
    with Measuring(MEASURE) as measure:
        yield measure


@pytest.fixture
def measured(measure: Measuring, tmp_path: Path) -> Measured:
    """Return a function that makes a resize, and a preview unless ``works`` is 1.

    It returns MB, CPU seconds and outcomes. What else the machine does makes it longer, and never
    shorter: where it took more than ``most`` it is measured again, up to three times, and the
    least counts.
    """

    def measured(
        content: bytes,
        size: str = "400x400",
        format: str = "jpg",
        works: int = 2,
        most: float = limits.CPU_SECONDS,
    ) -> tuple[float, float, list[str]]:
        path = tmp_path / "source"
        path.write_bytes(content)
        arguments = (str(path), size, format, works)
        megabytes, seconds, outcome = measure(*arguments)
        for _ in range(2):
            if seconds > most:
                seconds = min(seconds, measure(*arguments)[1])
        return megabytes, seconds, outcome

    return measured
