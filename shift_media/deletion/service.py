"""Deletion of originals: never before the commit, never while a row refers to one, never lost.

A `PendingDeletion` row is written in the transaction that removes a reference. After the commit
the original's prefix is deleted, and once more some minutes later. What fails is tried again. A
cache before the storage is told by `shift_media.deletion.invalidation`.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, router, transaction
from django.utils import timezone

from shift_media.core.errors import InvalidKey
from shift_media.core.keys import parse_original_key
from shift_media.deletion import invalidation, waiting
from shift_media.deletion.references import is_referenced
from shift_media.registry import RegisteredField, find_field
from shift_media.signals import media_deleted
from shift_media.storages import identify

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion

logger = logging.getLogger("shift_media")

SECOND_AFTER = timedelta(minutes=5)
"""Until the second deletion: longer than a resize that is being made meanwhile can take."""

_IN_PASSING = 2  # due deletions that a request runs for others: few, since somebody waits for it


def schedule(field: RegisteredField, key: str, using: str) -> PendingDeletion | None:
    """Have an original deleted after the commit, with all that was derived from it.

    To be called in the transaction that removes the reference, on the database ``using``. What is
    no key of ours is left alone.
    """
    from shift_media.deletion.models import PendingDeletion

    try:
        prefix = parse_original_key(key).prefix
    except InvalidKey:
        logger.warning("%s is no key that shift_media gave: it is not deleted.", key[:300])
        return None
    here = router.allow_migrate_model(using, PendingDeletion)
    pending = PendingDeletion(storage=identify(field.storage), source=str(field), prefix=prefix)
    pending.save(using=using if here else router.db_for_write(PendingDeletion))
    transaction.on_commit(partial(_after_commit, pending), using=using, robust=True)
    return pending


def _after_commit(pending: PendingDeletion) -> None:
    run(pending)
    run_due(limit=_IN_PASSING, using=waiting.database_of(pending))
    try:
        invalidation.run_in_passing(pending)
    except waiting.KNOWN_FAILURES as error:
        logger.warning("What is deleted stays in caches for now: %s", error)


def run_due(limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Run the deletions that are due, the oldest first; return how many succeeded."""
    from shift_media.deletion.models import PendingDeletion

    due = PendingDeletion.objects.using(using).filter(not_before__lte=timezone.now())
    return sum(run(pending) for pending in due.order_by("not_before", "pk")[:limit])


def run(pending: PendingDeletion) -> bool:
    """Run one deletion now, due or not; return whether it succeeded.

    Nothing is deleted while a row of any MediaField refers to the original. A failure is logged,
    kept in the row and tried again later; somebody else's turn is no failure and returns False.
    """
    if not _claim(pending):
        return False
    try:
        _run(pending)
    except waiting.KNOWN_FAILURES as error:
        _retry_later(pending, error)
        return False
    return True


def _run(pending: PendingDeletion) -> None:
    first = pending.stage == pending.Stage.FIRST
    if is_referenced(pending.key, waiting.database_of(pending)):
        pending.delete()
        return
    if first and _is_done_already(pending):
        pending.delete()
        return
    storage = waiting.storage_of(pending)
    if first and getattr(storage, "mezzanine", False):
        # First what a mezzanine was made from, so that none of it outlives it unlisted.
        storage.delete(pending.key)
    removed = storage.delete_prefix(pending.prefix)
    # The second time only where a resize was made meanwhile, as far as that is known.
    if first or removed or pending.attempts > 1:
        invalidation.schedule(pending, storage)
    if not first:
        pending.delete()
        return
    waiting.update(
        pending,
        stage=pending.Stage.SECOND,
        attempts=0,
        not_before=timezone.now() + SECOND_AFTER,
        last_error="",
    )
    field = find_field(pending.source)
    media_deleted.send_robust(
        sender=None if field is None else field.model, key=pending.key, storage=storage
    )


def _claim(pending: PendingDeletion) -> bool:
    return waiting.claim(pending, stage=pending.stage)


def _retry_later(pending: PendingDeletion, error: Exception) -> None:
    pause = waiting.retry_later(pending, error)
    logger.warning(
        "Deleting %s failed (attempt %d, the next one in %s): %s",
        pending.prefix,
        pending.attempts,
        pause,
        error,
    )


def _is_done_already(pending: PendingDeletion) -> bool:
    """Tell whether another deletion of the same is past its first time: of two copies, say."""
    past = waiting.rows_of(pending).filter(stage=pending.Stage.SECOND, prefix=pending.prefix)
    return past.filter(storage=pending.storage, source=pending.source).exists()
