"""Validation of uploads by their bytes, and the errors for files that are not accepted.

Forms, ``full_clean()`` and saving all use `inspect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.files.base import File
from django.utils.deconstruct import deconstructible

from shift_media.validators.errors import MESSAGES, InvalidMedia, too_large
from shift_media.validators.inspection import (
    IMAGES,
    Inspection,
    inspect,
    read_facts,
    strip_metadata,
)
from shift_media.validators.seekable import seekable

__all__ = [
    "IMAGES",
    "MESSAGES",
    "Inspection",
    "InvalidMedia",
    "MediaValidator",
    "inspect",
    "read_facts",
    "seekable",
    "strip_metadata",
    "too_large",
]


@deconstructible
class MediaValidator:
    """A validator for any form or model field, with the rules of a `MediaField`.

    Args:
        accept: accepted content types, such as ``["image/*"]``.
        max_bytes: the largest size of a file.
    """

    def __init__(self, accept: Iterable[str] = IMAGES, max_bytes: int | None = None) -> None:
        self.accept = list(accept)
        self.max_bytes = max_bytes

    def __call__(self, file: File[Any]) -> None:
        """Raise `InvalidMedia` for a file that is not accepted."""
        inspect(seekable(file), accept=self.accept, max_bytes=self.max_bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MediaValidator) and (
            (self.accept, self.max_bytes) == (other.accept, other.max_bytes)
        )

    def __hash__(self) -> int:
        return hash((*self.accept, self.max_bytes))
