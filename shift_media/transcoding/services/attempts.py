"""One attempt of a job: the transcoder that runs it, and what the transcoder is given."""

from __future__ import annotations

import functools
import logging
from functools import partial
from typing import Any

from django.core.signals import setting_changed
from django.db import DatabaseError, router
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError
from shift_media.core.keys import NEW_POSTER, parse_original_key, poster_key
from shift_media.core.metadata import Metadata
from shift_media.deletion.budget import current_budget
from shift_media.registry import find_field
from shift_media.transcoding.base import Job, Transcoder, UploadedCaptions
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import Profile, new_poster_profile

logger = logging.getLogger("shift_media")

POSTER_SECOND = "poster_second"
"""The key in the payload of a job for a new poster: the time in the video, in seconds."""


@functools.cache
def transcoder() -> Transcoder:
    """Return the transcoder of the settings, which is made once in a process."""
    chosen = settings.TRANSCODER
    try:
        kind = import_string(chosen["BACKEND"])
        made: Transcoder = kind(**chosen["OPTIONS"]).chosen()
    except (ImportError, TypeError) as error:
        raise ConfigurationError(
            f'SHIFT_MEDIA["TRANSCODER"]: {error}', key="TRANSCODER"
        ) from error
    return made


def _reset_transcoder(*, setting: str, **kwargs: Any) -> None:
    if setting == "SHIFT_MEDIA":
        transcoder.cache_clear()


setting_changed.connect(_reset_transcoder, dispatch_uid=__name__)


def get_profile(name: str) -> Profile:
    """Return a profile of the settings; raise `ConfigurationError` if there is none."""
    try:
        return settings.PROFILES[name]
    except KeyError:
        names = ", ".join(settings.PROFILES)
        raise ConfigurationError(
            f"There is no profile {name!r}: SHIFT_MEDIA has {names}.", key="PROFILES"
        ) from None


def find_profile(job: TranscodeJob) -> Profile:
    """Return the profile of a job; that of a new poster is made of the time that was chosen."""
    if job.profile == NEW_POSTER:
        return new_poster_profile(float(job.payload.get(POSTER_SECOND, 0)))
    return get_profile(job.profile)


def find_replaced_poster(job: TranscodeJob) -> str:
    """Return the key of the poster that a job makes again; empty if there is none.

    One that a user has chosen stays in use, so that a profile makes no new poster beside it.
    """
    posters = Rendition.objects.using(job.database).complete([job.original]).filter(kind="poster")
    posters = posters.exclude(job=job.pk)
    if posters.filter(job__profile=NEW_POSTER).exists():
        return ""
    keys = posters.filter(job__profile=job.profile).values_list("key", flat=True)
    return keys.last() or ""


def build_attempt(job: TranscodeJob, profile: Profile | None = None) -> Job:
    """Build what a transcoder is given for the current attempt of a job.

    Raises `ConfigurationError` if the profile is gone and none is given, `TranscodeError` if the
    storage is.
    """
    return Job(
        id=job.pk,
        token=job.token,
        original=parse_original_key(job.original),
        profile=profile or find_profile(job),
        storage=job.get_storage(),
        wanted=job.is_wanted,
        facts=partial(read_facts, job),
        captions=partial(read_captions, job),
        external_id=job.external_id,
        payload=job.payload,
        priority=job.priority,
        poster=find_replaced_poster(job),
    )


def read_captions(job: TranscodeJob) -> list[UploadedCaptions]:
    """Read which captions were uploaded for a video: WebVTT in the fields of its row."""
    field: Any = find_field(job.source)
    if field is None or not field.captions:
        return []
    database = router.db_for_write(field.model)
    rows = field.model._default_manager.using(database).filter(**{field.name: job.original})
    keys = rows.values(*field.captions.values()).first() or {}
    storages = {name: field.model._meta.get_field(name).storage for name in keys}
    return [
        UploadedCaptions(language, str(keys[name]), storages[name])
        for language, name in field.captions.items()
        if str(keys.get(name) or "").endswith(".vtt")
    ]


def read_facts(job: TranscodeJob) -> VideoFacts | None:
    """Read what the metadata column says of the original; None if that is not enough."""
    field: Any = find_field(job.source)
    if field is None or not getattr(field, "metadata_field", None):
        return None
    database = router.db_for_write(field.model)
    rows = field.model._default_manager.using(database).filter(**{field.name: job.original})
    data = rows.values_list(field.metadata_field, flat=True).first()
    known = Metadata.from_json(data, job.original)
    if known is None or not (known.width and known.height and known.duration and known.codecs):
        return None
    if known.channels is None:  # Written by a version that did not read channels and HDR.
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
        frames=1,  # A frame was decoded when the size was read.
    )


def cancel_at_service(job: TranscodeJob) -> None:
    """Cancel the attempt that a service runs, whose profile may be gone; log a failure.

    A request waits for it no longer than for a deletion.
    """
    try:
        if job.external_id and not transcoder().embedded:
            attempt = build_attempt(job, Profile(job.profile, ()))
            current_budget().start(partial(transcoder().cancel, attempt))
    except (MediaError, OSError) as error:
        logger.warning("%s may go on in its service: %s", job, error)


def delete_files(job: TranscodeJob, attempt: Job) -> None:
    """Delete what an attempt has stored; the first poster only if it can be of no other job."""
    try:
        attempt.storage.delete_prefix(attempt.prefix)
        if attempt.poster:
            attempt.storage.delete(poster_key(attempt.original, attempt.token))
        elif job.profile != NEW_POSTER and not _has_other_poster(job):
            attempt.storage.delete(poster_key(attempt.original))
    except (MediaError, OSError, DatabaseError) as error:
        logger.warning("Files of %s could not be deleted: %s", job, error)


def _has_other_poster(job: TranscodeJob) -> bool:
    """Return True if a job has completed a poster, or another one may have stored its own."""
    posters = Rendition.objects.using(job.database).complete([job.original]).filter(kind="poster")
    others = TranscodeJob.objects.using(job.database).filter(original=job.original)
    return posters.exists() or others.exclude(pk=job.pk).running().exists()
