"""References: which rows of media fields refer to an original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections, models, router

from shift_media.registry import all_media_fields

_KEYS_PER_QUERY = 500  # below the limit of older SQLite, which takes 999 parameters


def is_referenced(key: str, using: str) -> bool:
    """Return True if a row of any MediaField of any installed model refers to an original.

    The database ``using`` is searched, and those in which routers keep each model.
    """
    for field in all_media_fields():
        model = field.model
        for alias in {using, router.db_for_read(model), router.db_for_write(model)}:
            if (
                router.allow_migrate_model(alias, model)
                and _rows(model, alias).filter(**{field.name: key}).exists()
            ):
                return True
    return False


def referenced_keys(keys: Sequence[str]) -> set[str]:
    """Return those of the keys that a row of any MediaField refers to."""
    referenced: set[str] = set()
    for field in all_media_fields():
        rows = _rows(field.model, router.db_for_read(field.model))
        for part in _parts(keys):
            matches = rows.filter(**{f"{field.name}__in": part})
            referenced.update(matches.values_list(field.name, flat=True))
    return referenced


def lock_references(key: str, using: str) -> bool:
    """Lock the rows in a database that refer to an original; return True if there are any.

    Rows of other databases count too, but cannot be locked from here.
    """
    locked = False
    for field in all_media_fields():
        if router.allow_migrate_model(using, field.model):
            rows = _rows(field.model, using).filter(**{field.name: key})
            if connections[using].features.has_select_for_update:
                locked |= bool(rows.select_for_update().values_list("pk"))
            else:
                # A write takes SQLite's lock at once, so that no other row can go meanwhile.
                locked |= bool(rows.update(**{field.name: models.F(field.attname)}))
    return locked or is_referenced(key, using)


def _rows(model: type[models.Model], using: str) -> models.QuerySet[Any]:
    """Select all rows, past managers of the model that hide some."""
    return models.QuerySet(model=model, using=using)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start : start + _KEYS_PER_QUERY]
