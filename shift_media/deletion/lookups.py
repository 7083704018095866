"""Conditions that Django has no lookup for, or not one that each database serves by an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Lookup = models.Lookup[Any]
else:  # not subscriptable
    _Lookup = models.Lookup


class StartsWithAny(_Lookup):
    """The condition that a text begins with one of some prefixes, as one expression.

    A query with a hundred conditions, one for each prefix, takes longer to build than to run.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write a comparison for each prefix, which an index of the column serves."""
        column, params = self.process_lhs(compiler, connection)
        sqlite = connection.vendor == "sqlite"  # Its LIKE does not use the index.
        # Nor does that of MySQL if it compares the case.
        lookup = "istartswith" if connection.vendor == "mysql" else "startswith"
        single = f"{column} {connection.operators[lookup]}"
        single = f"({column} >= %s AND {column} < %s)" if sqlite else single
        values: list[Any] = []
        for prefix in self.rhs:
            if sqlite:
                end = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"
                values += [*params, prefix, *params, end]
            else:
                values += [*params, f"{connection.ops.prep_for_like_query(prefix)}%"]
        return f"({' OR '.join([single] * len(self.rhs))})", values


class IsSameText(_Lookup):
    """The condition that a text is equal letter for letter: ``IsSameText(F("name"), "A.jpg")``.

    MySQL and MariaDB compare by a collation, for which ``a.jpg``, ``A.jpg``, ``á.jpg`` and the
    name with a space behind it are equal. The first comparison is served by an index there.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write a comparison."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = %s", [*params, self.rhs]

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Write a comparison by the collation of the column, then one by bytes."""
        same, params = self.as_sql(compiler, connection)
        column, _ = self.process_lhs(compiler, connection)
        exact = f"CAST({column} AS BINARY) = CAST(%s AS BINARY)"
        return f"({same} AND {exact})", [*params, *params]
