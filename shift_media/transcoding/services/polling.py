"""Looking at jobs that a service does: once, or again and again, more seldom as time goes by."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.transcoding.base import LIVE, RUNNING, Job, JobReport, State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services import leases
from shift_media.transcoding.services.attempts import request_of, row, transcoder
from shift_media.transcoding.services.worker import (
    apply,
    as_transcode_error,
    cancel_unwanted,
    fail,
    stop_attempt,
)

_SLOWER = 1.5
"""How much longer the pause gets with each look that has found nothing new."""


def look(job: TranscodeJob) -> bool:
    """Ask a service how far it is with a job, and write that down; returns whether it answered.

    Where it cannot be asked at the moment, the job goes on, and its row says why. A job of an
    embedded transcoder is its worker's: here only its row is read again.
    """
    job.refresh_from_db()
    if job.state not in RUNNING or not job.external_id or transcoder().embedded:
        return True
    try:
        attempt = request_of(job)
        report = transcoder().read(attempt)
    except MediaError as error:
        failure = as_transcode_error(error)
        if not failure.retryable:
            fail(job, failure)
        else:
            leases.mine(job).update(error_code=str(failure.code)[:100], error=str(failure))
        answered = not failure.retryable
    else:
        leases.mine(job).update(error_code="", error="")  # An earlier reading's, or attempt's.
        _settle(job, attempt, report)
        answered = True
    with contextlib.suppress(TranscodeJob.DoesNotExist):  # It went with its original.
        job.refresh_from_db()
    return answered


def refresh(job: TranscodeJob) -> TranscodeJob:
    """Give a job as it is by now, as far as its service can be asked: see `look`."""
    look(job)
    return job


def _settle(job: TranscodeJob, attempt: Job, report: JobReport) -> None:
    """Apply what a service reports; what nobody wants is stopped, and leaves nothing."""
    if apply(job, report):
        if report.state == State.COMPLETE or attempt.wanted():
            return
    elif report.state in LIVE and attempt.wanted():  # Older than what is known.
        return
    elif row(job).filter(token=job.token, state=State.COMPLETE).exists():
        return  # Somebody else asked at the same time: these are the renditions that are shown.
    stop_attempt(job, attempt)
    cancel_unwanted(job)


class Poller:
    """Looks at all jobs that a service does, each after a pause of its own.

    The pause begins with the first number of ``SHIFT_MEDIA["TRANSCODE_POLL"]``. It gets longer as
    long as there is nothing new, or the service cannot be asked, up to the second; what is new
    makes it short again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses: dict[int, tuple[float, float]] = {}  # by job: its pause, and when it ends

    def poll(self) -> Iterator[TranscodeJob]:
        """Look at the jobs whose pause is over, and at those not seen before; give each."""
        if transcoder().embedded:
            return
        running = TranscodeJob._default_manager.filter(state__in=RUNNING).exclude(external_id="")
        jobs = {job.pk: job for job in running.order_by("pk")}
        self._pauses = {pk: when for pk, when in self._pauses.items() if pk in jobs}
        for pk, job in jobs.items():
            if self._clock() >= self._pauses.get(pk, (0.0, 0.0))[1]:
                with contextlib.suppress(TranscodeJob.DoesNotExist):  # It went meanwhile.
                    self._look(job)
                    yield job

    def _look(self, job: TranscodeJob) -> None:
        first, longest = settings.TRANSCODE_POLL
        before = (job.state, job.progress)
        news = look(job) and (job.state, job.progress) != before
        pause, _ = self._pauses.get(job.pk, (first / _SLOWER, 0.0))
        pause = first if news else min(longest, pause * _SLOWER)
        self._pauses[job.pk] = pause, self._clock() + pause
