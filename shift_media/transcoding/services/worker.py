"""The worker: it claims a job, has the transcoder run it, and stores the result."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from django.db import InterfaceError, OperationalError, connections

from shift_media.conf import settings
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.transcoding.base import LIVE, Job, JobReport, State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services import leases
from shift_media.transcoding.services.attempts import build_attempt, transcoder
from shift_media.transcoding.services.enqueuing import enqueue_again
from shift_media.transcoding.services.heartbeat import Heartbeat
from shift_media.transcoding.services.reports import (
    apply,
    as_transcode_error,
    fail,
    stop_attempt,
)

logger = logging.getLogger("shift_media")

PROGRESS_SECONDS = 1.0
"""The shortest time between two writes of a job's progress."""

OnProgress = Callable[[TranscodeJob], None]


class Worker:
    """Runs the jobs that are due, one after the other.

    Args:
        only: the primary keys of the jobs to run; None means all.
        on_progress: called whenever a job has advanced or ended.
        stop: set it from another thread or a signal handler to interrupt the worker. The job in
            hand becomes pending again, and the attempt does not count.
    """

    def __init__(
        self,
        only: Iterable[int] | None = None,
        on_progress: OnProgress = lambda job: None,
        stop: threading.Event | None = None,
    ) -> None:
        self.owner = leases.new_owner()
        self.stop = stop or threading.Event()
        self._only = None if only is None else frozenset(only)
        self._on_progress = on_progress

    def run_one(self) -> TranscodeJob | None:
        """Run the job that has been due for longest; return None if no job is due."""
        leases.recover()
        if self.stop.is_set():
            return None
        job = leases.claim(self.owner, self._only)
        if job is not None:
            with Heartbeat(job):
                self.run(job)
            self._report(job)
        return job

    def _report(self, job: TranscodeJob) -> None:
        """Call ``on_progress``; an error in it is logged, because it must not fail the job."""
        try:
            self._on_progress(job)
        except Exception:
            logger.exception("The progress of %s could not be reported.", job)

    def run(self, job: TranscodeJob) -> None:
        """Run a claimed job until it ends, or until a service has accepted it."""
        attempt: Job | None = None
        try:
            attempt = build_attempt(job)
            if not attempt.wanted():
                job.cancel_unwanted()
                return
            # From here on `attempt` has the external id, so that an error cancels the right job.
            attempt = replace(attempt, external_id=transcoder().submit(attempt))
            self._run_submitted(job, attempt)
        except MediaError as error:
            stop_attempt(job, attempt)
            fail(job, as_transcode_error(error))
        except Exception as error:  # One job that fails must not stop those that come after it.
            logger.exception("%s failed with an unexpected error.", job)
            stop_attempt(job, attempt)
            text = f"{type(error).__name__}: {error}"
            fail(job, TranscodeError(text, code="unexpected", retryable=True))
        except BaseException:
            stop_attempt(job, attempt)
            if job.release():
                enqueue_again(job)
            raise
        finally:
            with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted with its original
                job.reload()

    def _run_submitted(self, job: TranscodeJob, attempt: Job) -> None:
        if not job.set_external_id(attempt.external_id, transcoder().name):
            stop_attempt(job, attempt)  # The job was cancelled or deleted meanwhile.
        elif transcoder().embedded:
            self._read_until_ended(job, attempt)
        else:
            job.drop_lease()

    def _read_until_ended(self, job: TranscodeJob, attempt: Job) -> None:
        """Call `Transcoder.read` until the job ends or is interrupted."""
        written = 0.0
        while True:
            report = transcoder().read(attempt)
            now = time.monotonic()
            if self.stop.is_set() and report.state not in (State.COMPLETE, State.ERROR):
                stop_attempt(job, attempt)
                job.release()
                return
            due = now - written >= PROGRESS_SECONDS
            if report.state in LIVE and not due and not report.renditions:
                continue
            written = now
            if not self._apply(job, report) or (report.state in LIVE and not attempt.wanted()):
                stop_attempt(job, attempt)
                job.cancel_unwanted()
                return
            self._report(job)
            if report.state not in LIVE:
                return

    def _apply(self, job: TranscodeJob, report: JobReport) -> bool:
        """Apply a report; wait for a database that is away, for as long as the lease lasts."""
        deadline = time.monotonic() + settings.TRANSCODE_LEASE
        while True:
            try:
                return apply(job, report)
            except (OperationalError, InterfaceError) as error:
                connection = connections[job.database]
                if connection.in_atomic_block or time.monotonic() > deadline:
                    raise
                logger.warning("%s waits for the database: %s", job, error)
                connection.close_if_unusable_or_obsolete()
                if self.stop.wait(PROGRESS_SECONDS):
                    raise
