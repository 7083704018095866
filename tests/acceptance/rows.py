"""The rows of the acceptance list, and the tests that are marked with their numbers.

The marks are read from the source, because a collection of all tests takes half a minute. So a
mark is a literal: ``pytest.mark.acceptance(10, 11)``.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.parts import ROOT

_LIST = Path(__file__).with_name("rows.toml")
_TESTS = ROOT / "tests"

Marks = dict[int, set[str]]
"""The tests of each row, as ``path::name`` or ``path::class::name`` below the project."""


@dataclass(frozen=True)
class Section:
    """A part of the list: its title, and its sentences by their numbers."""

    title: str
    rows: dict[int, str]


def read_sections() -> list[Section]:
    """Return the acceptance list."""
    parts = tomllib.loads(_LIST.read_text()).values()
    return [
        Section(part["title"], {int(n): text for n, text in part.items() if n.isdecimal()})
        for part in parts
    ]


def read_rows() -> dict[int, str]:
    """Return the sentence of each row by its number."""
    return {number: text for part in read_sections() for number, text in part.rows.items()}


def find_marks(folder: Path = _TESTS) -> Marks:
    """Return which tests are marked with which rows."""
    marks: Marks = {}
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text()
        if "acceptance(" not in source:
            continue
        name = path.relative_to(folder.parent).as_posix()
        for row, test in _marks_of(ast.parse(source)):
            marks.setdefault(row, set()).add(f"{name}::{test}")
    return marks


def _marks_of(module: ast.Module) -> Iterator[tuple[int, str]]:
    everywhere = {
        row
        for statement in module.body
        if isinstance(statement, ast.Assign) and _is_pytestmark(statement)
        for row in _rows_in(statement.value)
    }
    yield from _marks_in(module.body, "", everywhere)


def _is_pytestmark(statement: ast.Assign) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == "pytestmark" for each in statement.targets
    )


def _marks_in(body: list[ast.stmt], prefix: str, inherited: set[int]) -> Iterator[tuple[int, str]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef) and statement.name.startswith("Test"):
            rows = inherited | {row for each in statement.decorator_list for row in _rows_in(each)}
            yield from ((row, f"{prefix}{statement.name}") for row in rows)
            yield from _marks_in(statement.body, f"{prefix}{statement.name}::", set())
        elif isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_"):
            own = {row for each in statement.decorator_list for row in _rows_in(each)}
            yield from ((row, f"{prefix}{statement.name}") for row in own | inherited)


def _rows_in(node: ast.expr) -> Iterator[int]:
    """Yield the numbers of each mark in an expression, also of one parameter of a test."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "acceptance"
        ):
            yield from (ast.literal_eval(number) for number in call.args)
