"""The page about the picker, compared with its style sheet and its scripts."""

from __future__ import annotations

import re

from tests.docs.blocks import DOCS
from tests.parts import ROOT

PAGE = (DOCS / "how-to/picker.rst").read_text()
STATIC = ROOT / "shift_media/static/shift_media"


def test_table_of_variables_lists_those_of_the_style_sheet() -> None:
    used = set(re.findall(r"--shift-media-\w+", (STATIC / "media-input.css").read_text()))
    assert set(re.findall(r"^``(--shift-media-\w+)``", PAGE, re.MULTILINE)) == used


def test_event_of_the_page_is_emitted_with_its_details() -> None:
    script = (STATIC / "picker.js").read_text()
    assert '"shift-media:change"' in script
    assert "detail: { count: files.length, isBusy: this.isBusy }" in script
