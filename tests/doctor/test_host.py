"""The checks without a storage: keys, cache, Pillow, ffmpeg, MediaConvert and the webhook."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from shift_media.doctor import cache, pillow, players, signing_keys, video
from shift_media.doctor.findings import Finding, Severity
from shift_media.sandbox.ffmpeg import find_program
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.doctor.conftest import KEY, Doctor, media_storage, serving
from tests.servers.redis import Redis
from tests.transcoding.mediaconvert_site import MediaConvertSite, aws
from tests.transcoding.mediaconvert_site import site_settings as on_mediaconvert

__all__ = ["aws"]

STRONG = "0123456789abcdef0123456789abcdef"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:videos"


def only(findings: Any) -> Finding:
    (found,) = list(findings)
    assert isinstance(found, Finding)
    return found


# Signing keys


@pytest.mark.acceptance(48)
@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ([KEY], Severity.OK),
        ([STRONG, KEY], Severity.OK),
        ([b"0123456789abcdef0123456789abcdef"], Severity.OK),
        ([STRONG[:-1]], Severity.ERROR),
        (["ab" * 40], Severity.ERROR),
        (["django-insecure-0123456789abcdefghijklmnopqrstuvwxyz"], Severity.ERROR),
        (["a long random string, kept secret like SECRET_KEY"], Severity.WARNING),
        ([KEY, "short"], Severity.WARNING),
    ],
)
def test_signing_key_severity_follows_length_and_variety(
    given: list[Any], severity: Severity
) -> None:
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": given}):
        found = only(signing_keys.check_keys())
    assert found.severity == severity
    assert not any(str(key) in f"{found.seen}{found.fix}" for key in given)


def test_secret_key_as_only_signing_key_is_a_warning() -> None:
    with override_settings(SHIFT_MEDIA={}, SECRET_KEY=KEY):
        found = only(signing_keys.check_keys())
    assert found.severity == Severity.WARNING
    assert "when it is rotated, all URLs change" in found.seen


# The cache


def cached(backend: str, **more: Any) -> Finding:
    config = {"BACKEND": f"django.core.cache.backends.{backend}", **more}
    with override_settings(CACHES={"default": config}, SHIFT_MEDIA={}):
        return only(cache.check_cache())


@pytest.mark.slow
def test_cache_that_child_process_reads_is_ok(tmp_path: Path) -> None:
    found = cached("filebased.FileBasedCache", LOCATION=str(tmp_path / "cache"))
    assert found.severity == Severity.OK, found.seen
    assert list((tmp_path / "cache").glob("*.djcache")) == []  # nothing is left in it


@pytest.mark.redis
def test_redis_cache_is_ok_and_unreachable_redis_is_an_error(redis: Redis) -> None:
    assert cached("redis.RedisCache", LOCATION=redis.url).severity == Severity.OK
    down = cached("redis.RedisCache", LOCATION="redis://:hidden-word@127.0.0.1:1/0")
    assert down.severity == Severity.ERROR


@pytest.mark.parametrize("kind", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_cache_of_one_process_is_a_warning(kind: str) -> None:
    assert cached(kind).severity == Severity.WARNING


@pytest.mark.slow
def test_process_local_cache_of_unknown_class_is_a_warning() -> None:
    """Its class name is not known, so only the child process finds out."""
    config = {"BACKEND": "tests.doctor.broken.OwnCache"}
    with override_settings(CACHES={"default": config}, SHIFT_MEDIA={}):
        found = only(cache.check_cache())
    assert found.severity == Severity.WARNING
    assert "does not show a child process" in found.seen


# Pillow and ffmpeg


def test_pillow_without_a_format_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(pillow.check_pillow()).severity == Severity.OK
    monkeypatch.setitem(sys.modules, "PIL._avif", None)  # as in a Pillow built without libavif
    found = only(pillow.check_pillow())
    assert found.severity == Severity.ERROR
    assert found.seen.endswith("has no AVIF.")
    assert "pip install" in found.run


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize(
    ("edit", "severity", "seen"),
    [
        ("s/^ffmpeg version [^ ]*/ffmpeg version 4.4.1/", Severity.ERROR, "needs? 5.1 or newer"),
        ("s/^ffmpeg version [^ ]*/ffmpeg version n5.0/", Severity.ERROR, "n5.0 is too old"),
        ("s/^ffmpeg version [^ ]*/ffmpeg version 5.1.9/", Severity.OK, "version 5.1.9, with "),
        ("s/^ffmpeg version [^ ]*/ffmpeg version 12.0/", Severity.OK, "version 12.0, with "),
        ("s/^ffmpeg version [^ ]*/ffmpeg version N-1-ga/", Severity.OK, "N-1-ga, with libx264"),
        ("s/-fps_mode/-vsync/", Severity.ERROR, "does not know -fps_mode."),
        ("s/ libx264 / libopenh264 /g", Severity.ERROR, "was built without libx264."),
        ("s/ bwdif / yadif /", Severity.ERROR, "was built without bwdif."),
        ("s/ zscale / other /", Severity.WARNING, "without zscale, so HDR videos look grey."),
    ],
)
def test_ffmpeg_is_judged_by_version_options_encoders_and_filters(
    edit: str, severity: Severity, seen: str, tmp_path: Path
) -> None:
    """The real program, of whose output one thing is changed."""
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\n"{find_program()}" "$@" 2>/dev/null | sed "{edit}"\n')
    program.chmod(0o755)
    found = video.check_ffmpeg(str(program))
    assert found.severity == severity
    assert re.search(seen, found.seen), found.seen


def test_missing_ffmpeg_is_an_error(tmp_path: Path) -> None:
    assert video.check_ffmpeg(str(tmp_path / "none")).severity == Severity.ERROR


@pytest.mark.needs("ffmpeg")
def test_ffmpeg_of_the_extra_is_ok() -> None:
    found = video.check_ffmpeg("")
    assert found.severity == Severity.OK, found.seen


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
def test_encoders_of_profiles_are_tried_and_hardware_that_is_not_there_is_an_error() -> None:
    assert list(players.check_encoders()) == []
    profile = {"720p.mp4": {"kind": "mp4", "codec": "av1"}}
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": profile}}):
        found = only(players.check_encoders())
        assert (found.code, found.severity) == ("encoders", Severity.OK), found.seen
        assert "libsvtav1" in found.seen
    hardware = {"OPTIONS": {"encoder": "vaapi", "device": "/dev/null"}}
    with override_settings(SHIFT_MEDIA={"TRANSCODER": hardware}):
        found = only(players.check_encoders())
        assert found.severity == Severity.ERROR
        assert "h264_vaapi does not encode a second: " in found.seen


# MediaConvert


@pytest.mark.s3
@pytest.mark.needs("ffmpeg")
def test_mediaconvert_check_makes_only_get_requests_and_reports_refusal(
    aws: MediaConvertSite,
) -> None:
    found = only(video.check_videos())
    assert found.severity == Severity.OK, found.seen
    assert {method for method, _ in aws.server.requests} == {"GET"}
    aws.server.inject("GET", "/search", status=403, code="AccessDeniedException")
    refused = only(video.check_videos())
    assert refused.severity == Severity.ERROR
    assert "AccessDeniedException" in refused.seen
    assert refused.run.endswith("print iam-policy")


@pytest.mark.s3
@pytest.mark.needs("ffmpeg")
def test_malformed_mediaconvert_role_is_an_error(aws: MediaConvertSite) -> None:
    with override_settings(SHIFT_MEDIA=on_mediaconvert(aws.server, role="MediaConvert")):
        found = only(video.check_videos())
    assert found.severity == Severity.ERROR
    assert "role" in found.seen


# The webhook


@pytest.mark.parametrize(
    ("middleware", "severity"),
    [
        ([], "warning"),  # it works, without https
        (["tests.doctor.broken.refuse_post"], "error"),
    ],
)
def test_webhook_that_refuses_post_is_an_error(
    tmp_path: Path, doctor: Doctor, middleware: list[str], severity: str
) -> None:
    options = {"location": tmp_path / "media", "base_url": "/media/"}
    shift_media = {"SNS_TOPICS": [TOPIC], "CACHE": None, "LOCK_DIR": tmp_path / "locks"}
    with (
        media_storage(
            "LocalMediaStorage", options, SHIFT_MEDIA=shift_media, MIDDLEWARE=middleware
        ),
        serving() as site,
    ):
        assert "webhook" in doctor.codes("--site", site, severity=severity)


# Workers


@pytest.mark.django_db
def test_jobs_of_a_service_that_nothing_reads_are_an_error() -> None:
    job = TranscodeJob.objects.create(
        original="a", profile="web", state=State.SUBMITTED, started=timezone.now()
    )
    assert only(video.check_workers()).severity == Severity.OK
    TranscodeJob.objects.update(started=timezone.now() - timedelta(days=3))
    found = only(video.check_workers())
    assert found.severity == Severity.ERROR
    assert "1 job was submitted to a service more than two days ago" in found.seen
    assert found.run == "python manage.py media_transcode --poll"
    job.cancel()
    assert only(video.check_workers()).severity == Severity.OK


@pytest.mark.django_db
def test_jobs_that_wait_for_an_hour_without_a_worker_are_an_error() -> None:
    assert only(video.check_workers()).severity == Severity.OK
    hour_ago = timezone.now() - timedelta(minutes=61)
    TranscodeJob.objects.create(original="a", profile="web", not_before=hour_ago)
    found = only(video.check_workers())
    assert found.severity == Severity.ERROR
    assert "1 job is due" in found.seen
    assert found.run == "python manage.py media_transcode"
    with override_settings(SHIFT_MEDIA={"TASKS": "default"}):
        assert "TASKS" in only(video.check_workers()).fix
    lease = {"state": State.PROGRESSING, "lease_until": timezone.now() + timedelta(minutes=1)}
    TranscodeJob.objects.create(original="b", profile="web", **lease)
    assert only(video.check_workers()).severity == Severity.OK
