"""Claims of workers, and the recovery of jobs whose worker died.

A worker claims a job with a lease, and renews the lease while it works. A lease that has run out
means that the worker died, so that any other worker may recover the job.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Collection, Iterable
from itertools import islice

from django.db import connections, transaction
from django.utils import timezone

from shift_media import signals
from shift_media.core.errors import MediaError
from shift_media.transcoding.models import TranscodeJob, TranscodeJobQuerySet
from shift_media.transcoding.services.attempts import build_attempt, transcoder
from shift_media.transcoding.services.enqueuing import enqueue_again
from shift_media.transcoding.services.reports import announce

logger = logging.getLogger("shift_media")

_PARAMETERS = 500
"""Primary keys in one query. SQLite allows 999 parameters in old versions."""

_CANDIDATES = 20
"""Pending jobs to try, on a database that cannot skip the rows that another worker has locked."""

_HOST_CHARACTERS = 80
"""Of a worker's name without its random part: the column ``lease_owner`` has room for 100."""


def new_owner() -> str:
    """Return a unique name for a worker: host, process, thread and a random part."""
    name = f"{socket.gethostname()}/{os.getpid()}/{threading.get_ident()}"
    return f"{name[-_HOST_CHARACTERS:]}/{uuid.uuid4().hex[:8]}"


def claim(owner: str, only: Iterable[int] | None = None) -> TranscodeJob | None:
    """Claim the job that has been due for longest; return None if no job is due.

    ``only`` are the primary keys to choose from; None means all.
    """
    due = TranscodeJob.objects.on_primary().due(timezone.now())
    if only is not None:
        due = due.filter(pk__in=_due_among(due, frozenset(only)))
    if not connections[due.db].features.has_select_for_update_skip_locked:
        return _claim_first(due[:_CANDIDATES], owner)
    with transaction.atomic(using=due.db):
        return _claim_first(due.select_for_update(skip_locked=True)[:1], owner)


def _due_among(due: TranscodeJobQuerySet[TranscodeJob], only: frozenset[int]) -> Collection[int]:
    """Return which of some jobs to try: a query takes a limited number of parameters."""
    if len(only) <= _PARAMETERS:
        return only
    pks = due.values_list("pk", flat=True).iterator()
    return list(islice((pk for pk in pks if pk in only), _CANDIDATES))


def _claim_first(candidates: Iterable[TranscodeJob], owner: str) -> TranscodeJob | None:
    return next((job for job in list(candidates) if job.claim(owner)), None)


def recover() -> int:
    """Make jobs pending whose attempt is lost, or end them; return how many.

    An attempt is lost if its worker did not renew the lease, or if it was submitted to a service
    that is no longer the site's transcoder. Also send the signals of jobs that have ended, whose
    process was killed before it sent them, or had lost the database.
    """
    jobs = TranscodeJob.objects.on_primary()
    for ended in jobs.unannounced().filter(lease_until__lt=timezone.now()):
        signals.after_commit(announce, ended, using=ended.database)
    running = jobs.running()
    expired = running.filter(lease_until__lt=timezone.now())
    elsewhere = running.filter(lease_until=None).exclude(transcoder=transcoder().name)
    return sum(map(_recover_expired, expired)) + sum(map(_recover_from_service, elsewhere))


def _recover_expired(job: TranscodeJob) -> bool:
    text = f"The worker {job.lease_owner} fell silent in attempt {job.attempts}."
    if job.may_be_retried:
        logger.warning("%s: %s It is tried again.", job, text)
        recovered = job.recover("abandoned", text, attempts=job.attempts)
        if recovered:
            _delete_files(job)
            enqueue_again(job)
        return recovered
    failed = job.fail_lost("abandoned", text)
    if failed:
        _delete_files(job)
        signals.after_commit(announce, job, using=job.database)
    return failed


def _recover_from_service(job: TranscodeJob) -> bool:
    """Take a job back from a service that is not read any more; the attempt does not count."""
    text = f"{job.transcoder} had the job, and the site's transcoder is {transcoder().name} now."
    logger.warning("%s: %s It is tried again.", job, text)
    recovered = job.recover("transcoder_changed", text, attempts=max(0, job.attempts - 1))
    if recovered:
        _delete_files(job)
        enqueue_again(job)
    return recovered


def _delete_files(job: TranscodeJob) -> None:
    """Delete what a lost attempt has stored, except a poster, which the next one overwrites."""
    try:
        attempt = build_attempt(job)
        attempt.storage.delete_prefix(attempt.prefix)
    except (MediaError, OSError) as error:
        logger.warning("Files of a lost attempt at %s could not be deleted: %s", job, error)
