"""Tests that the page on security names exist and have acceptance rows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS
from tests.parts import ROOT

PAGE = DOCS / "explanation" / "security.rst"
FEWEST = 40
FEWEST_VERSIONS = 6


def marked_tests() -> set[str]:
    """Return the names of the test functions that are marked with an acceptance row."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in _functions(path)
        if any("acceptance" in ast.unparse(decorator) for decorator in node.decorator_list)
        or "acceptance" in _module_marks(path)
    }


def admin_tests() -> set[str]:
    """Return the names of the tests of pages in the admin, about which there is no row."""
    paths = (ROOT / "tests" / "admin").glob("test_*.py")
    return {node.name for path in paths for node in _functions(path)}


def _functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _module_marks(path: Path) -> str:
    found = re.search(r"^pytestmark = .*?(?=^\S)", path.read_text(), re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.slow
def test_tests_that_the_page_names_exist_and_have_acceptance_rows() -> None:
    named = set(re.findall(r"``(test_\w+)``", PAGE.read_text()))
    assert len(named) >= FEWEST
    known = marked_tests() | admin_tests()
    assert named - known == set(), f"Rename the tests in {PAGE.relative_to(ROOT)} too."


def test_versions_that_the_page_names_are_the_least_of_setup_cfg() -> None:
    table = PAGE.read_text().partition("Versions that contain known fixes")[2]
    named = dict(re.findall(r"^``([\w-]+)`` +([\d.]+) ", table, re.MULTILINE))
    assert len(named) >= FEWEST_VERSIONS
    text = (ROOT / "setup.cfg").read_text()
    least = {name: set(re.findall(rf"^ +{name} >= (\S+)$", text, re.MULTILINE)) for name in named}
    assert least == {name: {version} for name, version in named.items()}
