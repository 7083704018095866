"""Rows of transcoding: jobs, and the renditions that they make."""

from __future__ import annotations

from shift_media.transcoding.models.columns import new_token
from shift_media.transcoding.models.job import TranscodeJob
from shift_media.transcoding.models.queryset import TranscodeJobQuerySet
from shift_media.transcoding.models.rendition import (
    RENDITION_KEY_LENGTH,
    Rendition,
    RenditionQuerySet,
)

__all__ = [
    "RENDITION_KEY_LENGTH",
    "Rendition",
    "RenditionQuerySet",
    "TranscodeJob",
    "TranscodeJobQuerySet",
    "new_token",
]
