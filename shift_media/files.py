"""The former home of `MediaFile`, which pickles made before 1.0 name. To be removed in 1.1."""

from __future__ import annotations

from shift_media.fields.file import MediaFile, MediaFileDescriptor

__all__ = ["MediaFile", "MediaFileDescriptor"]
