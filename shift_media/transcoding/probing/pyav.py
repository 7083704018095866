"""Reading by PyAV: one process reads all files, because starting it takes most of the time."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from shift_media.sandbox.process import Bounds, Program, python
from shift_media.transcoding.probing.base import ProbeReader, ProbeRules, RawFacts

_WORKER = str(Path(__file__).with_name("pyav_worker.py"))


class PyAV(ProbeReader):
    """Starts its process at once, so that it has loaded the library when the first file comes."""

    def __init__(self, folder: Path, rules: ProbeRules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        arguments = [rules.protocols, rules.formats, str(rules.pixels)]
        command = [python(), "-P", _WORKER, *arguments]
        self._program = Program(command, folder, bounds, takes_input=True)
        self._lines = self._program.lines()
        self._pending = 0

    @classmethod
    def is_available(cls) -> bool:
        """Return True if the package ``av`` is installed."""
        return importlib.util.find_spec("av") is not None

    def start(self, names: Sequence[str], seconds: float, *, reads_packets: bool) -> None:
        """Write the names to the process. They are made by this app and have no line breaks."""
        mark = "+" if reads_packets else ""
        self._pending = len(names)
        self._program.set_deadline(seconds)
        self._program.write("".join(f"{mark}{name}\n" for name in names))

    def results(self) -> Iterator[RawFacts | None]:
        """Parse one line for each file."""
        while self._pending:
            line = next(self._lines, None)
            if line is None:
                raise ValueError("The process ended before it had read all files.")
            if line:
                self._pending -= 1
            yield json.loads(line) if line else None

    def end(self) -> None:
        """End the process."""
        self._program.end()
