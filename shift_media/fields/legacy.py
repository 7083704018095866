"""Legacy names: values that were in a column before it was a media field's.

A field that was an ``ImageField`` has names such as ``photos/2019/old.jpg``. They are no keys.
Their files stay where they are, in the storage that the old field used.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final, cast

from django.core.files.storage import Storage
from django.db import DatabaseError, connections, models, router

from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.keys import ORIGINAL_PATTERN, RESERVED_PATTERN
from shift_media.core.metadata import Metadata
from shift_media.fields.types import AnyMediaField, AnyMediaFile
from shift_media.registry import RegisteredField, all_media_fields
from shift_media.resizes.legacy import is_legacy_name
from shift_media.resizes.resize import Facts, known_size
from shift_media.storages import MissingFile, get_storage
from shift_media.validators import read_facts

logger = logging.getLogger("shift_media")

DEFAULT_ALIAS: Final = "default"
"""The storage that Django's own ``FileField`` uses if it is given none."""

MOST: Final = 1000
"""Rows that are counted at most, so that a check of a large table ends soon."""

WHAT_TO_DO: Final = (
    "Their files stay where they are, and are shown as they are: no resizes are made. The guide "
    '"Switch from an ImageField" stores them under keys.'
)

_PAUSE: Final = 60.0  # seconds between two warnings about one field
_warned: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class LegacyNames:
    """The legacy names of one field in one database.

    Attributes:
        field: the field.
        database: the alias of the database.
        names: the names, `MOST` at most.
    """

    field: RegisteredField
    database: str
    names: Sequence[str]

    def __str__(self) -> str:
        if len(self.names) == 1:
            rows = "1 row has a name that is not a key"
        else:
            most = "at least " if len(self.names) == MOST else ""
            rows = f"{most}{len(self.names)} rows have names that are not keys"
        return (
            f"{self.field}: {rows} of shift_media, such as {self.names[0]!r} (database "
            f"{self.database!r})."
        )


def find_legacy_names(databases: Sequence[str]) -> list[LegacyNames]:
    """Return the legacy names of all media fields, for each field and database that has some.

    Tables and columns that are not migrated yet are left out.
    """
    found = []
    for field in all_media_fields():
        for alias in databases:
            if router.allow_migrate_model(alias, field.model) and _has_column(field, alias):
                names = _legacy_names(field, alias)
                if names:
                    found.append(LegacyNames(field, alias, names))
    return found


def _has_column(field: RegisteredField, alias: str) -> bool:
    connection, table = connections[alias], field.model._meta.db_table
    column = field.model._meta.get_field(field.name).column  # type: ignore[union-attr]
    try:
        with connection.cursor() as cursor:
            if table not in connection.introspection.table_names(cursor, include_views=True):
                return False
            columns = connection.introspection.get_table_description(cursor, table)
    except DatabaseError:
        return False
    return column in {each.name for each in columns}


def _legacy_names(field: RegisteredField, alias: str) -> list[str]:
    rows: models.QuerySet[Any] = models.QuerySet(model=field.model, using=alias).filter(
        **{f"{field.name}__gt": ""}
    )
    # The database selects few rows in which a key may be, for example of the stem "compact".
    is_key = models.Q(**{f"{field.name}__regex": ORIGINAL_PATTERN})
    is_reserved = models.Q(**{f"{field.name}__regex": RESERVED_PATTERN})
    names = rows.filter(~is_key | is_reserved).values_list(field.name, flat=True)
    column = cast("models.Field[Any, Any]", field)
    if column.has_default():
        names = names.exclude(**{field.name: column.get_default()})
    return list(islice(filter(is_legacy_name, names.iterator()), MOST))


def is_default(field: RegisteredField, name: str) -> bool:
    """Return True for the name that a field has as its ``default``: it is in the own storage."""
    column = cast("models.Field[Any, Any]", field)
    return column.has_default() and column.get_default() == name


def storage_of(field: AnyMediaField) -> Storage:
    """Return the storage that has the files with legacy names."""
    return get_storage(field.legacy_storage or DEFAULT_ALIAS)


def facts_of(file: AnyMediaFile, known: Facts) -> Facts:
    """Return what is known of a file without I/O: its metadata, or else its columns of sides."""
    if known_size(known()) is not None:
        return known
    row = file.instance.__dict__
    width, height = (
        row.get(name or "") for name in (file.field.width_field, file.field.height_field)
    )
    if not width or not height:
        return known
    sides = Metadata(content_type="", size=0, width=width, height=height)
    return known._replace(remembered=sides)


def read_metadata(file: AnyMediaFile) -> Metadata:
    """Return the metadata in the header of a file; raise a `MediaError` if that fails."""
    name = str(file.name)
    try:
        with file.storage.open(name) as opened:
            format = detect(opened.read(HEAD_BYTES))
            if format.kind != "image":
                return Metadata(content_type=format.served_type, size=opened.size)
            opened.seek(0)
            return read_facts(cast("BinaryIO", opened), format, opened.size)
    except FileNotFoundError as error:
        raise MissingFile(f"{file.field}: the file {name!r} is missing.") from error


def warn(field: Any, name: str) -> None:
    """Log that a field has legacy names, once a minute for each field."""
    label, now = str(field), time.monotonic()
    if now - _warned.get(label, -_PAUSE) < _PAUSE:
        return
    _warned[label] = now
    logger.warning(
        "%s has a name that is not a key of shift_media: %r. %s This command counts the rows: "
        "python manage.py check --database default",
        label,
        name,
        WHAT_TO_DO,
    )
