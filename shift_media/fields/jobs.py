"""The jobs of videos that were stored."""

from __future__ import annotations

from typing import Any

from django.db import models

from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.fields.types import AnyMediaField
from shift_media.resizes.legacy import is_legacy_name


def has_job(file: Any) -> bool:
    """Return True for a video, a sound or a moving GIF that its field transcodes."""
    key = file.name or ""
    format = BY_EXTENSION.get(key.rpartition(".")[2], UNKNOWN)
    if not file.field.transcode or not format.transcoded or is_legacy_name(key):
        return False
    return format.kind != "image" or (file.metadata.frames or 1) > 1


def submit_job(instance: models.Model, field: AnyMediaField, using: str) -> None:
    """Create the job of a stored video, in the transaction that writes its row."""
    from shift_media.transcoding import services  # models, which cannot be loaded earlier

    file: Any = getattr(instance, field.attname)
    if has_job(file):
        services.submit(file, using=using)
