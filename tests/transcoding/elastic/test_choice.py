"""The choice of a transcoder that replaces the closed service, and its checks."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import ERROR, CheckMessage, run_checks
from django.test import override_settings

from shift_media.conf import ConfigurationError
from shift_media.transcoding import services
from shift_media.transcoding.backends.elastic_transcoder import (
    CLOSED,
    ElasticTranscoder,
    ServiceClosed,
    client,
)
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.transcoding.conftest import NewFilm, work
from tests.transcoding.elastic.material import GENERIC_720P, PIPELINE, PROJECT, WEB

BACKEND = "shift_media.transcoding.backends.elastic_transcoder.ElasticTranscoder"
FFMPEG = {"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}
MEDIACONVERT = {
    "BACKEND": "shift_media.transcoding.backends.mediaconvert.MediaConvert",
    "OPTIONS": {"role": "arn:aws:iam::123456789012:role/MediaConvert", "region": "eu-west-1"},
}


def site(profile: Any = PROJECT, **options: Any) -> dict[str, Any]:
    """Return ``SHIFT_MEDIA`` of a project that used the service."""
    transcoder = {"BACKEND": BACKEND, "OPTIONS": {"pipeline_id": PIPELINE, **options}}
    return {"TRANSCODER": transcoder, "PROFILES": {"web": profile}}


def found(**settings: Any) -> dict[str, CheckMessage]:
    with override_settings(SHIFT_MEDIA=site(**settings)):
        ours = [m for m in run_checks() if str(m.id).startswith("shift_media.")]
    return {str(message.id): message for message in ours}


@pytest.mark.django_db
def test_closed_service_without_replacement_is_check_error_with_fix() -> None:
    message = found()["shift_media.E008"]
    assert message.level == ERROR
    for said in (
        "closed by AWS on 2025-11-13",
        "since 1.42.18",
        '"instead"',
        "shift_media.transcoding.backends.ffmpeg.FFmpeg",
        "MediaConvert",
        "profiles in preset ids stay as they are",
    ):
        assert said in str(message.msg)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.needs("ffmpeg")
def test_job_stays_pending_until_replacement_is_configured(new_film: NewFilm) -> None:
    with override_settings(SHIFT_MEDIA=site()):
        new_film()
        with pytest.raises(ServiceClosed, match="closed by AWS on 2025-11-13"):
            services.transcoder()
    with override_settings(SHIFT_MEDIA=site(instead=FFMPEG)):
        work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.transcoder) == (State.COMPLETE, "ffmpeg")


@pytest.mark.parametrize(
    ("instead", "name", "embedded"),
    [(FFMPEG, "ffmpeg", True), (MEDIACONVERT, "mediaconvert", False)],
)
def test_replacement_is_chosen_under_its_own_name(instead: Any, name: str, embedded: bool) -> None:
    with override_settings(SHIFT_MEDIA=site(instead=instead)):
        chosen = services.transcoder()
    assert (chosen.name, chosen.embedded) == (name, embedded)


@pytest.mark.parametrize("instead", ["ffmpeg", {}, {"BACKEND": 1}])
def test_malformed_replacement_is_refused(instead: Any) -> None:
    with (
        override_settings(SHIFT_MEDIA=site(instead=instead)),
        pytest.raises(ConfigurationError, match=r"backends\.ffmpeg\.FFmpeg"),
    ):
        services.transcoder()


def test_endpoint_without_client_in_botocore_is_refused() -> None:
    if client.is_known():
        pytest.skip("This botocore has a client.")
    one = ElasticTranscoder(pipeline_id=PIPELINE, endpoint_url="http://127.0.0.1:1")
    with pytest.raises(ServiceClosed) as caught:
        one.chosen()
    assert str(caught.value).startswith(CLOSED)
    assert '"endpoint_url"' not in str(caught.value)


@pytest.mark.django_db
def test_check_reports_what_was_chosen_for_incomplete_preset() -> None:
    messages = found(instead=FFMPEG)
    said = str(messages["shift_media.I001"].msg)
    assert "1351620000001-200030 (HLS 1M): its audio is not completely known" in said
    assert "shift_media.E009" not in messages
    known = {"outputs": [{"Key": "a.mp4", "PresetId": GENERIC_720P}]}
    assert "shift_media.I001" not in found(instead=FFMPEG, profile=known)


@pytest.mark.django_db
def test_impossible_output_is_check_error() -> None:
    flash = {"outputs": [{"Key": "a.flv", "PresetId": "1351620000001-100210"}]}
    message = found(instead=FFMPEG, profile=flash)["shift_media.E009"]
    assert "take an MP4" in str(message.msg)
    assert 'SHIFT_MEDIA["PROFILES"]["web"]' in str(message.hint)


@pytest.mark.django_db
def test_retired_preset_is_check_error_with_its_replacement() -> None:
    old = {"outputs": [{"Key": "a.mp4", "PresetId": WEB.replace("0001-", "0000-")}]}
    assert f'Write "{WEB}"' in str(found(instead=FFMPEG, profile=old)["shift_media.E001"].msg)
