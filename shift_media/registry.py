"""The media fields of the project: of all installed models, of one model, or by its label.

A label is what ``str(field)`` returns, such as ``"gallery.Photo.image"``. Rows of pending work and
of jobs keep it as their ``source``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeGuard

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models


class RegisteredField(Protocol):
    """A `MediaField` as layers below it use it."""

    name: str
    attname: str
    model: type[models.Model]
    storage: Any
    metadata_field: str | None
    transcode: str | None

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The names of the fields that describe the file."""


def is_media_field(field: object) -> TypeGuard[RegisteredField]:
    """Return True for a `MediaField`, which is recognised by its attribute ``holds_media``."""
    return bool(getattr(field, "holds_media", False))


def all_media_fields() -> Iterator[RegisteredField]:
    """Yield the media fields of all installed models, each once: where its column is."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            yield from own_media_fields(model)


def plain_file_fields() -> Iterator[models.FileField]:
    """Yield the file fields of all installed models that are no media fields."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.FileField) and not is_media_field(field):
                yield field


def media_fields(model: type[models.Model]) -> list[RegisteredField]:
    """Return the media fields of a model, those of its parents' tables included."""
    return list(filter(is_media_field, model._meta.concrete_fields))


def own_media_fields(model: type[models.Model]) -> list[RegisteredField]:
    """Return the media fields whose columns are in a model's own table.

    A proxy has the table of the model that it stands for.
    """
    concrete = model._meta.concrete_model or model
    return list(filter(is_media_field, concrete._meta.local_concrete_fields))


def default_names(field: object) -> set[str]:
    """Return the names of files that a file field has by its ``default`` or ``db_default``."""
    column: Any = field
    values = [column.get_default()] if column.has_default() else []
    database_default = getattr(column, "db_default", None)
    values.append(getattr(database_default, "value", database_default))
    return {str(value) for value in values if isinstance(value, str) and value}


def find_sibling(field: RegisteredField, name: str) -> object | None:
    """Return the field with a name, or None if it has no column in the same table."""
    meta = field.model._meta
    try:
        sibling = meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return sibling if sibling in meta.local_concrete_fields else None


def is_installed(model: type[models.Model]) -> bool:
    """Return True for a model of the project, False for a historical model of a migration."""
    return model._meta.apps is apps


def find_field(label: str) -> models.Field[Any, Any] | None:
    """Return the field with a label, or None if there is none any more.

    It may be another kind of field by now, because a project has changed its model.
    """
    model, _, name = label.rpartition(".")
    try:
        field = apps.get_model(model)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    return field if isinstance(field, models.Field) else None
