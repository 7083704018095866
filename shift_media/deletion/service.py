"""Deletion of originals: never before the commit, never while a row refers to one, never lost.

A `PendingDeletion` row is written in the transaction that removes a reference. After the commit
the original's prefix is deleted, and once more some minutes later. What fails is tried again.
`shift_media.deletion.invalidation` invalidates what a CDN keeps of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import Q

from shift_media.core.errors import InvalidKey, NotStored
from shift_media.core.keys import parse_original_key
from shift_media.deletion import batch, invalidation
from shift_media.deletion.batch import write_collected
from shift_media.deletion.budget import UNLIMITED, TimeBudget, request_budget
from shift_media.deletion.invalidation import NO_ROWS
from shift_media.deletion.references import default_keys, lock_references, referenced_names
from shift_media.deletion.run import run_all
from shift_media.registry import RegisteredField
from shift_media.signals import after_commit
from shift_media.storages import find_alias

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion

__all__ = ["deleted_meanwhile", "keep", "run", "run_all", "run_due", "schedule", "write_collected"]

logger = logging.getLogger("shift_media")

_OTHERS_PER_COMMIT = 2  # due deletions of others that a request runs: few, since its client waits


def schedule(
    field: RegisteredField, key: str, using: str, *, collect: bool = False
) -> PendingDeletion | None:
    """Store a pending deletion of an original and of everything derived from it.

    It runs after the commit. Call this in the transaction that removes the reference, on the
    database ``using``. For a value that is not the key of an original, and for a default, None
    is returned.

    Args:
        field: the field that referred to the original.
        key: its key.
        using: the alias of the database.
        collect: wait for `write_collected`, so that deletions of many rows are stored together.
    """
    # Imported here, because fields import this module before the models can be loaded.
    from shift_media.deletion.models import PendingDeletion

    try:
        prefix = parse_original_key(key).prefix
    except InvalidKey:
        logger.warning("%s is not a key of shift_media, so it is not deleted.", key[:300])
        return None
    if key in default_keys():
        return None
    # The same database, so that a rollback undoes both; another one only if a router says so.
    here = router.allow_migrate_model(using, PendingDeletion)
    pending = PendingDeletion(storage=find_alias(field.storage), source=str(field), prefix=prefix)
    if collect and here and connections[using].in_atomic_block:
        batch.collect(pending, using, _run_after_commit)
        return pending
    pending.save(using=using if here else router.db_for_write(PendingDeletion))
    after_commit(_run_after_commit, [pending], using=using)
    return pending


def keep(field: RegisteredField, key: str, using: str) -> bool:
    """Make sure that an original stays while a row that refers to it is written.

    Return whether another row refers to it, so that it must be there.

    Call it in the transaction that writes the row. A row that refers to the original already is
    locked, so that it cannot go before the new one is committed. A deletion that has not begun is
    cancelled. A value that is not a key is never deleted, so nothing is done for it.

    Raises `NotStored` for an original that is being deleted.
    """
    from shift_media.deletion.models import PendingDeletion

    try:
        prefix = parse_original_key(key).prefix
    except InvalidKey:
        return True
    if lock_references(key, using):
        return True
    here = router.allow_migrate_model(using, PendingDeletion)
    rows = PendingDeletion.objects.using(using if here else router.db_for_write(PendingDeletion))
    pending = rows.filter(prefix=prefix)
    pending.filter(stage=PendingDeletion.Stage.FIRST, attempts=0).delete()
    if pending.exists():
        raise deleted_meanwhile(field, key)
    # Last, because a replica may still have rows whose original is being deleted.
    return key in referenced_names([key])


def deleted_meanwhile(field: RegisteredField, key: str) -> NotStored:
    """Return the error for a row that refers to an original which another process has deleted."""
    return NotStored(
        f"{field} refers to {key!r}, which is deleted: since this row was loaded, or before an "
        "earlier version of it was restored. Load the row again, or assign another file before "
        "saving."
    )


def _run_after_commit(rows: list[PendingDeletion]) -> None:
    """Run deletions that were committed, and few others that are due, in the request's time."""
    budget = request_budget()
    run_all(rows, budget)
    using = rows[0].database
    if not budget.is_spent:
        run_due(limit=_OTHERS_PER_COMMIT, using=using, budget=budget)
    for row in {row.storage or row.source: row for row in rows}.values():
        try:
            invalidation.run_after(row, budget)
        except row.RETRIED_ERRORS as error:
            logger.warning("The CDN keeps deleted files until the next invalidation: %s", error)


def run_due(
    limit: int = 1000,
    using: str = DEFAULT_DB_ALIAS,
    budget: TimeBudget = UNLIMITED,
    without: Q = NO_ROWS,
) -> int:
    """Run the deletions that are due, oldest first; return how many succeeded.

    Rows that ``without`` selects stay as they are.
    """
    from shift_media.deletion.models import PendingDeletion

    return run_all(PendingDeletion.objects.using(using).exclude(without).due()[:limit], budget)


def run(pending: PendingDeletion) -> bool:
    """Run one deletion now, due or not; return True if it succeeded. See `run_all`."""
    return bool(run_all([pending]))
