"""Polling: a job that a service runs is read once, or at intervals that grow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.utils import timezone

from shift_media.conf import settings
from shift_media.core.backoff import Backoff
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.core.keys import NEW_POSTER
from shift_media.transcoding.base import LIVE, RUNNING, Job, JobReport, State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import (
    build_attempt,
    cancel_at_service,
    transcoder,
)
from shift_media.transcoding.services.reports import (
    announce,
    apply,
    as_transcode_error,
    fail,
    stop_attempt,
)

UNREADABLE_AFTER = timedelta(days=7)
"""The age of an attempt at which a service that cannot be read is no longer waited for."""

_FACTOR = 1.5
"""By how much the pause grows with each poll that finds the job unchanged."""


def poll(job: TranscodeJob) -> bool:
    """Read a job from its service and store the answer; return False if there was none.

    Without an answer the job goes on, and its row has the error. A job of an embedded transcoder
    belongs to its worker, so only the row is read again.
    """
    job.reload()
    if job.is_unannounced:  # The process that ended it was killed, or has lost the database.
        announce(job)
    if job.state not in RUNNING or not job.external_id or transcoder().embedded:
        return True
    if job.profile not in (*settings.PROFILES, NEW_POSTER):
        _end_without_profile(job)
        return True
    try:
        attempt = build_attempt(job)
        report = transcoder().read(attempt)
    except MediaError as error:
        answered = _store_failure(job, as_transcode_error(error))
    else:
        job.set_error("", "")  # An earlier poll or attempt may have left one.
        _settle(job, attempt, report)
        answered = True
    with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted with its original
        job.reload()
    return answered


def _end_without_profile(job: TranscodeJob) -> None:
    """End a job whose result could not be read, so that it does not stay submitted for ever."""
    text = f'The profile "{job.profile}" was removed from SHIFT_MEDIA["PROFILES"].'
    fail(job, TranscodeError(text, code="no_profile"))
    cancel_at_service(job)


def refresh(job: TranscodeJob) -> TranscodeJob:
    """Return a job with its current state, which is read from its service if it has one."""
    poll(job)
    return job


def _store_failure(job: TranscodeJob, error: TranscodeError) -> bool:
    """Fail the job, or keep the error if it may pass; return True for an error that stays.

    The service may still run a job that fails here, so it is cancelled.
    """
    if error.retryable and not _is_older_than(job, UNREADABLE_AFTER):
        job.set_error(str(error.code), str(error))
        return False
    if error.retryable:
        text = (
            f"The service could not be read {UNREADABLE_AFTER.days} days after it began: {error}"
        )
        error = TranscodeError(text, code="unreadable_job")
    fail(job, error)
    cancel_at_service(job)
    return True


def _is_older_than(job: TranscodeJob, age: timedelta) -> bool:
    return job.started is not None and timezone.now() - job.started > age


def _settle(job: TranscodeJob, attempt: Job, report: JobReport) -> None:
    """Apply a report, and stop the attempt if its result is not wanted any more."""
    if apply(job, report):
        if report.state == State.COMPLETE or attempt.wanted():
            return
    elif report.state in LIVE and attempt.wanted():  # The report is older than the row.
        return
    elif job.was_completed():
        # Another process has read the same job at the same time. Its renditions are these files.
        return
    stop_attempt(job, attempt)
    job.cancel_unwanted()


class Poller:
    """Polls all jobs that services run, each after a pause of its own.

    The first number of ``SHIFT_MEDIA["TRANSCODE_POLL"]`` is the first pause in seconds, the second
    the longest. A pause grows as long as the job does not change, or the service cannot be read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unchanged: dict[int, int] = {}  # by primary key: polls since the job has changed
        self._next: dict[int, float] = {}  # by primary key: when the next poll is due

    def poll(self) -> Iterator[TranscodeJob]:
        """Poll the jobs that are due, and those that are new to this poller; yield each."""
        if transcoder().embedded:
            return
        submitted = (
            TranscodeJob.objects.on_primary().running().exclude(external_id="").order_by("pk")
        )
        jobs = {job.pk: job for job in submitted}
        self._unchanged = {pk: polls for pk, polls in self._unchanged.items() if pk in jobs}
        self._next = {pk: due for pk, due in self._next.items() if pk in jobs}
        for pk, job in jobs.items():
            if self._clock() >= self._next.get(pk, 0.0):
                with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted meanwhile
                    self._poll(job)
                    yield job

    def _poll(self, job: TranscodeJob) -> None:
        before = (job.state, job.progress)
        changed = poll(job) and (job.state, job.progress) != before
        polls = 1 if changed else self._unchanged.get(job.pk, 0) + 1
        backoff = Backoff(*settings.TRANSCODE_POLL, _FACTOR)
        self._unchanged[job.pk] = polls
        self._next[job.pk] = self._clock() + backoff.pause(polls)
