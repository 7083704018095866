"""Deletion of originals: never before the commit, never while a row refers to one, never lost.

A `PendingDeletion` row is written in the transaction that removes a reference. After the commit
the original's prefix is deleted, and once more some minutes later. What fails is tried again.
`shift_media.deletion.invalidation` invalidates what a CDN keeps of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, router

from shift_media.core.errors import InvalidKey, NotStored
from shift_media.core.keys import parse_original_key
from shift_media.deletion import invalidation
from shift_media.deletion.references import is_referenced, lock_references
from shift_media.registry import RegisteredField
from shift_media.signals import after_commit, media_deleted
from shift_media.storages import find_alias

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion

logger = logging.getLogger("shift_media")

_OTHERS_PER_COMMIT = 2  # due deletions of others that a request runs: few, since its client waits


def schedule(field: RegisteredField, key: str, using: str) -> PendingDeletion | None:
    """Store a pending deletion of an original and of everything derived from it.

    It runs after the commit. Call this in the transaction that removes the reference, on the
    database ``using``. For a value that is not the key of an original, None is returned.
    """
    # Imported here, because fields import this module before the models can be loaded.
    from shift_media.deletion.models import PendingDeletion

    try:
        prefix = parse_original_key(key).prefix
    except InvalidKey:
        logger.warning("%s is not a key of shift_media, so it is not deleted.", key[:300])
        return None
    # The same database, so that a rollback undoes both; another one only if a router says so.
    here = router.allow_migrate_model(using, PendingDeletion)
    pending = PendingDeletion(storage=find_alias(field.storage), source=str(field), prefix=prefix)
    pending.save(using=using if here else router.db_for_write(PendingDeletion))
    after_commit(_run_after_commit, pending, using=using)
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
    return False


def deleted_meanwhile(field: RegisteredField, key: str) -> NotStored:
    """Return the error for a row that refers to an original which another process has deleted."""
    return NotStored(
        f"{field} refers to {key!r}, which was deleted after this row was loaded. Load the row "
        "again, or assign another file before saving."
    )


def _run_after_commit(pending: PendingDeletion) -> None:
    run(pending)
    run_due(limit=_OTHERS_PER_COMMIT, using=pending.database)
    try:
        invalidation.run_after(pending)
    except pending.RETRIED_ERRORS as error:
        logger.warning("The CDN keeps deleted files until the next invalidation: %s", error)


def run_due(limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Run the deletions that are due, oldest first; return how many succeeded."""
    from shift_media.deletion.models import PendingDeletion

    return sum(run(pending) for pending in PendingDeletion.objects.using(using).due()[:limit])


def run(pending: PendingDeletion) -> bool:
    """Run one deletion now, due or not; return True if it succeeded.

    Nothing is deleted while a row of any MediaField refers to the original. A failure is logged,
    kept in the row and tried again later. If another process has claimed the row, False is
    returned, and nothing is logged.
    """
    if not pending.claim():
        return False
    try:
        _run(pending)
    except pending.RETRIED_ERRORS as error:
        pause = pending.retry_later(error)
        logger.warning(
            "Deleting %s failed (attempt %d, the next one in %s): %s",
            pending.prefix,
            pending.attempts,
            pause,
            error,
        )
        return False
    return True


def _run(pending: PendingDeletion) -> None:
    first = pending.is_first
    if is_referenced(pending.key, pending.database):
        pending.delete()
        return
    if first and pending.has_twin_in_second_stage():
        pending.delete()
        return
    storage = pending.media_storage
    if first and getattr(storage, "mezzanine", False):
        # The original first. Otherwise a mezzanine could be made from it after the directory has
        # been listed, and outlive it.
        storage.delete(pending.key)
    removed = storage.delete_prefix(pending.prefix)
    # The second deletion changes nothing for the CDN, unless a resize was made meanwhile. After a
    # failed attempt that is unknown, because the attempt may have removed it.
    if first or removed or pending.attempts > 1:
        invalidation.schedule(pending, storage)
    if not first:
        pending.delete()
        return
    pending.move_to_second_stage()
    field = pending.field
    media_deleted.send_robust(
        sender=None if field is None else field.model, key=pending.key, storage=storage
    )
