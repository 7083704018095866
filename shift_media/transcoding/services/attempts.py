"""What one attempt of a job needs: its transcoder, profile, storage and original."""

from __future__ import annotations

import functools
import logging
from functools import partial
from typing import Any, cast

from django.core.signals import setting_changed
from django.db import models
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.core.keys import parse_original_key
from shift_media.core.metadata import Metadata
from shift_media.deletion.references import is_referenced
from shift_media.registry import find_field
from shift_media.storages import MediaStorage, resolve
from shift_media.transcoding.base import LIVE, Job, State, Transcoder
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import Profile

logger = logging.getLogger("shift_media")


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


def database_rows(using: str) -> models.QuerySet[TranscodeJob]:
    """Select all jobs in a database."""
    return TranscodeJob._default_manager.using(using)


def row(job: TranscodeJob) -> models.QuerySet[TranscodeJob]:
    """Select a job's row."""
    return database_rows(str(job._state.db)).filter(pk=job.pk)


def send(signal: Any, job: TranscodeJob) -> None:
    """Tell the project; a receiver that fails is logged, and stops no job."""
    signal.send_robust(sender=model_of(job), job=job)


def model_of(job: TranscodeJob) -> type[models.Model] | None:
    """Find the model whose field the original is in; None where it is no more."""
    field = find_field(job.source)
    return None if field is None else field.model


def storage_of(job: TranscodeJob) -> MediaStorage:
    """Find where the original lies."""
    storage = resolve(job.storage, job.source)
    if storage is None:
        raise TranscodeError(f"{job.source} has no storage any more.", code="no_storage")
    return cast("MediaStorage", storage)


def is_wanted(job: TranscodeJob) -> bool:
    """Tell whether this attempt is still ours to make, and a row still refers to the original."""
    mine = row(job).filter(token=job.token, lease_owner=job.lease_owner, state__in=LIVE)
    return mine.exists() and is_referenced(job.original, str(job._state.db))


def known_facts(job: TranscodeJob) -> VideoFacts | None:
    """Tell what the upload's metadata say of a video; None where they do not say enough."""
    field: Any = find_field(job.source)
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
        original=parse_original_key(job.original),
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
