"""Rows that say which bytes they have, so that an auditor need not ask the package."""

# ruff: noqa: DJ008

from __future__ import annotations

from typing import Any

from django.core.files.storage import Storage, storages
from django.db import models

from shift_media.fields import MediaField


def bucket() -> Storage:
    return storages["bucket"]


def meta() -> models.JSONField[Any, Any]:
    return models.JSONField(default=dict, editable=False)


class Row(models.Model):
    """A row, with the SHA-256 of the file that was given to it."""

    sha256 = models.CharField(max_length=64)

    class Meta:
        abstract = True


class DiskPhoto(Row):
    file = MediaField(metadata_field="file_meta")
    file_meta = meta()


class BucketPhoto(Row):
    file = MediaField(metadata_field="file_meta", storage=bucket)
    file_meta = meta()


class DiskClip(Row):
    file = MediaField(accept=["video/mp4"], transcode="tiny", metadata_field="file_meta")
    file_meta = meta()


class BucketClip(Row):
    file = MediaField(
        accept=["video/mp4"], transcode="tiny", metadata_field="file_meta", storage=bucket
    )
    file_meta = meta()
