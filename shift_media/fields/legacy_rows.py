"""The rows whose files have no keys: counted for checks, commands and the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.core.exceptions import FieldError
from django.core.files.storage import Storage
from django.db import DatabaseError, connections, models
from django.db.models import Q

from shift_media.core.keys import ORIGINAL_PATTERN, RESERVED_PATTERN
from shift_media.fields.database_columns import find_columns
from shift_media.fields.legacy import import_command
from shift_media.registry import RegisteredField, default_names
from shift_media.resizes.legacy import is_legacy_name
from shift_media.storages.naming import is_same_storage

MOST: Final = 1000
"""Rows that are counted at most, so that a check of a large table ends soon."""


@dataclass(frozen=True, slots=True)
class LegacyNames:
    """The legacy names of one field in one database.

    Attributes:
        field: the field.
        database: the alias of the database.
        names: the names, `MOST` at most.
        source: the field whose files are shown in place of the empty field; empty for names that
            are in the field itself.
    """

    field: RegisteredField
    database: str
    names: Sequence[str]
    source: str = ""

    def __str__(self) -> str:
        one, most = len(self.names) == 1, "at least " if len(self.names) == MOST else ""
        rows = "1 row" if one else f"{most}{len(self.names)} rows"
        if self.source:
            has = f"{'shows' if one else 'show'} the old file of {self.source!r}"
        elif one:
            has = "has a name that is not a key of shift_media"
        else:
            has = "have names that are not keys of shift_media"
        return (
            f"{self.field}: {rows} {has}, such as {self.names[0]!r} (database {self.database!r})."
        )

    @property
    def what_to_do(self) -> str:
        """A hint: how the files are shown, and the command that stores them under keys."""
        return (
            "Their files stay where they are, and are shown as they are: no resizes are made. "
            f"This stores them under keys: {import_command(self.field)}"
        )


def find_legacy_names(databases: Sequence[str]) -> list[LegacyNames]:
    """Return the legacy names of all media fields, for each field and database that has some.

    Tables and columns that are not migrated yet are left out.
    """
    found = []
    for column in find_columns(databases):
        field, alias = column.field, column.database
        source = getattr(field, "imported_from", None) or ""
        names = _legacy_names(field, alias)
        shown = _names_shown(field, alias, source) if source else []
        found += [LegacyNames(field, alias, names)] if names else []
        found += [LegacyNames(field, alias, shown, source)] if shown else []
    return found


def find_legacy_names_of(storage: Storage) -> list[LegacyNames]:
    """Return the legacy names, in all databases, of the media fields with a storage."""
    return [
        names
        for names in find_legacy_names(list(connections))
        if is_same_storage(names.field.storage, storage)
    ]


def legacy_rows(field: RegisteredField, using: str) -> Iterator[tuple[Any, str]]:
    """Yield the primary keys and names of the rows with legacy names, except the default."""
    rows: models.QuerySet[Any] = models.QuerySet(model=field.model, using=using)
    # The database selects few rows in which a key may be, for example of the stem "compact".
    is_key = Q(**{f"{field.name}__regex": ORIGINAL_PATTERN})
    is_reserved = Q(**{f"{field.name}__regex": RESERVED_PATTERN})
    rows = rows.filter(~is_key | is_reserved, **{f"{field.name}__gt": ""})
    for name in default_names(field):
        rows = rows.exclude(**{field.name: name})
    for pk, name in rows.values_list("pk", field.name).iterator():
        if is_legacy_name(name):
            yield pk, name


def rows_with_old_files(field: RegisteredField, using: str, source: str) -> models.QuerySet[Any]:
    """Return the rows that show the file of another field, ``source``, in place of this one."""
    rows: models.QuerySet[Any] = models.QuerySet(model=field.model, using=using)
    is_empty = Q(**{field.name: ""}) | Q(**{f"{field.name}__isnull": True})
    return rows.filter(is_empty, **{f"{source}__gt": ""})


def _legacy_names(field: RegisteredField, alias: str) -> list[str]:
    return [name for _, name in islice(legacy_rows(field, alias), MOST)]


def _names_shown(field: RegisteredField, alias: str, source: str) -> list[str]:
    try:
        names = rows_with_old_files(field, alias, source).values_list(source, flat=True)
        return list(names[:MOST])
    except (FieldError, DatabaseError):
        return []  # Check E113 names the field; its column may not be migrated yet.
