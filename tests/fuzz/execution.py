"""One input in one target, with its bounds, and what was found."""

from __future__ import annotations

import hashlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from shift_media.core.faults import as_fault
from tests.fuzz.targets import Target
from tests.imaging import limits
from tests.parts import ROOT

CPU_SECONDS = limits.CPU_SECONDS
MEGABYTES = limits.USUAL


@dataclass(frozen=True)
class Finding:
    """An input with which a target broke a promise.

    Attributes:
        kind: an error's name, ``memory``, ``slow``, ``hang`` or ``crash``.
        where: the last line of the package in the traceback, or the promise.
        text: for a person.
    """

    target: str
    kind: str
    where: str
    text: str = ""

    @property
    def id(self) -> str:
        """The same for all inputs that fail in the same way."""
        return f"{self.target}-{self.kind}-{self.where}"

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256(self.id.encode()).hexdigest()[:8]
        return f"{self.target}-{self.kind}-{digest}"


def execute(target: Target, content: bytes) -> tuple[bool, Finding | None]:
    """Return whether an input was accepted, and what is wrong with that."""
    _forget_peak()
    before, started = peak_megabytes(), time.process_time()
    try:
        accepted, finding = target.run(content), None
    except Exception as error:
        accepted, finding = False, _finding_of(target, error)
    seconds, megabytes = time.process_time() - started, peak_megabytes() - before
    if finding is None and megabytes > MEGABYTES:
        finding = Finding(target.name, "memory", "", f"{megabytes:.0f} MB more than before")
    if finding is None and seconds > CPU_SECONDS:
        finding = Finding(target.name, "slow", "", f"{seconds:.1f} s of CPU time")
    return accepted, finding


def _finding_of(target: Target, error: Exception) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(ROOT / "shift_media"))]
    last = (own or frames)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    if isinstance(error, AssertionError):
        where = str(error)[:80]
    kind = "memory" if as_fault(error) or isinstance(error, MemoryError) else type(error).__name__
    text = "".join(traceback.format_exception(error))[-3000:]
    return Finding(target.name, kind, where, text)


def peak_megabytes() -> float:
    """Return the largest resident memory since `_forget_peak`, in MB; 0 where it is unknown."""
    try:
        with open("/proc/self/status", "rb") as status:
            text = status.read()
    except OSError:
        return 0.0
    return int(text.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) / 1024


def _forget_peak() -> None:
    try:
        with open("/proc/self/clear_refs", "wb") as clear:
            clear.write(b"5")
    except OSError:
        return
