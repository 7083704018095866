"""Deletions that one transaction schedules: written with one statement, run after its commit.

Django sends ``pre_delete`` for all rows of a deletion, then deletes them, then sends
``post_delete``. The rows of a batch are collected by the first signal and written by the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import connections

from shift_media.signals import after_commit

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from shift_media.deletion.models import PendingDeletion

Run = Callable[["list[PendingDeletion]"], object]


class Batch:
    """Pending deletions of one transaction, or of one savepoint."""

    def __init__(self, using: str, run: Run) -> None:
        self._using = using
        self._run = run
        self._rows: list[PendingDeletion] = []
        self._is_written = False
        self._savepoints = _savepoints(using)
        self._hook = after_commit(self._after_commit, using=using)
        _collecting(connections[using]).append(self)

    def add(self, row: PendingDeletion) -> None:
        """Add a row that is not written yet."""
        self._rows.append(row)

    def write(self) -> None:
        """Write the rows; nothing can be added any more."""
        if self._is_written:
            return
        self._is_written = True
        for row in self._rows:  # Rows that are alike are claimed with one statement.
            row.not_before = self._rows[0].not_before
        self._write_rows(self._rows)

    def _write_rows(self, rows: list[PendingDeletion]) -> None:
        if connections[self._using].features.can_return_rows_from_bulk_insert:
            type(rows[0])._default_manager.using(self._using).bulk_create(rows)
        else:  # MySQL does not return the primary keys, by which rows are claimed.
            for row in rows:
                row.save(using=self._using, force_insert=True)

    @property
    def is_alive(self) -> bool:
        """False once the transaction, or the savepoint, was committed or rolled back."""
        hooks = reversed(connections[self._using].run_on_commit)
        return any(hook is self._hook for _, hook, *_ in hooks)

    @property
    def is_current(self) -> bool:
        """True if a row that is written now is committed and rolled back with these rows."""
        return self._savepoints == _savepoints(self._using) and self.is_alive

    @property
    def is_safe(self) -> bool:
        """True if no savepoint began after these rows: it could be rolled back without them."""
        return self._savepoints >= _savepoints(self._using)

    def _after_commit(self) -> None:
        collecting = _collecting(connections[self._using])
        if self in collecting:
            # Another package sent pre_delete and did not delete the row by Django.
            collecting.remove(self)
        self.write()
        self._write_lost()
        self._run(self._rows)

    def _write_lost(self) -> None:
        """Write the rows again that a receiver has rolled back with a savepoint of its own.

        Django does not know a savepoint that was made by hand, so they may have been written in
        it. A row that another process has finished meanwhile is deleted again as needless.
        """
        kind = type(self._rows[0])
        manager = kind._default_manager.using(self._using)
        there = set(
            manager.filter(pk__in=[row.pk for row in self._rows]).values_list("pk", flat=True)
        )
        lost = [row for row in self._rows if row.pk not in there]
        for row in lost:
            row.pk = None
        if lost:
            self._write_rows(lost)


def collect(row: PendingDeletion, using: str, run: Run) -> None:
    """Add a row to the batch of the current transaction, which `write_collected` writes."""
    collecting = _collecting(connections[using])
    collecting[:] = [batch for batch in collecting if batch.is_alive]
    if not collecting or not collecting[-1].is_current:
        Batch(using, run)
    collecting[-1].add(row)


def write_collected(using: str) -> None:
    """Write the batches that the current transaction, or savepoint, has collected.

    Those of an outer savepoint wait for their own rows to be deleted.
    """
    collecting = _collecting(connections[using])
    collecting[:] = [batch for batch in collecting if batch.is_alive]
    while collecting and collecting[-1].is_safe:
        collecting.pop().write()


def _savepoints(using: str) -> frozenset[Any]:
    """Return the savepoints of a connection; blocks without a savepoint are None in its list."""
    return frozenset(connections[using].savepoint_ids) - {None}


def _collecting(connection: BaseDatabaseWrapper) -> list[Batch]:
    """Return the batches of a connection that are not written yet.

    A transaction that was rolled back leaves its batches here; they are not alive any more.
    """
    batches: list[Any] = connection.__dict__.setdefault("_shift_media_batches", [])
    return batches
