"""Rows where they are written: the list of the admin may come from a replica."""

from __future__ import annotations

from typing import TypeVar

from django.db import router
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def on_primary(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Select rows in the database that they are written to."""
    return rows.using(router.db_for_write(rows.model))
