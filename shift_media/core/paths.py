"""The former home of the keys, which pickles from before 1.0 name. It will be removed in 1.1."""

from __future__ import annotations

from shift_media.core.keys import MezzanineKey, OriginalKey, RenditionKey, ResizeKey

__all__ = ["MezzanineKey", "OriginalKey", "RenditionKey", "ResizeKey"]
