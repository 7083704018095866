"""Telling a CDN what is deleted: in batches, after the deletion, and again where it failed.

A `PendingInvalidation` row is written for each directory that was deleted from a storage with a
cache before it. One request takes as many directories as the CDN allows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from shift_media.deletion import waiting
from shift_media.storages import MediaStorage

if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

logger = logging.getLogger("shift_media")


def schedule(deletion: PendingDeletion, storage: MediaStorage) -> None:
    """Have what is deleted forgotten by the cache before its storage, where it has one."""
    from shift_media.deletion.models import PendingInvalidation

    if not batch_of(storage):
        return
    PendingInvalidation.objects.using(waiting.database_of(deletion)).create(
        storage=deletion.storage, source=deletion.source, prefix=deletion.prefix
    )


def batch_of(storage: MediaStorage) -> int:
    """Tell how many directories one request takes; 0 for a storage without a cache before it."""
    return int(getattr(storage, "invalidation_batch", 0))  # third parties may lack it


def run_in_passing(deletion: PendingDeletion) -> None:
    """Run what is due after a deletion, unless more deletions of the same commit are coming.

    So that a thousand rows deleted at once make as few requests as can be. Where an earlier
    request was put off, nothing is asked until then.
    """
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

    batch = batch_of(waiting.storage_of(deletion))
    if not batch:
        return
    using = waiting.database_of(deletion)
    now = timezone.now()
    rows = PendingInvalidation.objects.using(using)
    if rows.filter(not_before__gt=now).exclude(last_error="").exists():
        return
    coming = PendingDeletion.objects.using(using).filter(
        stage=PendingDeletion.Stage.FIRST, attempts=0, not_before__lte=now
    )
    if coming.exists() and rows.filter(not_before__lte=now).count() < batch:
        return
    run_due(limit=batch, using=using)


def run_due(limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Tell the caches what is due, the oldest first; return how many directories they took.

    A cache that refuses a request is not asked again in this run.
    """
    from shift_media.deletion.models import PendingInvalidation

    due = PendingInvalidation.objects.using(using).filter(not_before__lte=timezone.now())
    return run(due.order_by("not_before", "pk")[:limit])


def run(rows: Iterable[PendingInvalidation]) -> int:
    """Tell the caches these, due or not; return how many directories they took."""
    ordered = sorted(rows, key=_cache)
    return sum(_run_all(list(group)) for _, group in groupby(ordered, key=_cache))


def _cache(row: PendingInvalidation) -> tuple[str, str]:
    """Tell which rows have one storage; a field's own has no alias, so its field tells it."""
    return row.storage, "" if row.storage else row.source


def _run_all(rows: Sequence[PendingInvalidation]) -> int:
    done = 0
    try:
        batch = batch_of(waiting.storage_of(rows[0])) or len(rows)
    except waiting.KNOWN_FAILURES:
        batch = len(rows)  # The failure is noted where they are run.
    for start in range(0, len(rows), batch):
        claimed = [row for row in rows[start : start + batch] if waiting.claim(row)]
        if claimed and not _run(claimed):
            break
        done += len(claimed)
    return done


def _run(rows: Sequence[PendingInvalidation]) -> bool:
    try:
        storage = waiting.storage_of(rows[0])
        if batch_of(storage):
            storage.invalidate([row.prefix for row in rows], reference=_reference(rows))
    except waiting.KNOWN_FAILURES as error:
        pauses = [waiting.retry_later(row, error) for row in rows]
        logger.warning(
            "The cache was not told of %d deletions (the next attempt in %s): %s",
            len(rows),
            min(pauses),
            error,
        )
        return False
    waiting.rows_of(rows[0]).filter(pk__in=[row.pk for row in rows]).delete()
    return True


def _reference(rows: Sequence[PendingInvalidation]) -> str:
    """Name a batch: the same rows again are the same request, however often it is sent."""
    told = "\n".join(f"{row.pk} {row.created.isoformat()} {row.prefix}" for row in rows)
    return hashlib.sha256(told.encode()).hexdigest()[:32]
