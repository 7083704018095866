"""A site whose videos are in a real bucket and are transcoded by a MediaConvert of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from shift_media.core.backoff import Backoff
from shift_media.transcoding.backends.mediaconvert.client import MediaConvertClient
from shift_media.transcoding.models import TranscodeJob
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.servers.mediaconvert import MediaConvertServer
from tests.testapp.models import Film
from tests.transcoding.conftest import save_film

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

ROLE = "arn:aws:iam::123456789012:role/MediaConvert"
SMALL = {"web": {"480p.mp4": {"kind": "mp4", "height": 480}, "_poster.jpg": {"kind": "poster"}}}


@dataclass
class MediaBucket:
    """A bucket with the originals and renditions of a site."""

    s3: S3Client
    bucket: str

    def stored(self) -> list[str]:
        """Return the keys in the bucket."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket)
        return sorted(item["Key"] for item in listed.get("Contents", ()))

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@dataclass
class MediaConvertSite(MediaBucket):
    """A bucket and a MediaConvert server."""

    server: MediaConvertServer

    def finish(self) -> None:
        """Complete all jobs of MediaConvert."""
        for id in list(self.server.jobs):
            self.server.finish(id)


@pytest.fixture
def aws(
    seaweedfs: S3Server, needs: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MediaConvertSite]:
    """Run MediaConvert with a new bucket, and with short pauses between retries."""
    monkeypatch.setattr(MediaConvertClient, "retries", 3)
    monkeypatch.setattr(MediaConvertClient, "backoff", Backoff(0.01, 0.03))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket, s3 = new_bucket(seaweedfs), client_of(seaweedfs)
    server = MediaConvertServer(s3, needs("ffmpeg"))
    options = storage_options(seaweedfs, bucket)
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    from django.conf import settings

    try:
        with (
            override_settings(STORAGES={**settings.STORAGES, "media": media}),
            override_settings(SHIFT_MEDIA=site_settings(server, PROFILES=SMALL)),
        ):
            yield MediaConvertSite(s3, bucket, server)
    finally:
        server.stop()


def site_settings(server: MediaConvertServer, **settings: Any) -> dict[str, Any]:
    """Return ``SHIFT_MEDIA`` for a MediaConvert server; lower-case names are its options."""
    options = {
        "role": ROLE,
        "region": "us-east-1",
        "endpoint_url": server.endpoint,
        **{name: settings.pop(name) for name in list(settings) if name.islower()},
    }
    backend = "shift_media.transcoding.backends.mediaconvert.MediaConvert"
    return {"TRANSCODER": {"BACKEND": backend, "OPTIONS": options}, **settings}


def new_film(path: Path) -> Film:
    return save_film(ContentFile(path.read_bytes(), path.name))


@pytest.fixture
def film(aws: MediaConvertSite, clip: Path) -> Film:
    """Return a row with a second of video."""
    return new_film(clip)


def the_job() -> TranscodeJob:
    return TranscodeJob.objects.get()
