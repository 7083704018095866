"""Invalidation of deleted directories in a CDN: in batches, and again after a failure.

A `PendingInvalidation` row is written for each directory that was deleted from a storage behind a
CDN. One request to the CDN takes as many directories as it allows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from shift_media.storages import MediaStorage

# Functions import the models themselves, because fields import this module before the models can
# be loaded.
if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

logger = logging.getLogger("shift_media")


def schedule(deletion: PendingDeletion, storage: MediaStorage) -> None:
    """Store a pending invalidation of a deleted directory, if its storage is behind a CDN."""
    from shift_media.deletion.models import PendingInvalidation

    if not batch_size(storage):
        return
    PendingInvalidation.objects.using(deletion.database).create(
        storage=deletion.storage, source=deletion.source, prefix=deletion.prefix
    )


def batch_size(storage: MediaStorage) -> int:
    """Return how many directories one request takes; 0 for a storage without a CDN."""
    return int(getattr(storage, "invalidation_batch", 0))  # third parties may lack it


def run_after(deletion: PendingDeletion) -> None:
    """Run due invalidations after a deletion, unless the same commit deletes more.

    A thousand rows deleted at once make as few requests as possible, because only the last of
    their deletions, or a full batch, sends one. After a refusal nothing is sent until the refused
    rows are due again.
    """
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

    batch = batch_size(deletion.media_storage)
    if not batch:
        return
    using = deletion.database
    rows = PendingInvalidation.objects.using(using)
    if rows.filter(not_before__gt=timezone.now()).exclude(last_error="").exists():
        return
    untried = (
        PendingDeletion.objects.using(using)
        .due()
        .filter(stage=PendingDeletion.Stage.FIRST, attempts=0)
    )
    if untried.exists() and rows.due().count() < batch:
        return
    run_due(limit=batch, using=using)


def run_due(limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Send the invalidations that are due, oldest first; return how many directories were taken.

    A CDN that refuses a request is not called again in this run.
    """
    from shift_media.deletion.models import PendingInvalidation

    return run(PendingInvalidation.objects.using(using).due()[:limit])


def run(rows: Iterable[PendingInvalidation]) -> int:
    """Send these invalidations, due or not; return how many directories were taken."""
    ordered = sorted(rows, key=_storage_label)
    return sum(_run_all(list(group)) for _, group in groupby(ordered, key=_storage_label))


def _storage_label(row: PendingInvalidation) -> tuple[str, str]:
    """Return what rows of one storage share: its alias, or else the field that it belongs to."""
    return row.storage, "" if row.storage else row.source


def _run_all(rows: Sequence[PendingInvalidation]) -> int:
    """Send rows of one storage in batches, until one batch fails."""
    sent = 0
    try:
        batch = batch_size(rows[0].media_storage) or len(rows)
    except rows[0].RETRIED_ERRORS:
        batch = len(rows)  # _send fails in the same way, and keeps the error in the rows.
    for start in range(0, len(rows), batch):
        claimed = [row for row in rows[start : start + batch] if row.claim()]
        if claimed and not _send(claimed):
            break
        sent += len(claimed)
    return sent


def _send(rows: Sequence[PendingInvalidation]) -> bool:
    first = rows[0]
    try:
        storage = first.media_storage
        if batch_size(storage):
            storage.invalidate([row.prefix for row in rows], reference=_reference(rows))
    except first.RETRIED_ERRORS as error:
        pauses = [row.retry_later(error) for row in rows]
        logger.warning(
            "Invalidating %d deleted directories failed (the next attempt in %s): %s",
            len(rows),
            min(pauses),
            error,
        )
        return False
    sent = type(first).objects.using(first.database).filter(pk__in=[row.pk for row in rows])
    sent.delete()
    return True


def _reference(rows: Sequence[PendingInvalidation]) -> str:
    """Return a name for a batch, by which the CDN recognises a request that is sent twice."""
    text = "\n".join(f"{row.pk} {row.created.isoformat()} {row.prefix}" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
