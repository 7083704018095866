"""Everything that decodes files of any origin goes through `shift_media.workers.isolated`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import shift_media

PACKAGE = Path(shift_media.__file__).parent
PURE = ("imaging", "workers")
OWN_PICTURES = ("doctor",)
"""Rooms that decode pictures that they have drawn themselves, or answers of the site."""

MODULES = ("engine", "impressions")

DECODING = {
    *("make", "make_many", "preview", "open_picture", "bake_orientation"),
    *("read_exif_facts", "strip", "make_palette", "make_blurhash"),
}
"""Functions of ``imaging`` that decode."""


def used_names(path: Path) -> Iterator[str]:
    """Yield the names that a module imports from ``imaging``, or uses of its modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "shift_media.imaging"
        ):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in MODULES:
            yield node.attr


@pytest.mark.slow
def test_no_other_module_decodes() -> None:
    found = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in (*PURE, *OWN_PICTURES)
        and (names := DECODING & set(used_names(path)))
    }
    assert found == {}, "Call the functions of shift_media.workers.isolated instead."
