"""Validation of uploads by their bytes, and the errors for files that are not accepted.

Forms, ``full_clean()`` and saving all use `inspect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from django.core.files.base import File
from django.db.models.fields.files import FieldFile
from django.utils.deconstruct import deconstructible

from shift_media.validators.converting import convert
from shift_media.validators.data_uris import file_of_data_uri
from shift_media.validators.errors import (
    MESSAGES,
    InvalidMedia,
    refused_if_busy,
    size_text,
    too_large,
    too_many_files,
    too_small,
)
from shift_media.validators.inspection import (
    IMAGES,
    Inspection,
    Rule,
    inspect,
    read_facts,
    run_rules,
    storable_format,
    stored_file,
    strip_metadata,
    with_preview,
)
from shift_media.validators.kept import EXIF_FACTS, FOCAL, KEPT_FACTS, Extractor, keep_facts
from shift_media.validators.named import NamedFile
from shift_media.validators.rules import RULES, FileRules
from shift_media.validators.seekable import seekable

__all__ = [
    "EXIF_FACTS",
    "FOCAL",
    "IMAGES",
    "KEPT_FACTS",
    "MESSAGES",
    "RULES",
    "Extractor",
    "FieldValidator",
    "FileRules",
    "Inspection",
    "InvalidMedia",
    "MediaValidator",
    "NamedFile",
    "Rule",
    "convert",
    "file_of_data_uri",
    "inspect",
    "keep_facts",
    "read_facts",
    "refused_if_busy",
    "run_rules",
    "seekable",
    "size_text",
    "storable_format",
    "stored_file",
    "strip_metadata",
    "too_large",
    "too_many_files",
    "too_small",
    "with_preview",
]


class InspectingField(Protocol):
    """A `MediaField` as its validator uses it."""

    max_bytes: int | None

    def prepare_upload(
        self, file: File[Any], name: str | None = None
    ) -> tuple[File[Any], Inspection]:
        """Return what is to be stored, and its inspection; raise `InvalidMedia`."""

    def run_rules(self, file: File[Any], inspection: Inspection, instance: Any) -> None:
        """Call the functions of ``rules``; raise `InvalidMedia`."""


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
            upload = self._field.prepare_upload(seekable(file, self._field.max_bytes))
            self._field.run_rules(*upload, None)


def take_rules(options: dict[str, Any]) -> FileRules:
    """Return rules that are the only keyword arguments of a call.

    Raises ``TypeError`` for another argument and ``ValueError`` for a wrong value.
    """
    rules = FileRules.take(options)
    if options:
        raise TypeError(f"{next(iter(options))!r} is not one of the rules {', '.join(RULES)}.")
    rules.check_values()
    return rules


@deconstructible
class MediaValidator:
    """A validator for any form or model field, with the rules of a `MediaField`.

    Args:
        accept: accepted content types, such as ``["image/*"]``.
        max_bytes: the largest size of a file.
        rules: further rules of a `MediaField`, such as ``min_size``, but not ``rules``. A wrong
            value raises ``ValueError``.
    """

    def __init__(
        self, accept: Iterable[str] = IMAGES, max_bytes: int | None = None, **rules: Any
    ) -> None:
        self.accept = list(accept)
        self.max_bytes = max_bytes
        self.file_rules = take_rules(rules)

    def __call__(self, file: File[Any]) -> None:
        """Raise `InvalidMedia` for a file that is not accepted."""
        with refused_if_busy():
            inspect(
                seekable(file),
                accept=self.accept,
                max_bytes=self.max_bytes,
                rules=self.file_rules,
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MediaValidator) and (
            (self.accept, self.max_bytes, self.file_rules)
            == (other.accept, other.max_bytes, other.file_rules)
        )

    def __hash__(self) -> int:
        return hash((*self.accept, self.max_bytes, self.file_rules))
