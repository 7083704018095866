"""The key that a row has in the database, as far as it is known without a query.

It is kept in the row's ``__dict__``. Comparing it with the key that the row has now says whether a
save replaces the file.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from shift_media.registry import RegisteredField


def database_key(instance: models.Model, field: RegisteredField) -> str | None:
    """Return the key in the database: ``""`` if the column is empty, None if it is not known."""
    if instance._state.adding:
        return None
    key: str | None = instance.__dict__.get(attribute_name(field))
    return key


def set_database_key(instance: models.Model, field: RegisteredField, key: str | None) -> None:
    """Store the key that the row has in the database now."""
    instance.__dict__[attribute_name(field)] = key


def attribute_name(field: RegisteredField) -> str:
    """Return the name in ``__dict__``; rows that were pickled by earlier versions have it too."""
    return f"_{field.attname}_stored_key"


def current_key(instance: models.Model, field: RegisteredField) -> str:
    """Return the key that the row has in memory; ``""`` if the field is empty."""
    file: Any = getattr(instance, field.attname)
    return file.name or ""
