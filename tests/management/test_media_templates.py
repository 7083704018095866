"""``manage.py media_templates``: templates of a project that use other packages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.management.commands.media_templates import find_known

SURE = "{% load thumbnail %}\r\n{% thumbnail p.photo 9x8 crop %}\r\n"
ODD = "{% load thumbnail %}\n{% thumbnail p.photo 9x8 crop='smart' %}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of the project's templates."""
    backend = "django.template.backends.django.DjangoTemplates"
    engine = {"BACKEND": backend, "DIRS": [tmp_path], "APP_DIRS": True}
    with override_settings(TEMPLATES=[engine]):
        yield tmp_path


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("media_templates", *words, stdout=out, stderr=out)
    return out.getvalue()


def test_diff_is_shown_and_no_file_is_changed(folder: Path) -> None:
    template = folder / "a.html"
    template.write_bytes(SURE.encode())
    shown = run()
    assert "-{% thumbnail p.photo 9x8 crop %}" in shown
    assert '+{% resize_url p.photo "9x8" mode="fill" %}' in shown
    assert "1 template: 1 place can be replaced: run it with --write." in shown
    assert template.read_bytes() == SURE.encode()


def test_write_replaces_what_is_certain_and_lists_the_rest(folder: Path) -> None:
    (folder / "shop").mkdir()
    sure, odd = folder / "a.html", folder / "shop/b.txt"
    sure.write_bytes(SURE.encode())
    odd.write_text(ODD)
    shown = run("--write")
    assert sure.read_bytes() == (
        b'{% load shift_media %}\r\n{% resize_url p.photo "9x8" mode="fill" %}\r\n'
    )
    assert odd.read_text() == ODD
    assert f"{odd}:2: {{% thumbnail p.photo 9x8 crop='smart' %}}" in shown
    assert "It cuts at 'smart'." in shown
    assert 'Nearly the same: {% resize_url p.photo "9x8" mode="fill" %}' in shown
    assert "2 templates: 1 place replaced." in shown
    assert "1 place that may look different" in shown
    assert "1 place can be replaced" not in run()


def test_suggestions_are_written_if_asked_for(folder: Path) -> None:
    (folder / "b.html").write_text(ODD)
    run("--write", "--suggestions")
    assert (folder / "b.html").read_text() == (
        '{% load shift_media %}\n{% resize_url p.photo "9x8" mode="fill" %}\n'
    )


def test_templates_of_installed_packages_and_other_files_are_left_out(
    folder: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "lib/site-packages/shop/templates"
    installed.mkdir(parents=True)
    (installed / "a.html").write_text(SURE)
    (folder / "a.py").write_text(SURE)
    engine = {**settings.TEMPLATES[0], "DIRS": [installed]}
    with override_settings(TEMPLATES=[engine]):
        assert run() == "No template uses a tag of the other packages.\n"
    assert "a.html" not in run(str(folder / "a.py"))


def test_named_paths_are_read_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mail.tpl").write_text(SURE)
    assert "1 place" in run(str(tmp_path / "mail.tpl"))
    assert "No template" in run(str(tmp_path))
    with pytest.raises(CommandError, match="does not exist: name a template or a folder"):
        run(str(tmp_path / "none"))


def test_template_in_another_encoding_is_named_and_skipped(folder: Path) -> None:
    (folder / "old.html").write_bytes(b"\xe9{% load thumbnail %}{% thumbnail p.photo 9x8 %}")
    assert "old.html: not read, because it is not UTF-8." in run()


def test_settings_of_the_project_are_known() -> None:
    with override_settings(
        SHIFT_MEDIA={"PRESETS": {"avatar": {"size": "9x9"}}},
        PICTURES={"BREAKPOINTS": {"s": 600}, "FILE_TYPES": ["WEBP"]},
    ):
        known = find_known()
    assert known.presets == {"avatar"}
    assert (known.breakpoints, known.columns, known.file_types) == ({"s": 600}, 12, ["WEBP"])
    assert known.thumbnail == ""
