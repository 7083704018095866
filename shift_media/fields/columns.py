"""The part of `MediaField` that is about the columns which describe its file."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.db import models

from shift_media.core.errors import MediaError
from shift_media.core.metadata import ANALYSING, Metadata
from shift_media.fields.analysis import is_analysed_later
from shift_media.fields.file import MediaFile

logger = logging.getLogger("shift_media")


class MetadataColumns:
    """The fields of a model that describe the file of a `MediaField`, and are saved with it."""

    attname: str
    metadata_field: str | None
    width_field: str | None
    height_field: str | None
    duration_field: str | None

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The names of the fields that describe the file, and are saved whenever it is."""
        return (*filter(None, [self.metadata_field]), *self._fact_columns)

    def sync_metadata_columns(self, instance: models.Model) -> None:
        """Write the metadata of the row's key into the fields that describe the file.

        Unknown metadata is read from the file. If that fails, the fields are emptied.
        """
        if not self.metadata_columns:
            return
        file: MediaFile = getattr(instance, self.attname)
        try:
            metadata = file.metadata if file.name else None
        except (MediaError, OSError, SuspiciousOperation) as error:
            logger.warning(
                "The metadata of %s of %s could not be read: %s", file.name, self, error
            )
            metadata = None
        if metadata and file.is_new and not metadata.state and is_analysed_later(file.key, self):
            metadata = replace(metadata, state=ANALYSING)
        self.write_metadata_columns(instance, metadata)

    def write_metadata_columns(self, instance: models.Model, metadata: Metadata | None) -> None:
        """Write metadata into the fields that describe the file; None empties them."""
        file: MediaFile = getattr(instance, self.attname)
        key = file.key if metadata and self.metadata_field else ""
        for name, value in self.metadata_values(type(instance), key, metadata).items():
            setattr(instance, name, value)

    def metadata_values(
        self, model: type[models.Model], key: str, metadata: Metadata | None
    ) -> dict[str, Any]:
        """Return the values of the fields that describe a file, by their names."""
        values = self._fact_values(model, metadata)
        if self.metadata_field:
            values[self.metadata_field] = metadata.to_json(key) if metadata else {}
        return values

    def _write_facts(self, instance: models.Model, metadata: Metadata | None) -> None:
        for name, value in self._fact_values(type(instance), metadata).items():
            setattr(instance, name, value)

    def _fact_values(self, model: type[models.Model], metadata: Metadata | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, fact in self._fact_columns.items():
            value = getattr(metadata, fact, None)
            if value is not None and isinstance(model._meta.get_field(name), models.DurationField):
                value = timedelta(seconds=value)
            values[name] = value
        return values

    @property
    def has_sides(self) -> bool:
        """True if the model has fields for the width or the height."""
        return bool(self.width_field or self.height_field)

    def fill_sides(self, instance: models.Model) -> None:
        """Write the sides of a file that was assigned to a row, as ``ImageField`` does.

        They are None for a file that saving will refuse. The columns stay as they are if a stored
        file cannot be read: saving reads it again, and logs the reason.
        """
        file: MediaFile = getattr(instance, self.attname)
        try:
            self._write_facts(instance, file.read_once() if file.name else None)
        except (MediaError, OSError, SuspiciousOperation, ValueError):
            if not file._committed:
                self._write_facts(instance, None)

    def fill_sides_of_new(self, instance: models.Model) -> None:
        """Write the sides of a file with which a row was made, unless they were given too.

        A name is not looked up here, because rows that were loaded have nothing but names.
        """
        given = (
            instance.__dict__.get(name or "") for name in (self.width_field, self.height_field)
        )
        if isinstance(instance.__dict__.get(self.attname), File) and not any(given):
            self.fill_sides(instance)

    @property
    def _fact_columns(self) -> dict[str, str]:
        """The fields for single facts, each with the name of its attribute of `Metadata`."""
        pairs = {
            self.width_field: "width",
            self.height_field: "height",
            self.duration_field: "duration",
        }
        return {name: fact for name, fact in pairs.items() if name}
