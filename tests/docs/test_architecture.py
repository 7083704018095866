"""The drawing of the rooms agrees with import-linter, and pages name existing modules."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tests.docs.blocks import DOCS
from tests.parts import ROOT

PAGE = DOCS / "explanation" / "architecture.rst"
DRAWING = DOCS / "explanation" / "architecture.svg"
SVG = "{http://www.w3.org/2000/svg}"
DECISIONS = sorted((DOCS / "decisions").glob("*.rst"))
NAMING_PAGES = [PAGE, *DECISIONS, ROOT / "CONTRIBUTING.rst", ROOT / "tests" / "README.rst"]
"""Pages on which each literal that looks like a path must exist."""

Layers = list[list[str]]


def enforced_layers() -> Layers:
    """Return the rooms of each layer of the contract in setup.cfg, top down."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    lines = config["importlinter:contract:layers"]["layers"].split("\n")
    return [sorted(re.findall(r"[\w.]+", line)) for line in lines if line.strip()]


def drawn_layers(svg: str) -> Layers:
    """Return the rooms of each layer of the drawing, from top to bottom."""
    root = ElementTree.fromstring(svg)
    layers = [each for each in root.iter(f"{SVG}g") if "layer" in each.get("class", "").split()]
    layers.sort(key=_height)
    return [sorted(_rooms(layer)) for layer in layers]


def _rooms(layer: ElementTree.Element) -> list[str]:
    return [str(text.text) for text in layer.iter(f"{SVG}text") if text.get("class") == "room"]


def _height(layer: ElementTree.Element) -> float:
    found = re.fullmatch(r"translate\(\S+ (\S+)\)", layer.get("transform", ""))
    assert found, 'Each layer of the drawing needs transform="translate(0 Y)".'
    return float(found[1])


def listed_rooms() -> list[str]:
    """Return the rooms of the table, top down."""
    options = {"halt_level": 5, "report_level": 5, "syntax_highlight": "none"}
    document = publish_doctree(PAGE.read_text(), settings_overrides=options)
    (table,) = (table for table in document.findall(nodes.table) if "rooms" in table["names"])
    rows = [row for body in table.findall(nodes.tbody) for row in body.findall(nodes.row)]
    return [next(iter(row.findall(nodes.literal))).astext() for row in rows]


def test_drawing_has_the_layers_of_the_contract() -> None:
    assert drawn_layers(DRAWING.read_text()) == enforced_layers(), (
        f"{DRAWING.relative_to(ROOT)} and the contract in setup.cfg differ: move the room in the "
        f"drawing to its layer."
    )


def test_table_lists_the_rooms_of_the_contract_in_order() -> None:
    listed, start = listed_rooms(), 0
    for layer in enforced_layers():
        assert sorted(listed[start : start + len(layer)]) == layer, (
            f"The table in {PAGE.relative_to(ROOT)} must list {layer} from row {start + 1} on."
        )
        start += len(layer)
    assert listed[start:] == []


def test_drawing_with_two_layers_exchanged_differs() -> None:
    first, second = re.findall(r"translate\(0 \d+\)", DRAWING.read_text())[:2]
    exchanged = DRAWING.read_text().replace(first, "?").replace(second, first)
    exchanged = exchanged.replace("?", second)
    assert drawn_layers(exchanged) != drawn_layers(DRAWING.read_text())
    assert sorted(drawn_layers(exchanged)) == sorted(drawn_layers(DRAWING.read_text()))


def named_paths(page: Path) -> list[str]:
    """Return the literals of a page that are paths of modules or folders, not of results."""
    literals = re.findall(r"``((?!var/)[^`]+)``", page.read_text())
    return [text for text in literals if re.fullmatch(r"[\w.]+(/[\w.]*)+|\w+\.py", text)]


@pytest.mark.parametrize("page", NAMING_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_that_a_page_names_exist(page: Path) -> None:
    missing = [
        name
        for name in named_paths(page)
        if not any((folder / name).exists() for folder in (ROOT, ROOT / "shift_media"))
    ]
    assert missing == [], "Name the module as it is called now."


def test_each_process_of_the_architecture_page_names_its_modules() -> None:
    parts = re.split(r"\nHow an? (\w+) is \w+\n-+\n", PAGE.read_text())
    assert parts[1::2] == ["upload", "resize", "job", "deletion"]
    for steps in parts[2::2]:
        assert len(re.findall(r"``[\w/]+\.py``", steps)) >= 5
