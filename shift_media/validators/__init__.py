"""Validation of uploads by their bytes, and the errors for files that are not accepted.

Forms, ``full_clean()`` and saving all use `inspect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from django.core.files.base import File
from django.db.models.fields.files import FieldFile
from django.utils.deconstruct import deconstructible

from shift_media.validators.errors import MESSAGES, InvalidMedia, size_text, too_large
from shift_media.validators.inspection import (
    IMAGES,
    Inspection,
    inspect,
    read_facts,
    strip_metadata,
)
from shift_media.validators.named import NamedFile
from shift_media.validators.seekable import seekable

__all__ = [
    "IMAGES",
    "MESSAGES",
    "FieldValidator",
    "Inspection",
    "InvalidMedia",
    "MediaValidator",
    "NamedFile",
    "inspect",
    "read_facts",
    "seekable",
    "size_text",
    "strip_metadata",
    "too_large",
]


class InspectingField(Protocol):
    """A `MediaField` as its validator uses it."""

    max_bytes: int | None

    def inspect(self, file: File[Any], name: str | None = None) -> Inspection:
        """Return the type and the metadata of a file; raise `InvalidMedia`."""


class FieldValidator:
    """The rules of a `MediaField` for a file that is not assigned to a row yet.

    It is one of the field's ``validators``, which other frameworks run before they save. The file
    of a row is validated by the field itself.
    """

    def __init__(self, field: InspectingField) -> None:
        self._field = field

    def __call__(self, file: object) -> None:
        """Raise `InvalidMedia` for a file that the field does not accept."""
        if isinstance(file, File) and not isinstance(file, FieldFile | NamedFile):
            self._field.inspect(seekable(file, self._field.max_bytes))


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
