"""The types in TypeScript are those of the JSON."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.markup.representation import FACTS

PRESETS = {"avatar": {"size": "16x16"}, "card-2": {"size": "400x"}}


def run(*arguments: str) -> str:
    out = io.StringIO()
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        call_command("media_types", *arguments, stdout=out)
    return out.getvalue()


def members(text: str, name: str) -> dict[str, str]:
    body = re.search(rf"export interface {name}\b[^{{]*{{(.*?)}}", text, re.DOTALL)
    assert body
    return dict(re.findall(r"  (\w+): (.*);", body[1]))


def test_types_have_each_member_of_the_json() -> None:
    text = run()
    assert 'export type MediaPreset = "avatar" | "card-2";' in text
    media = members(text, "Media")
    assert list(media) == [*FACTS, "url", "resizes"]
    assert media["content_type"] == "string | null"
    assert media["duration"] == "number | null"
    assert media["url"] == "string"
    assert media["resizes"] == "Partial<Record<Preset, MediaResize>>"
    assert members(text, "MediaResize") == {
        "url": "string", "width": "number | null", "height": "number | null"
    }  # fmt: skip


def test_site_without_presets_has_the_type_of_no_name() -> None:
    out = io.StringIO()
    call_command("media_types", stdout=out, verbosity=0)
    assert "export type MediaPreset = never;" in out.getvalue()


def test_file_is_written_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "media.d.ts"
    with pytest.raises(CommandError, match="Write it again with"):
        run("--check", f"--output={file}")
    assert not file.exists()
    assert "is written" in run(f"--output={file}")
    assert file.read_text() == run()
    assert "has the types" in run("--check", f"--output={file}")
    file.write_text(file.read_text().replace("avatar", "icon"))
    with pytest.raises(CommandError, match="Write it again with"):
        run("--check", f"--output={file}")
    with pytest.raises(CommandError, match="--output FILE"):
        run("--check")
