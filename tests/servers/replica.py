"""A replica of the database that lags behind and refuses writes, and Django's router for it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

Replicate = Callable[[], None]


class PrimaryReplicaRouter:
    """The router of Django's documentation, with one replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return True


@pytest.fixture
def replicate(transactional_db: None, tmp_path: Path) -> Iterator[Replicate]:
    """Return a function that brings the replica up to date; without it no new row appears there.

    All reads that name no database go to the replica.
    """
    path = tmp_path / "replica.sqlite3"

    def replicate() -> None:
        connections["default"].ensure_connection()
        with contextlib.closing(sqlite3.connect(path)) as copy:
            connections["default"].connection.backup(copy)

    replicate()
    primary = connections.databases["default"]
    connections.databases["replica"] = {
        **primary,
        "NAME": f"file:{path}?mode=ro",
        "OPTIONS": {"uri": True},
    }
    connections["replica"].connect()  # Django's test cases refuse to do so for an unknown alias.
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.PrimaryReplicaRouter"]):
        yield replicate
    connections["replica"].close()
    del connections["replica"]
    del connections.databases["replica"]
