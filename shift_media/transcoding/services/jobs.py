"""Jobs as rows: made, cancelled, tried again and forgotten."""

from __future__ import annotations

import logging
from functools import partial

from django.db import IntegrityError, models, router, transaction
from django.utils import timezone

from shift_media import signals
from shift_media.conf import settings
from shift_media.core.errors import TranscodeError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import OriginalKey, parse_original_key
from shift_media.storages import identify
from shift_media.transcoding.base import LIVE, RUNNING, State
from shift_media.transcoding.models import TranscodeJob, new_token
from shift_media.transcoding.services.attempts import (
    database_rows,
    profile_of,
    request_of,
    row,
    send,
    transcoder,
)
from shift_media.transcoding.types import VideoFile

logger = logging.getLogger("shift_media")


class NotTranscodable(TranscodeError):
    """A file that is no video, or that no profile was named for."""

    code = "not_transcodable"


def submit(
    file: VideoFile, profile: str | None = None, *, force: bool = False, using: str | None = None
) -> TranscodeJob:
    """Have renditions made of a video; call it in the transaction that saves the row.

    The work starts after the commit. A live job, and one that is complete, are given back as they
    are; ``force`` has a complete one done again. One that failed or was cancelled is tried again.
    Raises `NotTranscodable`.
    """
    name = profile or getattr(file.field, "transcode", None)
    if not name:
        raise NotTranscodable(
            f'{file.field} has no profile: write .transcode("web"), or give it transcode="web".'
        )
    original = parse_original_key(file.key)
    if not _is_video(original):
        raise NotTranscodable(f"{original} is no video.")
    profile_of(name)
    rows = database_rows(_database(file, using))
    found = rows.filter(original=str(original), profile=name).order_by("-pk").first()
    if found is not None and (found.is_live or (found.state == State.COMPLETE and not force)):
        return found
    if found is not None and found.state in (State.ERROR, State.CANCELED):
        retry(found)
        return found
    job = TranscodeJob(
        original=str(original),
        source=str(file.field),
        storage=identify(file.storage),
        profile=name,
    )
    try:
        with transaction.atomic(using=rows.db):
            job.save(using=rows.db)
    except IntegrityError:  # Somebody else was quicker.
        return rows.get(original=str(original), profile=name, state__in=LIVE)
    announce_submission(job, using)
    return job


def _is_video(original: OriginalKey) -> bool:
    return BY_EXTENSION[original.extension].kind == "video"


def _database(file: VideoFile, using: str | None) -> str:
    own = using or file.instance._state.db or router.db_for_write(type(file.instance))
    here = router.allow_migrate_model(own, TranscodeJob)
    return own if here else router.db_for_write(TranscodeJob)


def announce_submission(job: TranscodeJob, using: str | None = None) -> None:
    """Tell of a job after the commit, and hand it to Django's tasks where configured."""
    told = partial(_after_commit, job)
    transaction.on_commit(told, using=using or job._state.db, robust=True)


def _after_commit(job: TranscodeJob) -> None:
    send(signals.transcode_submitted, job)
    if settings.TASKS is not None:
        from shift_media.transcoding.services.tasks import enqueue

        enqueue(job.pk, settings.TASKS)


def retry(job: TranscodeJob) -> bool:
    """Have a job that failed or was cancelled done again, as a new attempt; returns whether."""
    ended = row(job).filter(state__in=(State.ERROR, State.CANCELED))
    fresh = {
        "state": State.PENDING,
        "progress": 0,
        "attempts": 0,
        "error_code": "",
        "error": "",
        "external_id": "",
        "token": new_token(),
        "not_before": timezone.now(),
        "finished": None,
    }
    try:
        with transaction.atomic(using=job._state.db):
            changed = bool(ended.update(**fresh))
            if changed:
                job.renditions.all().delete()
    except IntegrityError:  # There is a live one already.
        return False
    if changed:
        job.refresh_from_db()
        announce_submission(job)
    return changed


def cancel(job: TranscodeJob) -> bool:
    """Stop a job; returns whether it was live. A worker that is at it notices within seconds."""
    now = timezone.now()
    changed = bool(
        row(job)
        .filter(state__in=LIVE)
        .update(state=State.CANCELED, finished=now, lease_owner="", lease_until=None)
    )
    if changed and job.external_id and not transcoder().embedded:
        transcoder().cancel(request_of(job))
    job.refresh_from_db()
    if changed:
        job.renditions.update(state=State.CANCELED)
    return changed


def forget(key: str) -> None:
    """Remove the jobs and renditions of an original that is gone; pictures have none.

    What a service is still at is cancelled.
    """
    if not _is_video(parse_original_key(key)):
        return
    jobs = TranscodeJob._default_manager.filter(original=key)
    elsewhere = [] if transcoder().embedded else list(jobs.filter(state__in=RUNNING))
    attempts = [request_of(job) for job in elsewhere if job.external_id]
    jobs.delete()
    for attempt in attempts:
        transcoder().cancel(attempt)


def live() -> models.QuerySet[TranscodeJob]:
    """Select the jobs that are still to be done, or under way."""
    return TranscodeJob._default_manager.filter(state__in=LIVE)


def latest(original: str, profile: str) -> TranscodeJob | None:
    """Find the last job of an original and profile."""
    rows = TranscodeJob._default_manager.filter(original=original, profile=profile)
    return rows.order_by("-pk").first()
