"""The former home of `MediaFile`, which pickles made before 1.0 name. To be removed in 1.1."""

from __future__ import annotations

from shift_media.fields.descriptor import MediaFileDescriptor
from shift_media.fields.file import MediaFile

__all__ = ["MediaFile", "MediaFileDescriptor"]
