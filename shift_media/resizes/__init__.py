"""From a signed URL to a stored picture: built without I/O, made on the first request."""

from __future__ import annotations

from shift_media.resizes.builder import OPTIONS, build, build_asked
from shift_media.resizes.resize import NOTHING, Facts, Resize
from shift_media.resizes.service import Outcome, ensure, ensure_many
from shift_media.resizes.srcset import joined, ladder

__all__ = [
    "NOTHING",
    "OPTIONS",
    "Facts",
    "Outcome",
    "Resize",
    "build",
    "build_asked",
    "ensure",
    "ensure_many",
    "joined",
    "ladder",
]
