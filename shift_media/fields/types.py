"""Protocols of a media field and its file.

The modules of this package use each other in circles at run time, but not in imports: whatever
would have to import `MediaField` or `MediaFile` for a type uses these.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.core.files.base import File
from django.db import models

from shift_media.core.metadata import Metadata
from shift_media.registry import RegisteredField
from shift_media.validators import FileRules, Inspection


class AnyMediaField(RegisteredField, Protocol):
    """A `MediaField` as its file, its checks and the saving of rows use it."""

    attr_class: Any
    max_length: int | None
    accept: Any
    max_bytes: int | None
    strip: bool
    rules: Any
    keep_metadata: Any
    focal: Any
    convert: Any
    captions: Any
    analyse: Any
    file_rules: FileRules
    width_field: str | None
    height_field: str | None
    legacy_storage: str | None
    imported_from: str | None
    presets: tuple[str, ...]
    prepare: Any
    ignored_upload_to: object

    def prepare_upload(
        self, file: File[Any], name: str | None = None, checksum: bool = True
    ) -> tuple[File[Any], Inspection]:
        """Return the file that is to be stored for an upload, and its inspection."""

    def inspect(self, file: File[Any], name: str | None = None) -> Inspection:
        """Return the type and the metadata of a file."""

    def run_rules(
        self, file: File[Any], inspection: Inspection, instance: models.Model | None
    ) -> None:
        """Call the functions of ``rules`` with the inspection of a file that is to be stored."""

    def store_assigned(self, instance: models.Model, *, may_wait: bool = False) -> list[Any]:
        """Store the file that was assigned to a row; return the stored uploads."""

    @property
    def has_sides(self) -> bool:
        """True if the model has fields for the width or the height."""

    def fill_sides(self, instance: models.Model) -> None:
        """Write the sides of a file that was assigned to a row."""

    def fill_sides_of_new(self, instance: models.Model) -> None:
        """Write the sides of a file with which a row was made."""

    def sync_metadata_columns(self, instance: models.Model) -> None:
        """Write metadata columns that describe the row's key."""

    def metadata_values(
        self, model: type[models.Model], key: str, metadata: Metadata | None
    ) -> dict[str, Any]:
        """Return the values of the fields that describe a file, by their names."""

    def write_metadata_columns(self, instance: models.Model, metadata: Metadata | None) -> None:
        """Write metadata into the metadata columns of a row in memory."""


class AnyMediaFile(Protocol):
    """A `MediaFile` as stored uploads and legacy names use it."""

    field: Any
    instance: models.Model
    name: str | None

    @property
    def storage(self) -> Any:
        """The storage of the file."""

    @property
    def is_legacy(self) -> bool:
        """True for a file that was there before the field was a media field."""

    @property
    def old_file(self) -> Any:
        """The file of another field that is shown in place of this one; None without one."""

    @property
    def stored_name(self) -> str:
        """The name of the file in its storage."""
