"""Resizes, from a signed URL to a stored picture: built without I/O, made on first request."""

from __future__ import annotations

from shift_media.resizes.builder import OPTIONS, build, build_from_arguments
from shift_media.resizes.resize import NO_FACTS, Facts, Resize
from shift_media.resizes.service import Outcome, ensure, ensure_many
from shift_media.resizes.srcset import build_by_width, format_srcset

__all__ = [
    "NO_FACTS",
    "OPTIONS",
    "Facts",
    "Outcome",
    "Resize",
    "build",
    "build_by_width",
    "build_from_arguments",
    "ensure",
    "ensure_many",
    "format_srcset",
]
