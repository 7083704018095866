"""The sentences of the picker's scripts, which Python translates."""

from __future__ import annotations

import json
import re
import struct
from html import unescape
from pathlib import Path
from typing import Any

from django.utils import translation

from shift_media.forms import MediaFormField
from tests.parts import PACKAGE

SCRIPTS = sorted((PACKAGE / "static/shift_media").glob("picker*.js"))


def texts() -> dict[str, str]:
    """Return the sentences as an input hands them to its script."""
    shown = MediaFormField().widget.render("image", None)
    found = re.search(r'data-texts="([^"]+)"', shown)
    assert found is not None
    sentences: dict[str, str] = json.loads(unescape(found[1]))
    return sentences


def test_scripts_use_each_sentence_and_no_other() -> None:
    code = "".join(path.read_text() for path in SCRIPTS)
    known = set(texts())
    assert set(re.findall(r'words\.text\("(\w+)"', code)) <= known
    unused = {name for name in known if not re.search(rf"\b{name}\b", code)}
    assert unused == set()


def write_catalogue(path: Path, messages: dict[str, str]) -> None:
    """Write a catalogue in the format of ``.mo`` files (GNU gettext, section 10.3)."""
    entries = {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}
    texts = [*sorted(entries), *(entries[name] for name in sorted(entries))]
    count, place = len(entries), 28 + 16 * len(entries)
    table, pool = [], b""
    for text in texts:
        data = text.encode()
        table += [len(data), place + len(pool)]
        pool += data + b"\0"
    header = (0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack(f"<{7 + len(table)}I", *header, *table) + pool)


def test_sentences_and_limits_are_in_the_language_of_the_request(
    tmp_path: Path, settings: Any
) -> None:
    catalogue = tmp_path / "de/LC_MESSAGES/django.mo"
    write_catalogue(catalogue, {"Cancel": "Abbrechen", "up to %s": "bis %s"})
    settings.LOCALE_PATHS = [tmp_path]
    field = MediaFormField(max_bytes=1_500_000)
    with translation.override("de"):
        assert texts()["cancel"] == "Abbrechen"
        assert "bis 1,5 MB" in field.widget.render("image", None)
    assert texts()["cancel"] == "Cancel"
    assert "up to 1.5 MB" in field.widget.render("image", None)
