"""The columns of media fields as a database has them, which a migration may still have to change.

A column that was an ``ImageField``'s is 100 characters long and has no index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.db import DatabaseError, connections, models, router

from shift_media.registry import RegisteredField, all_media_fields


@dataclass(frozen=True, slots=True)
class DatabaseColumn:
    """The column of a media field in one database.

    Attributes:
        field: the field.
        database: the alias of the database.
        length: the most characters of a value; None if the database does not say.
        has_index: whether an index begins with the column.
    """

    field: RegisteredField
    database: str
    length: int | None
    has_index: bool

    @property
    def changes(self) -> Iterator[str]:
        """The differences from the field, which a migration will change."""
        field = cast("models.Field[Any, Any]", self.field)
        wanted = field.max_length or 0
        if self.length is not None and self.length < wanted:
            yield f"it is {self.length} characters long instead of {wanted}"
        if self.length is not None and self.length > wanted:
            yield (
                f"it is {self.length} characters long, which the field would shorten to {wanted}: "
                f"write max_length={self.length}"
            )
        if field.db_index and not self.has_index:  # type: ignore[attr-defined]  # of all fields
            yield "it has no index"


def find_columns(databases: Sequence[str]) -> Iterator[DatabaseColumn]:
    """Yield the columns of all media fields of managed models that the databases have."""
    for field in all_media_fields():
        for alias in databases:
            is_here = router.allow_migrate_model(alias, field.model) and field.model._meta.managed
            column = find_column(field, alias) if is_here else None
            if column is not None:
                yield column


def find_column(field: RegisteredField, alias: str) -> DatabaseColumn | None:
    """Return the column of a field; None if its table or itself is not migrated yet."""
    connection, table = connections[alias], field.model._meta.db_table
    name = cast("models.Field[Any, Any]", field).column
    introspection = connection.introspection
    try:
        with connection.cursor() as cursor:
            if table not in introspection.table_names(cursor, include_views=True):
                return None
            described = introspection.get_table_description(cursor, table)
            constraints = introspection.get_constraints(cursor, table)
    except DatabaseError:
        return None
    for column in described:
        if column.name == name:
            length = column.display_size
            leading = {tuple(one["columns"])[:1] for one in constraints.values() if one["index"]}
            unique = {tuple(one["columns"])[:1] for one in constraints.values() if one["unique"]}
            is_known = isinstance(length, int) and length > 0
            return DatabaseColumn(
                field, alias, length if is_known else None, (name,) in leading | unique
            )
    return None
