"""The transcoder contract on MediaConvert: real boto3, a server of the tests, a real bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from shift_media.storages import default_media_storage
from shift_media.storages.base import MediaStorage
from shift_media.testing import TranscoderContract
from shift_media.transcoding.backends.mediaconvert import MediaConvert
from shift_media.transcoding.base import Job, Transcoder
from shift_media.video.profiles import Profile, parse_profile
from tests.transcoding.mediaconvert_site import SMALL, MediaConvertSite, aws, site_settings

__all__ = ["aws"]

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.s3]


class TestMediaConvert(TranscoderContract):
    @pytest.fixture(autouse=True)
    def _site(self, aws: MediaConvertSite, clip: Path) -> None:
        self.aws, self.video = aws, clip.read_bytes()

    def make_transcoder(self) -> Transcoder:
        return MediaConvert(**site_settings(self.aws.server)["TRANSCODER"]["OPTIONS"])

    def make_storage(self) -> MediaStorage:
        return default_media_storage  # type: ignore[return-value]

    def make_video(self) -> bytes:
        return self.video

    def make_profile(self) -> Profile:
        return parse_profile("web", SMALL["web"])

    def finish(self, job: Job) -> None:
        self.aws.finish()

    def count_jobs(self) -> int:
        return len(self.aws.server.jobs)
