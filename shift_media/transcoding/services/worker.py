"""What a worker does: claim a job, have it done, and write down how it went."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from django.db import transaction
from django.utils import timezone

from shift_media import signals
from shift_media.conf import settings
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.deletion.references import is_referenced
from shift_media.transcoding.base import LIVE, Job, JobReport, RenditionReport, State, before
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services import leases
from shift_media.transcoding.services.attempts import discard, request_of, row, send, transcoder

logger = logging.getLogger("shift_media")

PROGRESS_SECONDS = 1.0
"""How often at most a job's progress is written."""

Tell = Callable[[TranscodeJob], None]


class Worker:
    """Do what is pending, one job after the other, until there is none or it is told to stop.

    Args:
        only: the ids of the jobs to do; None is all.
        on_progress: called whenever a job has come further.
        stop: set by whoever wants it to stop: what it is at stays pending, and does not count as
            an attempt.
    """

    def __init__(
        self,
        only: Iterable[int] | None = None,
        on_progress: Tell = lambda job: None,
        stop: threading.Event | None = None,
    ) -> None:
        self.owner = leases.new_owner()
        self.stop = stop or threading.Event()
        self._only = None if only is None else list(only)
        self._on_progress = on_progress

    def run_one(self) -> TranscodeJob | None:
        """Do the job that has waited longest; None where nothing is due."""
        leases.recover()
        if self.stop.is_set():
            return None
        job = leases.claim(self.owner, self._only)
        if job is not None:
            self.run(job)
            self._on_progress(job)
        return job

    def run(self, job: TranscodeJob) -> None:
        """Do a job that was claimed, to its end, whatever that is."""
        attempt: Job | None = None
        try:
            attempt = request_of(job)
            if not attempt.wanted():
                cancel_unwanted(job)
                return
            job.external_id = transcoder().submit(attempt)
            attempt = replace(attempt, external_id=job.external_id)
            names = {"external_id": job.external_id, "transcoder": transcoder().name}
            if not leases.mine(job).update(**names):  # Cancelled or deleted meanwhile.
                stop_attempt(job, attempt)
            elif transcoder().embedded:
                self._attend(job, attempt)
            else:
                leases.mine(job).update(lease_owner="", lease_until=None)
        except MediaError as error:
            stop_attempt(job, attempt)
            fail(job, as_transcode_error(error))
        except Exception as error:  # A fault of ours must not stop the jobs that come after it.
            logger.exception("%s failed in a way that nobody foresaw.", job)
            stop_attempt(job, attempt)
            text = f"{type(error).__name__}: {error}"
            fail(job, TranscodeError(text, code="unexpected", retryable=True))
        except BaseException:
            stop_attempt(job, attempt)
            leases.release(job)
            raise
        finally:
            with contextlib.suppress(TranscodeJob.DoesNotExist):  # It went with its original.
                job.refresh_from_db()

    def _attend(self, job: TranscodeJob, attempt: Job) -> None:
        """Call `read` until it has ended, and keep the lease meanwhile."""
        told, renew_after = 0.0, settings.TRANSCODE_LEASE / 3
        renewed = time.monotonic()
        while True:
            report = transcoder().read(attempt)
            now = time.monotonic()
            if self.stop.is_set() and report.state not in (State.COMPLETE, State.ERROR):
                stop_attempt(job, attempt)
                leases.release(job)
                return
            due = now - told >= PROGRESS_SECONDS
            if report.state in LIVE and not due and not report.renditions:
                continue
            told = now
            if now - renewed >= renew_after:
                leases.renew(job)
                renewed = now
            if not apply(job, report) or (report.state in LIVE and not attempt.wanted()):
                stop_attempt(job, attempt)
                cancel_unwanted(job)
                return
            self._on_progress(job)
            if report.state not in LIVE:
                return


def apply(job: TranscodeJob, report: JobReport) -> bool:
    """Write down what a transcoder reports; returns whether it still concerned anybody.

    Forward only, once, and for this attempt alone: a late or repeated report changes nothing.
    """
    if report.state == State.COMPLETE:
        return _complete(job, report)
    if report.state == State.ERROR:
        fail(job, report.error or TranscodeError("The transcoder gave no reason."))
        return False
    current = row(job).filter(
        token=job.token, lease_owner=job.lease_owner, state__in=before(report.state)
    )
    progress = max(job.progress, min(report.progress, 99))
    with transaction.atomic(using=job._state.db):
        if not current.update(state=report.state, progress=progress):
            return False
        for rendition in report.renditions:
            _write(job, rendition)
        job.renditions.filter(state=State.PROGRESSING).update(progress=progress)
    further = progress > job.progress
    job.state, job.progress = report.state, progress
    if further:
        send(signals.transcode_progressed, job)
    return True


def _write(job: TranscodeJob, report: RenditionReport) -> None:
    names = "kind content_type state width height duration size error_code error legacy_key"
    values = {name: getattr(report, name) for name in names.split()}
    done = 100 if report.state == State.COMPLETE else 0
    job.renditions.update_or_create(
        key=report.key, defaults={**values, "original": job.original, "progress": done}
    )


def _complete(job: TranscodeJob, report: JobReport) -> bool:
    """Say complete where the original is still there; what older jobs made goes."""
    with transaction.atomic(using=job._state.db):
        current = row(job).filter(token=job.token, lease_owner=job.lease_owner)
        if not current.filter(state__in=LIVE).update(
            state=State.COMPLETE,
            progress=100,
            error_code="",
            error="",
            lease_owner="",
            lease_until=None,
            finished=timezone.now(),
            payload=dict(report.payload) or job.payload,
        ):
            return False
        # The row is written, so that on SQLite nobody deletes the original at this moment.
        if not is_referenced(job.original, str(job._state.db)):
            transaction.set_rollback(True, using=job._state.db)
            return False
        kept = [rendition.key for rendition in report.renditions]
        job.renditions.exclude(key__in=kept).delete()
        for rendition in report.renditions:
            _write(job, rendition)
        older = Rendition._default_manager.using(job._state.db).filter(
            original=job.original, job__profile=job.profile
        )
        older.exclude(job=job).delete()
        done = partial(_after_completion, job)
        transaction.on_commit(done, using=job._state.db, robust=True)
    job.refresh_from_db()
    return True


def _after_completion(job: TranscodeJob) -> None:
    """Remove what earlier attempts and jobs of this profile have left, and tell the project."""
    try:
        _remove_older(job)
    except MediaError as error:
        logger.warning("What %s replaces stays with its original: %s", job, error)
    send(signals.transcode_completed, job)


def _remove_older(job: TranscodeJob) -> None:
    attempt = request_of(job)
    folder = f"{attempt.original.directory}/_{job.profile}/"
    newer = TranscodeJob._default_manager.using(job._state.db).filter(
        original=job.original, profile=job.profile, pk__gte=job.pk
    )
    kept = tuple(f"{folder}{token}/" for token in newer.values_list("token", flat=True))
    for key in [entry.key for entry in attempt.storage.entries(folder)]:
        if not key.startswith(kept):
            attempt.storage.delete(key)


def cancel_unwanted(job: TranscodeJob) -> None:
    """End a job whose original is gone."""
    leases.mine(job).update(
        state=State.CANCELED,
        error_code="original_gone",
        error="The original was replaced or deleted.",
        lease_owner="",
        lease_until=None,
        finished=timezone.now(),
    )


def fail(job: TranscodeJob, error: TranscodeError) -> None:
    """Have it tried again where that may help, else end it."""
    if error.code == "unwanted":
        cancel_unwanted(job)
        return
    if error.retryable and leases.may_be_tried_again(job):
        leases.retry_later(job, str(error.code), str(error))
        return
    ended = leases.mine(job).update(
        state=State.ERROR,
        error_code=str(error.code)[:100],
        error=str(error),
        lease_owner="",
        lease_until=None,
        finished=timezone.now(),
    )
    if ended:
        job.renditions.update(state=State.ERROR)
        job.refresh_from_db()
        send(signals.transcode_failed, job)


def stop_attempt(job: TranscodeJob, attempt: Job | None) -> None:
    """Have the transcoder stop, and remove what it has stored."""
    if attempt is not None:
        transcoder().cancel(attempt)
        discard(job, attempt)


def as_transcode_error(error: MediaError) -> TranscodeError:
    """Take any other error, a storage's say, for one that passes."""
    if isinstance(error, TranscodeError):
        return error
    return TranscodeError(str(error), code=error.code, retryable=True)
