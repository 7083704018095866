"""System checks of fields and settings for videos."""

from __future__ import annotations

import sys
from typing import Any

import django
import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from shift_media.fields import MediaField


def check_ids(**options: Any) -> set[str | None]:
    with isolate_apps("tests.testapp"):

        class Film(models.Model):  # noqa: DJ008
            video = MediaField(metadata_field="meta", **options)
            meta = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        return {message.id for message in Film._meta.get_field("video").check()}


def test_unknown_profile_or_field_without_videos_is_e109() -> None:
    assert check_ids(accept=["video/*"], transcode="web") == set()
    assert check_ids(accept=["video/*"], transcode="wbe") == {"shift_media.E109"}
    assert check_ids(accept=["image/jpeg"], transcode="web") == {"shift_media.E109"}
    assert check_ids(accept=["image/*"], transcode="animation") == set()  # GIFs


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"PROFILES": {"web": {"a.mp4": {"kind": "mp5"}}}}, "mp4, webm, hls, dash, poster"),
        ({"PROFILES": []}, "a dict of profiles"),
        ({"TRANSCODER": "ffmpeg"}, "BACKEND"),
        ({"TRANSCODER": {"BACKEND": "no.such.Class"}}, "TRANSCODER"),
        ({"TRANSCODER": {"OPTIONS": {"speed": 11}}}, "speed"),
        ({"TRANSCODE_ATTEMPTS": 0}, "whole number from 1"),
        ({"TASKS": 1}, "an alias"),
    ],
)
def test_invalid_setting_is_an_error_with_the_expected_value(value: Any, expected: str) -> None:
    with override_settings(SHIFT_MEDIA=value):
        errors = [
            str(m.msg) for m in run_checks() if m.id in ("shift_media.E001", "shift_media.E006")
        ]
    assert any(expected in error for error in errors), errors


@pytest.mark.django_db
@override_settings(SHIFT_MEDIA={"TRANSCODER": {"OPTIONS": {"program": "/no/such/ffmpeg"}}})
def test_missing_program_is_e006() -> None:
    assert "shift_media.E006" in {message.id for message in run_checks()}


def message_of(id: str) -> CheckMessage | None:
    return next((message for message in run_checks() if message.id == f"shift_media.{id}"), None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("alias", "expected"),
    [("videso", 'did you mean "videos"?'), ("nowhere", "the known ones are default, videos.")],
)
def test_unknown_alias_of_tasks_is_e012_with_the_one_that_was_meant(
    alias: str, expected: str
) -> None:
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    backend = {"BACKEND": f"{package}.backends.dummy.DummyBackend"}
    aliases: dict[str, Any] = {"default": backend, "videos": backend}
    with override_settings(TASKS=aliases, SHIFT_MEDIA={"TASKS": alias}):
        message = message_of("E012")
    assert message is not None
    assert expected in str(message.msg)


@pytest.mark.django_db
@pytest.mark.parametrize("alias", [None, "default"])
def test_known_alias_of_tasks_has_no_message(alias: str | None) -> None:
    with override_settings(SHIFT_MEDIA={"TASKS": alias}):
        assert message_of("E012") is None


@pytest.mark.django_db
@override_settings(SHIFT_MEDIA={"TASKS": "default"})
def test_missing_package_of_tasks_is_e012(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("concurrency.tasks", "transcoding.services.tasks"):
        monkeypatch.delitem(sys.modules, f"shift_media.{name}", raising=False)
    monkeypatch.setattr(django, "VERSION", (5, 2))  # Only there the package may be missing.
    monkeypatch.setitem(sys.modules, "django_tasks", None)
    message = message_of("E012")
    assert message is not None
    assert "tasks" in str(message.msg)
