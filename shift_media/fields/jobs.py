"""The jobs of videos that were stored."""

from __future__ import annotations

from typing import Any

from django.db import models

from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.fields.types import AnyMediaField
from shift_media.resizes.legacy import is_legacy_name


def has_job(field: AnyMediaField, key: str) -> bool:
    """Return True if a file of a field is a video or a sound that it transcodes."""
    kind = BY_EXTENSION.get(key.rpartition(".")[2], UNKNOWN).kind
    return bool(field.transcode) and kind in ("video", "audio") and not is_legacy_name(key)


def submit_job(instance: models.Model, field: AnyMediaField, using: str) -> None:
    """Create the job of a stored video, in the transaction that writes its row."""
    from shift_media.transcoding import services  # models, which cannot be loaded earlier

    file: Any = getattr(instance, field.attname)
    if has_job(field, file.key):
        services.submit(file, using=using)
