"""Reports of a transcoder, applied to the rows of a job: progress, renditions and the end."""

from __future__ import annotations

import logging

from django.db import DatabaseError
from django.db.models import Q

from shift_media import signals
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.deletion.references import referenced_names
from shift_media.transcoding.base import LIVE, Job, JobReport, State
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt, delete_files, transcoder
from shift_media.transcoding.services.enqueuing import enqueue_again

logger = logging.getLogger("shift_media")


def apply(job: TranscodeJob, report: JobReport) -> bool:
    """Store what a transcoder reports; return False if the attempt must be stopped.

    States move forward only, and only for the current attempt: a report that is late or repeated
    changes nothing.
    """
    if report.state == State.COMPLETE:
        return _complete(job, report)
    if report.state == State.ERROR:
        fail(job, report.error or TranscodeError("The transcoder gave no reason."))
        return False
    progress = job.progress
    if not job.advance(report):
        return False
    if job.progress > progress:
        job.send(signals.transcode_progressed)
    return True


def _complete(job: TranscodeJob, report: JobReport) -> bool:
    is_repeated = job.began_completion and job.state != State.COMPLETE
    try:
        if not job.complete(report) and not (is_repeated and job.was_completed()):
            return False
    except DatabaseError as error:
        if not job.was_completed():
            raise
        # The connection was lost after the COMMIT had arrived.
        logger.warning("%s is complete, but the database did not confirm it: %s", job, error)
    signals.after_commit(announce, job, using=job.database)
    job.reload()
    for warning in job.warnings:
        logger.warning("%s is complete, but: %s", job, warning)
    return True


def announce(job: TranscodeJob) -> None:
    """Send the signal of the end of a job, and delete older files, unless another process does.

    If the database is away now, or the process is killed before, `leases.recover` calls it again.
    """
    job.reload()
    if not job.take_announcement():
        return
    if job.state == State.COMPLETE:
        job.send(signals.transcode_completed)
        try:
            _delete_older_files(job)
        except (MediaError, OSError) as error:
            logger.warning("Older files of %s stay until media_cleanup runs: %s", job, error)
    else:
        job.send(signals.transcode_failed)


def _delete_older_files(job: TranscodeJob) -> None:
    """Delete what earlier attempts, and earlier jobs of this profile, have stored.

    The files of newer jobs stay, because a job may have been submitted again meanwhile, and so do
    those of live ones: another profile may have stored a new poster.
    """
    attempt = build_attempt(job)
    folder = f"{attempt.original.directory}/_{job.profile}/"
    keys = [entry.key for entry in attempt.storage.entries(folder)]
    # Read behind the keys: a job that stored one of them is live since, or complete.
    jobs = TranscodeJob.objects.using(job.database).filter(original=job.original)
    newer = Q(profile=job.profile, pk__gte=job.pk)
    tokens = jobs.filter(newer | Q(state__in=LIVE)).values_list("token", flat=True)
    current = tuple(f"{folder}{token}/" for token in tokens)
    older = [key for key in keys if not key.startswith(current)]
    made = Rendition.objects.using(job.database).complete([job.original])
    used = set(made.values_list("key", flat=True))  # such as a new poster of another profile
    named = used | referenced_names(older)  # by a column that was an ImageField's
    for key in older:
        if key not in named:
            attempt.storage.delete(key)


def fail(job: TranscodeJob, error: TranscodeError) -> None:
    """Try the job again later if the error may pass and there are attempts left, else end it."""
    code, text = str(error.code), str(error)
    if code == "unwanted":
        job.cancel_unwanted()
    elif error.retryable and job.may_be_retried:
        if job.retry_later(code, text):
            enqueue_again(job)
    elif job.fail(code, text):
        signals.after_commit(announce, job, using=job.database)


def stop_attempt(job: TranscodeJob, attempt: Job | None) -> None:
    """Cancel an attempt in the transcoder and delete what it has stored.

    The files of an attempt that is complete are published, and stay, whatever failed afterwards.
    """
    if attempt is not None and not _may_be_published(job):
        transcoder().cancel(attempt)
        delete_files(job, attempt)


def _may_be_published(job: TranscodeJob) -> bool:
    """Return True unless it is certain that the files of an attempt are not published.

    If the database cannot be asked, an attempt may be published that this process began to
    complete, or that any process may complete because a service runs it.
    """
    try:
        return job.was_completed()
    except DatabaseError:
        return job.began_completion or not transcoder().embedded


def as_transcode_error(error: MediaError) -> TranscodeError:
    """Return the error as one of a job; any other error, such as a storage's, is retryable."""
    if isinstance(error, TranscodeError):
        return error
    return TranscodeError(str(error), code=error.code, retryable=True)
