"""Jobs as rows: made, cancelled, tried again and forgotten."""

from __future__ import annotations

import functools
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.signals import setting_changed
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from shift_media import deletions, signals
from shift_media.conf import ConfigurationError, settings
from shift_media.core import paths
from shift_media.core.errors import MediaError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.core.paths import OriginalKey
from shift_media.core.profiles import Profile
from shift_media.core.video import VideoFacts
from shift_media.models import Rendition, TranscodeJob, new_token
from shift_media.storages import MediaStorage, by_alias, identify
from shift_media.transcoding.base import LIVE, RUNNING, Job, State, TranscodeError, Transcoder

if TYPE_CHECKING:
    from shift_media.files import MediaFile

logger = logging.getLogger("shift_media")


class NotTranscodable(TranscodeError):
    """A file that is no video, or that no profile was named for."""

    code = "not_transcodable"


@functools.cache
def transcoder() -> Transcoder:
    """Give the one transcoder of this process."""
    chosen = settings.TRANSCODER
    try:
        kind = import_string(chosen["BACKEND"])
        made: Transcoder = kind(**chosen["OPTIONS"]).chosen()
    except (ImportError, TypeError) as error:
        raise ConfigurationError(
            f'SHIFT_MEDIA["TRANSCODER"]: {error}', key="TRANSCODER"
        ) from error
    return made


def _forget_transcoder(*, setting: str, **kwargs: Any) -> None:
    if setting == "SHIFT_MEDIA":
        transcoder.cache_clear()


setting_changed.connect(_forget_transcoder, dispatch_uid=__name__)


def profile_of(name: str) -> Profile:
    """Find a profile; raises `ConfigurationError` for one that is not there."""
    try:
        return settings.PROFILES[name]
    except KeyError:
        names = ", ".join(settings.PROFILES)
        raise ConfigurationError(
            f"There is no profile {name!r}: SHIFT_MEDIA has {names}.", key="PROFILES"
        ) from None


def submit(
    file: MediaFile, profile: str | None = None, *, force: bool = False, using: str | None = None
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
    original = paths.parse_original(file.key)
    if not _is_video(original):
        raise NotTranscodable(f"{original} is no video.")
    profile_of(name)
    rows = _rows(_database(file, using))
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


def _database(file: MediaFile, using: str | None) -> str:
    own = using or file.instance._state.db or router.db_for_write(type(file.instance))
    here = router.allow_migrate_model(own, TranscodeJob)
    return own if here else router.db_for_write(TranscodeJob)


def _rows(using: str) -> models.QuerySet[TranscodeJob]:
    return TranscodeJob._default_manager.using(using)


def row(job: TranscodeJob) -> models.QuerySet[TranscodeJob]:
    """Select a job's row."""
    return _rows(str(job._state.db)).filter(pk=job.pk)


def announce_submission(job: TranscodeJob, using: str | None = None) -> None:
    """Tell of a job after the commit, and hand it to Django's tasks where configured."""
    told = partial(_after_commit, job)
    transaction.on_commit(told, using=using or job._state.db, robust=True)


def _after_commit(job: TranscodeJob) -> None:
    send(signals.transcode_submitted, job)
    if settings.TASKS is not None:
        from shift_media.transcoding.services.tasks import enqueue

        enqueue(job.pk, settings.TASKS)


def send(signal: Any, job: TranscodeJob) -> None:
    """Tell the project; a receiver that fails is logged, and stops no job."""
    signal.send_robust(sender=model_of(job), job=job)


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
    if not _is_video(paths.parse_original(key)):
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


def model_of(job: TranscodeJob) -> type[models.Model] | None:
    """Find the model whose field the original is in; None where it is no more."""
    field = _field_of(job)
    return None if field is None else cast("type[models.Model]", field.model)


def _field_of(job: TranscodeJob) -> Any:
    label, _, name = job.source.rpartition(".")
    try:
        return apps.get_model(label)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None


def storage_of(job: TranscodeJob) -> MediaStorage:
    """Find where the original lies."""
    storage = by_alias(job.storage) if job.storage else getattr(_field_of(job), "storage", None)
    if storage is None:
        raise TranscodeError(f"{job.source} has no storage any more.", code="no_storage")
    return cast("MediaStorage", storage)


def is_wanted(job: TranscodeJob) -> bool:
    """Tell whether this attempt is still ours to make, and a row still refers to the original."""
    mine = row(job).filter(token=job.token, lease_owner=job.lease_owner, state__in=LIVE)
    return mine.exists() and deletions.is_referenced(job.original, str(job._state.db))


def known_facts(job: TranscodeJob) -> VideoFacts | None:
    """Tell what the upload's metadata say of a video; None where they do not say enough."""
    field = _field_of(job)
    if field is None or not getattr(field, "metadata_field", None):
        return None
    rows = field.model._default_manager.filter(**{field.name: job.original})
    data = rows.values_list(field.metadata_field, flat=True).first()
    known = Metadata.from_json(data, job.original)
    if known is None or not (known.width and known.height and known.duration and known.codecs):
        return None
    if known.channels is None:  # Written before sound and light were looked at.
        return None
    video, _, audio = known.codecs.partition(", ")
    return VideoFacts(
        duration=known.duration,
        width=known.width,
        height=known.height,
        fps=known.fps or 0.0,
        video=video,
        audio=audio,
        channels=known.channels,
        hdr=known.hdr,
        frames=1,  # Else nobody would know its size.
    )


def request_of(job: TranscodeJob) -> Job:
    """Make what a transcoder is given."""
    return Job(
        id=job.pk,
        token=job.token,
        original=paths.parse_original(job.original),
        profile=profile_of(job.profile),
        storage=storage_of(job),
        wanted=partial(is_wanted, job),
        facts=partial(known_facts, job),
        external_id=job.external_id,
        payload=job.payload,
    )


def discard(job: TranscodeJob, attempt: Job) -> None:
    """Remove what an attempt has stored; the poster only where no other job made it."""
    try:
        attempt.storage.delete_prefix(attempt.prefix)
        poster = f"{attempt.original.directory}/_poster.jpg"
        others = Rendition._default_manager.using(job._state.db).filter(key=poster)
        if not others.filter(state=State.COMPLETE).exists():
            attempt.storage.delete(poster)
    except (MediaError, OSError) as error:
        logger.warning("%s keeps what was made of it in vain: %s", job, error)
