"""The model side: the field, its file, and what happens when rows are saved and deleted."""

from __future__ import annotations

from shift_media.fields.field import MediaField
from shift_media.fields.file import MediaFile

__all__ = ["MediaField", "MediaFile"]
