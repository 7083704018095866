"""What the parts of a media field need of each other, so that none has to import the whole."""

from __future__ import annotations

from typing import Any, Protocol

from django.core.files.base import File
from django.db import models

from shift_media.core.metadata import Metadata
from shift_media.registry import RegisteredField
from shift_media.validators import Inspection


class AnyMediaField(RegisteredField, Protocol):
    """A `MediaField`, as its file, its checks and the saving of rows see it."""

    attr_class: Any
    max_length: int | None
    accept: Any
    max_bytes: int | None
    strip: bool

    def prepare(self, file: File[Any], name: str | None = None) -> tuple[File[Any], Inspection]:
        """Return a file as it is to be stored, and what it is."""

    def inspect(self, file: File[Any], name: str | None = None) -> Inspection:
        """Return what a file is."""

    def commit(self, instance: models.Model) -> list[Any]:
        """Store the file that was assigned to a row."""

    def sync_metadata_columns(self, instance: models.Model) -> None:
        """Make the fields that describe the file right for the row's key."""

    def write_metadata_columns(self, instance: models.Model, metadata: Metadata | None) -> None:
        """Write what is known of the file into the fields that describe it."""


class AnyMediaFile(Protocol):
    """A `MediaFile`, as a stored upload sees it."""

    field: Any
    instance: models.Model
    storage: Any
