"""Invalidation of deleted directories in a CDN: in batches, and again after a failure.

A `PendingInvalidation` row is written for each directory that was deleted from a storage behind a
CDN. One request to the CDN takes as many directories as it allows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q
from django.utils import timezone

from shift_media.deletion.budget import UNLIMITED, TimeBudget
from shift_media.storages import MediaStorage

# Functions import the models themselves, because fields import this module before the models can
# be loaded.
if TYPE_CHECKING:
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

logger = logging.getLogger("shift_media")

NO_ROWS: Final = Q(pk__in=())


def schedule(deletions: Sequence[PendingDeletion], storage: MediaStorage) -> None:
    """Store pending invalidations of deleted directories, if their storage is behind a CDN."""
    from shift_media.deletion.models import PendingInvalidation

    if not deletions or not batch_size(storage):
        return
    PendingInvalidation.objects.using(deletions[0].database).bulk_create(
        PendingInvalidation(storage=one.storage, source=one.source, prefix=one.prefix)
        for one in deletions
    )


def batch_size(storage: MediaStorage) -> int:
    """Return how many directories one request takes; 0 for a storage without a CDN."""
    return int(getattr(storage, "invalidation_batch", 0))  # third parties may lack it


def run_after(deletion: PendingDeletion, budget: TimeBudget = UNLIMITED) -> None:
    """Run due invalidations after a deletion, unless the same commit deletes more.

    Rows deleted one by one in a transaction make as few requests as possible, because only the
    last of their deletions, or a full batch, sends one. After a refusal nothing is sent until the
    refused rows are due again.
    """
    from shift_media.deletion.models import PendingDeletion, PendingInvalidation

    batch = batch_size(deletion.media_storage)
    if not batch or budget.is_spent:
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
    run_due(using=using, budget=budget)


def run_due(
    limit: int = 1000,
    using: str = DEFAULT_DB_ALIAS,
    budget: TimeBudget = UNLIMITED,
    without: Q = NO_ROWS,
) -> int:
    """Send the invalidations that are due, oldest first; return how many directories were taken.

    Rows that ``without`` selects stay as they are. A CDN that refuses a request is not called
    again in this run.
    """
    from shift_media.deletion.models import PendingInvalidation

    rows = PendingInvalidation.objects.using(using).exclude(without)
    return run(rows.due()[:limit], budget)


def run(rows: Iterable[PendingInvalidation], budget: TimeBudget = UNLIMITED) -> int:
    """Send these invalidations, due or not; return how many directories were taken."""
    ordered = sorted(rows, key=_storage_label)
    return sum(_run_all(list(group), budget) for _, group in groupby(ordered, key=_storage_label))


def _storage_label(row: PendingInvalidation) -> tuple[str, str]:
    """Return what rows of one storage share: its alias, or else the field that it belongs to."""
    return row.storage, "" if row.storage else row.source


def _run_all(rows: Sequence[PendingInvalidation], budget: TimeBudget) -> int:
    """Send rows of one storage in batches, until one batch fails or no time is left."""
    sent = 0
    try:
        batch = batch_size(rows[0].media_storage) or len(rows)
    except rows[0].RETRIED_ERRORS:
        batch = len(rows)  # _send fails in the same way, and keeps the error in the rows.
    for start in range(0, len(rows), batch):
        if budget.is_spent:
            break
        claimed = type(rows[0]).claim_all(rows[start : start + batch])
        if claimed and not _send(claimed, budget):
            break
        sent += len(claimed)
    return sent


def _send(rows: Sequence[PendingInvalidation], budget: TimeBudget) -> bool:
    first = rows[0]
    try:
        storage = first.media_storage
        if batch_size(storage):
            prefixes = [row.prefix for row in rows]
            budget.call(partial(storage.invalidate, prefixes, reference=_reference(rows)))
    except first.RETRIED_ERRORS as error:
        pause = type(first).retry_all_later(rows, error)
        logger.warning(
            "Invalidating %d deleted directories failed (the next attempt in %s): %s",
            len(rows),
            pause,
            error,
        )
        return False
    type(first).delete_all(rows)
    return True


def _reference(rows: Sequence[PendingInvalidation]) -> str:
    """Return a name for a batch, by which the CDN recognises a request that is sent twice."""
    text = "\n".join(f"{row.pk} {row.created.isoformat()} {row.prefix}" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
