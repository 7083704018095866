"""Output of all commands: verbosity, help, and a reader that is gone."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class

COMMANDS: dict[str, list[str]] = {
    "media_cleanup": [],
    "media_resize": ["testapp.Photo", "--sizes=20x20"],
    "media_transcode": [],
}

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_verbosity_0_prints_nothing(name: str, media_root: Path) -> None:
    assert run(name, *COMMANDS[name])[0] != ""
    assert run(name, *COMMANDS[name], verbosity=0) == ("", "")


@pytest.mark.slow
def test_doctor_prints_problems_alone_to_standard_error_at_verbosity_0(media_root: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    options: dict[str, Any] = {"site": "http://127.0.0.1:9", "timeout": 1.0, "verbosity": 0}
    with pytest.raises(CommandError, match="Not healthy"):
        call_command("media_doctor", stdout=out, stderr=err, **options)
    assert out.getvalue() == ""
    assert "Fix: " in err.getvalue()
    assert "\nok " not in err.getvalue()


def test_documents_are_printed_at_verbosity_0() -> None:
    assert '"Statement"' in run("media_bucket", "print", "iam-policy", verbosity=0)[0]


@pytest.mark.parametrize("name", [*COMMANDS, "media_doctor", "media_bucket"])
def test_help_has_no_default_that_says_nothing(name: str) -> None:
    text = load_command_class("shift_media", name).create_parser("manage.py", name).format_help()
    assert "default: None" not in text
    assert "default: False" not in text
    assert "default: []" not in text


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_command_goes_on_if_the_reader_of_its_output_is_gone(media_root: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as out:
        call_command("media_cleanup", stdout=out)
