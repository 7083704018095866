"""The model side: the field, its file, and the saving and deleting of rows."""

from __future__ import annotations

from shift_media.fields.field import MediaField
from shift_media.fields.file import MediaFile

__all__ = ["MediaField", "MediaFile"]
