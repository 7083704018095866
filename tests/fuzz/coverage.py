"""Lines of the package that were executed, at nearly no cost: each is reported once.

``sys.monitoring`` (PEP 669) is in Python 3.12 and newer. Older ones fuzz without knowing what is
new, and report no coverage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from tests.parts import ROOT

_PACKAGE = str(ROOT / "shift_media")
Line = tuple[str, int]
"""A path below the package, and the number of a line."""


class LineCoverage:
    """The lines that were executed since it was started."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()

    def start(self) -> None:
        """Observe all threads of this process from now on."""
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is None:
            return
        tool = monitoring.COVERAGE_ID
        monitoring.use_tool_id(tool, "fuzz")
        monitoring.register_callback(tool, monitoring.events.LINE, self._executed)
        monitoring.set_events(tool, monitoring.events.LINE)

    def _executed(self, code: CodeType, number: int) -> Any:
        if code.co_filename.startswith(_PACKAGE):
            self.lines.add((code.co_filename[len(_PACKAGE) + 1 :], number))
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]


def percent_by_room(lines: Iterable[Line]) -> dict[str, tuple[int, int]]:
    """Return, by module that was entered, the lines executed and those there are in functions."""
    seen: dict[str, set[int]] = {}
    for path, number in lines:
        seen.setdefault(path, set()).add(number)
    return {
        path: (len(numbers & lines_of(path)), len(lines_of(path)))
        for path, numbers in sorted(seen.items())
        if lines_of(path)
    }


@cache
def lines_of(path: str) -> frozenset[int]:
    """Return the lines of all functions of a module: others are executed by its import."""
    source = Path(_PACKAGE, path)
    module = compile(source.read_text(), str(source), "exec")
    return frozenset(
        number
        for code in _nested(module)
        if code.co_flags & 2  # CO_NEWLOCALS: a function, and not a class
        for _, _, number in code.co_lines()
        if number and number > code.co_firstlineno
    )


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)
