"""The tables of tags in the guide for other packages are what `media_templates` writes."""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from shift_media.markup.translation import Known, translate
from tests.docs.blocks import DOCS

PAGE = DOCS / "how-to" / "switch-from-other-packages.rst"
LIBRARIES = {
    "tags-sorl": "thumbnail",
    "tags-easy": "thumbnail",
    "tags-imagekit": "imagekit",
    "tags-versatile": "",
    "tags-pictures": "pictures",
    "tags-stdimage": "",
    "tags-wagtail": "wagtailimages_tags",
}
KNOWN = Known(presets=frozenset({"avatar"}))

Row = tuple[str, str, str, str]
"""The name of a table, and its three columns: the tag, ours or "", and what differs."""


def rows() -> list[Row]:
    """Return the rows of all tables of tags."""
    options = {"halt_level": 5, "report_level": 5, "syntax_highlight": "none"}
    document = publish_doctree(PAGE.read_text(), settings_overrides=options)
    found: list[Row] = []
    for table in document.findall(nodes.table):
        name = next((name for name in table["names"] if name in LIBRARIES), "")
        for body in table.findall(nodes.tbody) if name else ():
            for row in body.findall(nodes.row):
                before, after, reason = row.children
                texts = [next(iter(each.findall(nodes.literal)), None) for each in (before, after)]
                tag, ours = ("" if text is None else text.astext() for text in texts)
                found.append((name, tag, ours, reason.astext()))
    return found


def test_each_table_is_read() -> None:
    assert {row[0] for row in rows()} == set(LIBRARIES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_row_is_what_the_command_writes(row: Row) -> None:
    table, tag, ours, reason = row
    library = LIBRARIES[table]
    source = (f"{{% load {library} %}}" if library else "") + tag
    translation = translate(source, KNOWN, with_suggestions=True)
    assert len(translation.changes) == 1
    assert bool(translation.unsure) == (bool(reason) or not ours)
    if ours:
        assert translation.text.endswith(ours)
        assert translation.text.count("{% load shift_media %}") == 1
    else:
        assert translation.text == source
