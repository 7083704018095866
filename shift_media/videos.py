"""The former home of `Poster`, which pickles made before 1.0 name. To be removed in 1.1."""

from __future__ import annotations

from shift_media.transcoding.files import Poster, prefetch_renditions

__all__ = ["Poster", "prefetch_renditions"]
