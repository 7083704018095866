"""Who works on what: claims by conditional updates, leases, and what the dead have left."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.db import connections, models, router, transaction
from django.utils import timezone

from shift_media import signals
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.transcoding.base import RUNNING, State
from shift_media.transcoding.models import TranscodeJob, new_token
from shift_media.transcoding.services.attempts import request_of, row, send, transcoder

logger = logging.getLogger("shift_media")

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
"""Between attempts: doubled each time."""

_LOOK_AHEAD = 20  # pending jobs looked at for one that nobody else takes


def new_owner() -> str:
    """Name a worker: host, process, thread, and something that no other has."""
    name = f"{socket.gethostname()}/{os.getpid()}/{threading.get_ident()}"
    return f"{name[-80:]}/{uuid.uuid4().hex[:8]}"


def claim(owner: str, only: Iterable[int] | None = None) -> TranscodeJob | None:
    """Take the job that has waited longest, for as long as the lease is renewed."""
    using = router.db_for_write(TranscodeJob)
    due = TranscodeJob._default_manager.using(using).filter(
        state=State.PENDING, not_before__lte=timezone.now()
    )
    if only is not None:
        due = due.filter(pk__in=list(only))
    due = due.order_by("not_before", "pk")
    if not connections[using].features.has_select_for_update_skip_locked:
        return _take_first(list(due[:_LOOK_AHEAD]), owner)
    with transaction.atomic(using=using):
        return _take_first(list(due.select_for_update(skip_locked=True)[:1]), owner)


def _take_first(candidates: list[TranscodeJob], owner: str) -> TranscodeJob | None:
    for job in candidates:
        now = timezone.now()
        values = {
            "state": State.SUBMITTED,
            "attempts": job.attempts + 1,
            "token": new_token(),
            "progress": 0,
            "lease_owner": owner,
            "lease_until": now + _lease(),
            "started": now,
        }
        untouched = row(job).filter(state=State.PENDING, attempts=job.attempts, token=job.token)
        if untouched.update(**values):
            for name, value in values.items():
                setattr(job, name, value)
            return job
    return None


def _lease() -> timedelta:
    return timedelta(seconds=settings.TRANSCODE_LEASE)


def mine(job: TranscodeJob) -> models.QuerySet[TranscodeJob]:
    """Select the job's row as long as this attempt is running and ours."""
    return row(job).filter(token=job.token, lease_owner=job.lease_owner, state__in=RUNNING)


def renew(job: TranscodeJob) -> bool:
    """Keep a job; returns False where it was cancelled, or given to somebody else."""
    return bool(mine(job).update(lease_until=timezone.now() + _lease()))


def release(job: TranscodeJob) -> bool:
    """Leave a job for somebody else, at once: an attempt that was interrupted does not count."""
    return _again(job, mine(job), attempts=max(0, job.attempts - 1), not_before=timezone.now())


def retry_later(job: TranscodeJob, code: str, error: str) -> bool:
    """Have a job tried again after a pause, and keep why."""
    pause = min(FIRST_PAUSE * 2 ** min(job.attempts - 1, 20), LONGEST_PAUSE)
    logger.warning("%s is tried again in %s: %s", job, pause, error)
    values = {"error_code": code, "error": error, "not_before": timezone.now() + pause}
    return _again(job, mine(job), **values)


def may_be_tried_again(job: TranscodeJob) -> bool:
    """Tell whether there are attempts left."""
    return job.attempts < settings.TRANSCODE_ATTEMPTS


def _again(job: TranscodeJob, rows: models.QuerySet[TranscodeJob], **values: object) -> bool:
    with transaction.atomic(using=job._state.db):
        changed = rows.update(
            state=State.PENDING, lease_owner="", lease_until=None, external_id="", **values
        )
        if changed:
            job.renditions.filter(state__in=RUNNING).delete()
    return bool(changed)


def recover() -> int:
    """Have jobs tried again that nobody works on any more, or end them; returns how many.

    Those whose worker is silent, and those that a service has which the site uses no longer.
    """
    running = TranscodeJob._default_manager.filter(state__in=RUNNING)
    stale = running.filter(lease_until__lt=timezone.now())
    elsewhere = running.filter(lease_until=None).exclude(transcoder=transcoder().name)
    return sum(map(_recover, stale)) + sum(map(_take_over, elsewhere))


def _take_over(job: TranscodeJob) -> bool:
    """Take a job from a service that is not asked any more; that attempt does not count."""
    text = f"{job.transcoder} had it, and the site transcodes by {transcoder().name} now."
    logger.warning("%s: %s It is tried again.", job, text)
    taken = _again(
        job,
        mine(job).filter(lease_until=None),
        attempts=max(0, job.attempts - 1),
        not_before=timezone.now(),
        error_code="transcoder_changed",
        error=text,
    )
    if taken:
        _sweep(job)
    return taken


def _recover(job: TranscodeJob) -> bool:
    silent = mine(job).filter(lease_until=job.lease_until)
    text = f"The worker {job.lease_owner} fell silent in attempt {job.attempts}."
    if may_be_tried_again(job):
        logger.warning("%s: %s It is tried again.", job, text)
        values = {"error_code": "abandoned", "error": text}
        taken = _again(job, silent, not_before=timezone.now(), **values)
        if taken:
            _sweep(job)
        return taken
    ended = silent.update(
        state=State.ERROR,
        error_code="abandoned",
        error=text,
        lease_owner="",
        lease_until=None,
        finished=timezone.now(),
    )
    if ended:
        _sweep(job)
        job.refresh_from_db()
        job.renditions.update(state=State.ERROR)
        told = partial(send, signals.transcode_failed, job)
        transaction.on_commit(told, using=job._state.db, robust=True)
    return bool(ended)


def _sweep(job: TranscodeJob) -> None:
    """Remove what an attempt that fell silent has stored; a poster stays for the next one."""
    try:
        attempt = request_of(job)
        attempt.storage.delete_prefix(attempt.prefix)
    except (MediaError, OSError) as error:
        logger.warning("%s keeps what a silent worker has stored: %s", job, error)
