"""What the system checks say of videos."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from shift_media.fields import MediaField


def ids(**options: Any) -> set[str | None]:
    with isolate_apps("tests.testapp"):

        class Film(models.Model):  # noqa: DJ008
            video = MediaField(metadata_field="meta", **options)
            meta = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        return {message.id for message in Film._meta.get_field("video").check()}


def test_a_profile_that_is_not_there_and_a_field_without_videos_are_errors() -> None:
    assert ids(accept=["video/*"], transcode="web") == set()
    assert ids(accept=["video/*"], transcode="wbe") == {"shift_media.E109"}
    assert ids(accept=["image/*"], transcode="web") == {"shift_media.E109"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"PROFILES": {"web": {"a.mp4": {"kind": "mp5"}}}}, "mp4, hls, poster"),
        ({"PROFILES": []}, "a dict of profiles"),
        ({"TRANSCODER": "ffmpeg"}, "BACKEND"),
        ({"TRANSCODER": {"BACKEND": "no.such.Class"}}, "TRANSCODER"),
        ({"TRANSCODER": {"OPTIONS": {"speed": 11}}}, "speed"),
        ({"TRANSCODE_ATTEMPTS": 0}, "whole number from 1"),
        ({"TASKS": 1}, "an alias"),
    ],
)
def test_wrong_settings_are_errors_that_say_what_to_write(value: Any, said: str) -> None:
    with override_settings(SHIFT_MEDIA=value):
        errors = [
            str(m.msg) for m in run_checks() if m.id in ("shift_media.E001", "shift_media.E006")
        ]
    assert any(said in error for error in errors), errors


@pytest.mark.django_db
@override_settings(SHIFT_MEDIA={"TRANSCODER": {"OPTIONS": {"program": "/no/such/ffmpeg"}}})
def test_a_program_that_is_not_there_is_an_error() -> None:
    assert "shift_media.E006" in {message.id for message in run_checks()}
