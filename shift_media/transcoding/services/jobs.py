"""Jobs as their callers see them: submitted, retried, cancelled and deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import IntegrityError, connections, router, transaction

from shift_media import signals
from shift_media.core.errors import TranscodeError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import OriginalKey, parse_original_key
from shift_media.resizes.legacy import is_legacy_name
from shift_media.storages import find_alias
from shift_media.transcoding.base import MOST_PRIORITY, Priority, State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import cancel_at_service, get_profile
from shift_media.transcoding.services.enqueuing import enqueue
from shift_media.transcoding.types import VideoFile


class NotTranscodable(TranscodeError):
    """The file does not move or sound, or no profile was named for it."""

    code = "not_transcodable"


def submit(
    file: VideoFile,
    profile: str | None = None,
    *,
    force: bool = False,
    priority: int = Priority.NORMAL,
    using: str | None = None,
) -> TranscodeJob:
    """Create the job that makes the renditions of a video, and return it.

    Call it in the transaction that saves the row: the work starts after the commit. A job that is
    live or complete already is returned as it is, and one that failed or was cancelled is retried.
    With ``force`` a complete one gets a successor. One that waits gets the higher priority of the
    two. Raises `NotTranscodable`, and ``ValueError`` for a priority outside of -50 to 50.

    All jobs are in the database that routers name for them, where workers look. The job of a row
    in another one is stored after that one's commit, and returned without a primary key.
    """
    _check_priority(priority)
    name = _find_profile(file, profile)
    original = find_original(file)
    jobs = TranscodeJob.objects.on_primary()
    newest = jobs.of(str(original), name).first()
    if newest is not None and (newest.is_live or (newest.state == State.COMPLETE and not force)):
        newest.raise_priority(priority)
        return newest
    if newest is not None and newest.state in (State.ERROR, State.CANCELED):
        newest.raise_priority(priority)
        retry(newest)
        return newest
    return submit_new(file, name, priority, using=using)


def submit_new(
    file: VideoFile,
    profile: str,
    priority: int,
    *,
    payload: Mapping[str, object] | None = None,
    using: str | None = None,
) -> TranscodeJob:
    """Create a job, or return the live one of the same profile that another process has created.

    See `submit` for the database that it is in.
    """
    jobs = TranscodeJob.objects.on_primary()
    job = TranscodeJob(
        original=file.key,
        source=str(file.field),
        storage=find_alias(file.storage),
        profile=profile,
        priority=priority,
        payload=dict(payload or {}),
    )
    own = using or router.db_for_write(type(file.instance), instance=file.instance)
    if own != jobs.db and connections[own].in_atomic_block:
        # A worker that saw the job before the row would cancel it.
        signals.after_commit(_store, job, using=own)
        return job
    return _store(job)


def _store(job: TranscodeJob) -> TranscodeJob:
    """Store a job where workers look for it; return another process's job if it was quicker."""
    jobs = TranscodeJob.objects.on_primary()
    try:
        with transaction.atomic(using=jobs.db):
            job.save(using=jobs.db)
    except IntegrityError:  # Another process has submitted the same job meanwhile.
        return jobs.of(job.original, job.profile).live().get()
    _announce(job)
    return job


def _check_priority(priority: int) -> None:
    if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise ValueError(
            f"The priority is {priority}, expected -{MOST_PRIORITY} to {MOST_PRIORITY}. Jobs with "
            "a higher one are run first."
        )


def _find_profile(file: VideoFile, profile: str | None) -> str:
    """Return the name of a profile that exists: an unknown one is an error of the caller."""
    name = profile or getattr(file.field, "transcode", None)
    if not name:
        raise NotTranscodable(
            f'{file.field} has no profile: write .transcode("web"), or give it transcode="web".'
        )
    get_profile(name)
    return str(name)


def find_original(file: VideoFile) -> OriginalKey:
    """Return the key of a video, a sound or a GIF; raise `NotTranscodable` for all other files."""
    if file.stored_name and is_legacy_name(file.name or ""):
        raise NotTranscodable(
            f"{file.stored_name[:300]!r} is a name from before {file.field} was a media field, so "
            "it has no renditions. Store it under a key: python manage.py media_import "
            f"{file.field}"
        )
    original = parse_original_key(file.key)
    if not _has_renditions(original):
        raise NotTranscodable(f"{original} is neither a video nor a sound nor a GIF.")
    known = file.known_metadata
    if BY_EXTENSION[original.extension].kind == "image" and known and (known.frames or 1) == 1:
        raise NotTranscodable(f"{original} is a still picture, of which no video is made.")
    return original


def _has_renditions(original: OriginalKey) -> bool:
    return BY_EXTENSION[original.extension].transcoded


def _announce(job: TranscodeJob) -> None:
    """Send ``transcode_submitted`` after the commit, and enqueue the task if one is configured."""
    signals.after_commit(_after_commit, job, using=job.database)


def _after_commit(job: TranscodeJob) -> None:
    job.send(signals.transcode_submitted)
    enqueue(job)


def retry(job: TranscodeJob) -> bool:
    """Make a job that failed or was cancelled pending again; return True if it is."""
    restarted = job.restart()
    if restarted:
        job.reload()
        _announce(job)
    return restarted


def cancel(job: TranscodeJob) -> bool:
    """Cancel a job; return True if it was live. A worker that runs it notices within seconds."""
    canceled = job.cancel()
    try:
        job.reload()  # The worker may have stored the external id meanwhile.
    except TranscodeJob.DoesNotExist:  # It was deleted, and cancelled then.
        return canceled
    if canceled:
        cancel_at_service(job)
    return canceled


def delete_jobs(originals: Collection[str]) -> None:
    """Delete the jobs and renditions of originals that are gone, and cancel running ones.

    The original of an image has none, unless it is a GIF.
    """
    keys = [key for key in originals if _has_renditions(parse_original_key(key))]
    if keys:
        TranscodeJob.objects.on_primary().filter(original__in=keys).delete()


def cancel_deleted(instance: TranscodeJob, using: str, **kwargs: object) -> None:
    """Cancel the attempt that a service runs of a job whose row is being deleted."""
    rows = TranscodeJob.objects.using(using).filter(pk=instance.pk)
    job = rows.running().exclude(external_id="").first()
    if job is not None:
        signals.after_commit(cancel_at_service, job, using=using)
