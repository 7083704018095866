"""The types that users of the public interface see, held by mypy and never run."""

from __future__ import annotations

from typing import assert_type

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.test import Client
from PIL import Image

from shift_media.core.metadata import Metadata
from shift_media.fields import MediaField
from shift_media.fields.file import MediaFile
from shift_media.resizes.resize import Resize
from shift_media.resizes.service import ensure
from shift_media.storages import LocalMediaStorage, MediaStorage, S3MediaStorage
from shift_media.storages.base import Stat
from shift_media.testing import (
    InMemoryMediaStorage,
    assert_resized,
    in_memory_media,
    make_image,
    make_video,
    run_transcode_jobs,
    upload_directly,
)
from shift_media.transcoding import services
from shift_media.transcoding.files import CaptionSource, Poster, prefetch_renditions
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.validators import Inspection
from testproject.gallery.models import Clip, Photo


def check(inspection: Inspection, row: models.Model | None) -> None:
    """Look at an upload."""
    assert_type(inspection.metadata.gps, tuple[float, float] | None)


class Album(models.Model):
    """A model as a user writes it, without annotations."""

    cover = MediaField(accept=["image/*"], max_bytes=1_000_000, metadata_field="cover_meta")
    cover_meta = models.JSONField(default=dict, editable=False)
    banner = MediaField(min_size=(1600, None), ratio="16:9", rules=[check], keep_metadata=["gps"])

    class Meta:
        app_label = "gallery"
        managed = False

    def __str__(self) -> str:
        return str(self.cover)


def files(album: Album, photo: Photo) -> None:
    """Use ``photo.image``."""
    assert_type(album.cover, MediaFile)
    assert_type(photo.image, MediaFile)
    assert_type(photo.image.url, str)
    assert_type(photo.image.absolute_url, str)
    assert_type(photo.image.width, int | None)
    assert_type(photo.image.metadata, Metadata)
    assert_type(photo.image.srcset([320, 640], format="webp"), str)


async def made(photo: Photo) -> None:
    """Use a resize."""
    resize = photo.image.resize("400x300", mode="fill", focal=(30, 40), format="webp")
    photo.image.resize("9x9", mode="fill", focal="north", rotate=90, flip="h", gray=True)
    photo.image.resize("9x", blur=20, sharpen=50, lossless=True, animated=True, page=2)
    assert_type(resize, Resize)
    assert_type(resize.url, str)
    assert_type(resize.absolute_url, str)
    assert_type(resize.width, int | None)
    assert_type(resize.ensure(), bool)
    assert_type(await resize.aensure(), bool)
    assert_type(ensure(resize.key), bool)


def videos(clip: Clip) -> None:
    """Use the video of a row."""
    assert_type(clip.video.transcode(force=True), TranscodeJob)
    assert_type(clip.video.renditions, list[Rendition])
    assert_type(clip.video.poster, Poster | None)
    assert_type(clip.video.captions, list[CaptionSource])
    assert_type(services.submit(clip.video), TranscodeJob)
    assert_type(prefetch_renditions(Clip.objects.all()), list[Clip])


def stores(local: LocalMediaStorage, bucket: S3MediaStorage, any: MediaStorage) -> None:
    """Use the storages."""
    assert_type(local.stat("key"), Stat | None)
    assert_type(bucket.delete_prefix("directory/"), int)
    assert_type(any.derived_url("key"), str)


def site_tests(photo: Photo, client: Client) -> None:
    """Use what the tests of a site use."""
    with in_memory_media() as storage:
        assert_type(storage, InMemoryMediaStorage)
    assert_type(make_image(640, 480, format="webp", color="red"), SimpleUploadedFile)
    assert_type(make_video(format="webm"), SimpleUploadedFile)
    assert_type(assert_resized(photo.image.resize("40x30"), width=40), Image.Image)
    assert_type(upload_directly(client, "gallery.Photo.image", make_image()), str)
    assert_type(run_transcode_jobs(), list[TranscodeJob])
