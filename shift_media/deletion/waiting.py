"""Rows that wait for their time: claimed by one, put off after a failure, and tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, models
from django.utils import timezone

from shift_media.core.backoff import Backoff
from shift_media.core.errors import MediaError, StorageError
from shift_media.storages import MediaStorage, resolve

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

    Row = PendingDeletion | PendingInvalidation

LEASE = timedelta(minutes=10)
"""How long a row that somebody works on is left to them: it is tried again if they died."""

_BACKOFF = Backoff(first=timedelta(minutes=1), longest=timedelta(days=1))
_ERROR_LENGTH = 2000

KNOWN_FAILURES = (
    MediaError,
    OSError,
    DatabaseError,
    ImproperlyConfigured,
    InvalidStorageError,
)
"""What the work may fail with and be tried again."""


def claim(row: Row, **same: Any) -> bool:
    """Take a row, unless somebody else has taken it since it was read.

    ``same`` has other columns that must not have changed.
    """
    taken = row.attempts + 1, timezone.now() + LEASE
    unchanged = rows_of(row).filter(
        pk=row.pk, attempts=row.attempts, not_before=row.not_before, **same
    )
    if not unchanged.update(attempts=taken[0], not_before=taken[1]):
        return False
    row.attempts, row.not_before = taken
    return True


def retry_later(row: Row, error: Exception) -> timedelta:
    """Note a failure, and say how long the row waits: twice as long each time, a day at most."""
    pause = _BACKOFF.pause(row.attempts)
    text = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
    update(row, not_before=timezone.now() + pause, last_error=text)
    return pause


def update(row: Row, **values: Any) -> None:
    """Change columns, here and in the database."""
    for name, value in values.items():
        setattr(row, name, value)
    rows_of(row).filter(pk=row.pk).update(**values)


def rows_of(row: Row) -> models.QuerySet[Any]:
    """Give the rows of the same kind, in the same database."""
    return type(row)._default_manager.using(database_of(row))


def database_of(row: Row) -> str:
    """Tell the alias of the row's database."""
    return row._state.db or DEFAULT_DB_ALIAS


def storage_of(row: Row) -> MediaStorage:
    """Find the storage; raises `StorageError` where there is none any more."""
    storage = resolve(row.storage, row.source)
    if not hasattr(storage, "delete_prefix"):
        raise StorageError(
            f"{row.source} has no media storage any more "
            f"(it was {row.storage or 'one of its own'})."
        )
    return storage  # type: ignore[return-value]  # hasattr is kinder to third parties than a type
