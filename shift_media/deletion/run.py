"""Runs of pending deletions, in batches: the number of queries does not depend on the rows.

A batch is claimed with one statement, its keys are looked up with one query for each field, and
its directories are passed to the storage together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from shift_media.deletion import invalidation
from shift_media.deletion.budget import UNLIMITED, TimeBudget
from shift_media.deletion.followers import follow_all
from shift_media.deletion.references import referenced_keys
from shift_media.signals import media_deleted
from shift_media.storages import MediaStorage
from shift_media.storages.base import DeletedPrefixes, delete_each

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion

logger = logging.getLogger("shift_media")

BATCH: Final = 100
"""Directories that are deleted together, and then settled in the database."""


def run_all(rows: Iterable[PendingDeletion], budget: TimeBudget = UNLIMITED) -> int:
    """Run deletions now, due or not; return how many succeeded.

    A failure is logged, kept in the row and tried again later. Rows that another process has
    claimed are left out, and rows for which no time is left stay as they are.
    """
    done = 0
    for batch in _batches(rows):
        if budget.is_spent:
            break
        claimed = type(batch[0]).claim_all(batch)
        if claimed:
            done += _run_claimed(claimed, budget)
    return done


def _batches(rows: Iterable[PendingDeletion]) -> Iterator[list[PendingDeletion]]:
    """Yield rows of one database and one storage."""
    ordered = sorted(rows, key=_place)
    for _, group in groupby(ordered, key=_place):
        same = list(group)
        for start in range(0, len(same), BATCH):
            yield same[start : start + BATCH]


def _place(row: PendingDeletion) -> tuple[str, str, str]:
    """Return the database of a row, and what stands for its storage: the alias, or the field."""
    return row.database, row.storage, "" if row.storage else row.source


def _run_claimed(rows: Sequence[PendingDeletion], budget: TimeBudget) -> int:
    """Delete the files of claimed rows, unless a row of any MediaField refers to them."""
    kind = type(rows[0])
    try:
        needless = _needless(rows)
        early = _seen_elsewhere(needless)
        needless = [row for row in needless if row not in early]
        wanted = [row for row in rows if row not in [*needless, *early]]
        kind.put_off(early)
        kind.delete_all(needless)
    except kind.RETRIED_ERRORS as error:
        _retry_later(rows, error)
        return 0
    if not wanted:
        return len(needless)
    try:
        storage = wanted[0].media_storage
        deleted = budget.call(partial(_delete_files, storage, wanted))
    except kind.RETRIED_ERRORS as error:
        _retry_later(wanted, error)
        return len(needless)
    return len(needless) + _settle(wanted, deleted, storage)


def _needless(rows: Sequence[PendingDeletion]) -> list[PendingDeletion]:
    """Return the rows whose original is referred to, or deleted by another row already."""
    referenced = referenced_keys([row.key for row in rows])
    done = type(rows[0]).deleted_once(rows)
    needless = []
    for row in rows:
        if row.key in referenced or (row.is_first and row.original in done):
            needless.append(row)
        done.add(row.original)
    return needless


def _seen_elsewhere(needless: Sequence[PendingDeletion]) -> list[PendingDeletion]:
    """Return the recent rows to whose original only rows in other databases refer.

    Such a database may be a replica, which still has a row that is deleted already.
    """
    recent = [row for row in needless if row.is_first and row.is_recent]
    if not recent:
        return []
    keys = [row.key for row in recent]
    elsewhere = referenced_keys(keys) - referenced_keys(keys, recent[0].database)
    return [row for row in recent if row.key in elsewhere]


def _delete_files(storage: MediaStorage, rows: Sequence[PendingDeletion]) -> DeletedPrefixes:
    prefixes = [row.prefix for row in rows]
    if getattr(storage, "mezzanine", False):
        # The originals first. Otherwise a mezzanine could be made from one after its directory has
        # been listed, and outlive it.
        storage.delete_many([row.key for row in rows if row.is_first])
    # A storage of a third party may have the methods without the base class.
    if not hasattr(storage, "delete_prefixes"):
        return delete_each(storage, prefixes)
    return storage.delete_prefixes(prefixes)


def _settle(
    rows: Sequence[PendingDeletion], deleted: DeletedPrefixes, storage: MediaStorage
) -> int:
    """Write the outcome of a batch into its rows, and announce what was deleted."""
    kind = type(rows[0])
    errors = {prefix: one for prefix, one in deleted.items() if isinstance(one, Exception)}
    failed = [row for row in rows if row.prefix in errors]
    done = [row for row in rows if row.prefix not in errors]
    try:
        # The second deletion changes nothing for the CDN, unless a resize was made meanwhile.
        # After a failed attempt that is unknown, because the attempt may have removed it.
        changed = [row for row in done if row.is_first or deleted[row.prefix] or row.attempts > 1]
        invalidation.schedule(changed, storage)
        follow_all([row.key for row in done])
        first = [row for row in done if row.is_first]
        kind.delete_all([row for row in done if not row.is_first])
        kind.move_to_second_stage(first)
    except kind.RETRIED_ERRORS as error:
        _retry_later(rows, error)
        return 0
    for row in first:
        field = row.field
        model = None if field is None else field.model
        media_deleted.send_robust(sender=model, key=row.key, storage=storage)
    for problem, group in groupby(failed, key=lambda row: errors[row.prefix]):
        _retry_later(list(group), problem)
    return len(done)


def _retry_later(rows: Sequence[PendingDeletion], error: Exception) -> None:
    pause = type(rows[0]).retry_all_later(rows, error)
    logger.warning(
        "Deleting %s failed (attempt %d, the next one in %s): %s",
        rows[0].prefix if len(rows) == 1 else f"{len(rows)} originals",
        rows[0].attempts,
        pause,
        error,
    )
