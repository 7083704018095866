"""Flush the test database after a test with ``transaction=True``, in a tenth of Django's time.

Django deletes from all tables and then creates content types, permissions and the site anew. Most
tests leave rows in a few tables, and hundreds of tests need a flush.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

FILLED = ("django_content_type", "auth_permission", "django_site")
"""The tables that ``migrate`` fills, and fills again after Django's own flush."""

_LEFT_ALONE = "django_migrations"
"""It is no table of an installed app, so that Django does not flush it either."""


def install(patch: Callable[[type, str, Any], None]) -> None:
    """Replace Django's flush of the default database, which `migrate` has just filled.

    Args:
        patch: ``setattr`` of a `pytest.MonkeyPatch`.
    """
    with connection.cursor() as cursor:
        filled = {table: _rows(cursor, table) for table in FILLED}

    def flush(case: TransactionTestCase) -> None:
        assert set(case.databases) == {"default"}, "Flush the other databases of this test, too."
        unchecked = connection.constraint_checks_disabled()
        with transaction.atomic(), unchecked, connection.cursor() as cursor:
            for table in _with_rows(cursor):
                if table not in filled:
                    cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
            for table, rows in filled.items():
                if _rows(cursor, table) != rows:
                    _fill(cursor, table, rows)

    patch(TransactionTestCase, "_fixture_teardown", flush)


def _with_rows(cursor: Any) -> list[str]:
    """Return the names of the tables that are not empty."""
    names = connection.introspection.table_names(cursor)
    each = (
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})"
        for name in names
        if name != _LEFT_ALONE
    )
    cursor.execute(" UNION ALL ".join(each))
    return [name for (name,) in cursor.fetchall()]


def _rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _fill(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
    name = connection.ops.quote_name(table)
    cursor.execute(f"DELETE FROM {name}")
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    values = [value for one in rows for value in one]
    cursor.execute(f"INSERT INTO {name} VALUES {', '.join([row] * len(rows))}", values)
