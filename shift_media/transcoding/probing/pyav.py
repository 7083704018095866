"""Reading by PyAV: one process looks at all files, since its start is what takes time."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from shift_media.sandbox.process import Bounds, Program, python
from shift_media.transcoding.probing.base import ProbeReader, Raw, Rules

_CHILD = str(Path(__file__).with_name("pyav_worker.py"))


class PyAV(ProbeReader):
    """Starts at once, so that it is ready when it is asked."""

    def __init__(self, folder: Path, rules: Rules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        words = [rules.protocols, rules.formats, str(rules.pixels)]
        command = [python(), "-P", _CHILD, *words]
        self._program = Program(command, folder, bounds, takes_input=True)
        self._lines = self._program.lines()
        self._open = 0

    @classmethod
    def is_available(cls) -> bool:
        """Tell whether the package ``av`` is there."""
        return importlib.util.find_spec("av") is not None

    def ask(self, names: Sequence[str], seconds: float) -> None:
        """Write the names to the process; they are the server's own and have no line breaks."""
        self._open = len(names)
        self._program.allow(seconds)
        self._program.write("".join(f"{name}\n" for name in names))

    def answers(self) -> Iterator[Raw | None]:
        """Read a line for each."""
        while self._open:
            line = next(self._lines, None)
            if line is None:
                raise ValueError("It ended before it had answered.")
            if line:
                self._open -= 1
            yield json.loads(line) if line else None

    def end(self) -> None:
        """End the process."""
        self._program.end()
