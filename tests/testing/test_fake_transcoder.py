"""The transcoder for tests: the contract, and whole jobs without ffmpeg."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from shift_media.conf import settings as media_settings
from shift_media.storages.base import MediaStorage
from shift_media.testing import (
    FakeTranscoder,
    InMemoryMediaStorage,
    TranscoderContract,
    assert_resized,
    fake_transcoding,
    make_video,
    run_transcode_jobs,
)
from shift_media.transcoding.base import State
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video.profiles import Profile, parse_profile
from tests.testapp.models import Film

EVERY_KIND = {
    "480p.mp4": {"kind": "mp4"},
    "hls.m3u8": {"kind": "hls"},
    "_poster.jpg": {"kind": "poster"},
    "preview.vtt": {"kind": "sprite"},
    "sound.m4a": {"kind": "audio"},
}


class TestFakeTranscoder(TranscoderContract):
    def make_transcoder(self) -> FakeTranscoder:
        return FakeTranscoder()

    def make_storage(self) -> MediaStorage:
        return InMemoryMediaStorage()

    def make_video(self) -> bytes:
        content: bytes = make_video().read()
        return content

    def make_profile(self) -> Profile:
        return parse_profile("web", EVERY_KIND)


@pytest.fixture
def film(db: None, media_storage: InMemoryMediaStorage, fake_transcoding: None) -> Film:
    return Film.objects.create(video=make_video(name="Trip.mp4"))


@pytest.mark.slow
def test_job_completes_without_ffmpeg(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert [job.state for job in run_transcode_jobs()] == [State.COMPLETE]
    kinds = {rendition.kind for rendition in film.video.renditions}
    assert kinds == {rendition.kind for rendition in media_settings.PROFILES["web"].renditions}
    codecs = {rendition.codecs for rendition in film.video.renditions if rendition.kind == "mp4"}
    assert codecs == {"avc1.42c00a,mp4a.40.2"}


@pytest.mark.slow
def test_renditions_are_valid_files_that_the_app_serves(film: Film, tmp_path: Path) -> None:
    run_transcode_jobs()
    for rendition in film.video.renditions:
        answer = Client().get(rendition.url)
        assert answer.status_code == 200
        content = answer.getvalue()
        if rendition.kind == "mp4":
            (tmp_path / "one.mp4").write_bytes(content)
            facts = probe_video(tmp_path / "one.mp4", VideoLimits())
            assert (facts.width, facts.height) == (rendition.width, rendition.height)


@pytest.mark.slow
def test_resize_of_the_poster_is_shown(film: Film) -> None:
    run_transcode_jobs()
    assert film.video.poster is not None
    assert_resized(film.video.poster.resize("20x"), width=20)


@pytest.mark.slow
def test_error_of_the_options_fails_the_job(db: None, media_storage: InMemoryMediaStorage) -> None:
    with fake_transcoding(error="no_frames"):
        Film.objects.create(video=make_video())
        (job,) = run_transcode_jobs()
    assert (job.state, job.error_code) == (State.ERROR, "no_frames")


def test_other_settings_stay_and_the_transcoder_comes_back() -> None:
    before = dict(settings.SHIFT_MEDIA) if hasattr(settings, "SHIFT_MEDIA") else {}
    with fake_transcoding():
        assert {**settings.SHIFT_MEDIA, **before} == settings.SHIFT_MEDIA
        assert media_settings.TRANSCODER["BACKEND"].endswith("FakeTranscoder")
    assert not media_settings.TRANSCODER["BACKEND"].endswith("FakeTranscoder")
