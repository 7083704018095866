"""Posters that a user has chosen: a job for one frame, whose poster goes before all others."""

from __future__ import annotations

import math

from shift_media.conf import settings
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import NEW_POSTER
from shift_media.transcoding.base import Priority
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import POSTER_SECOND
from shift_media.transcoding.services.jobs import (
    NotTranscodable,
    cancel,
    find_original,
    submit_new,
)
from shift_media.transcoding.types import VideoFile
from shift_media.video.parts import WHOLE

_ATTEMPTS = 5
"""To submit a job while other processes choose other posters of the same video."""


def choose_poster(file: VideoFile, seconds: float) -> TranscodeJob:
    """Submit a job that takes a new poster of a video at a time in seconds, and return it.

    The time is that of the video as it is played: of the part that the field's profile cuts out. A
    job for another time that has not ended is cancelled. Raises `NotTranscodable`, and
    ``ValueError`` for a time that is not in the video.
    """
    original = find_original(file)
    if BY_EXTENSION[original.extension].kind != "video":
        raise NotTranscodable(f"{original} is a sound, which has no picture to choose.")
    payload = {POSTER_SECOND: _check_time(file, seconds)}
    jobs = TranscodeJob.objects.on_primary()
    for _ in range(_ATTEMPTS):
        for live in jobs.of(str(original), NEW_POSTER).live():
            if live.payload == payload:
                return live
            cancel(live)
        job = submit_new(file, NEW_POSTER, Priority.POSTER, payload=payload)
        if job.payload == payload:
            break
    return job


def _check_time(file: VideoFile, seconds: float) -> float:
    """Return the time in the original. Raises ``ValueError`` for one that is not played."""
    known = file.known_metadata
    profile = settings.PROFILES.get(getattr(file.field, "transcode", None) or "")
    part = profile.options.part if profile else WHOLE
    duration = known.duration if known and known.duration else math.inf
    duration = (min(part.end, duration) if part.end else duration) - part.start
    if not 0 <= seconds <= duration or not math.isfinite(seconds):
        end = "" if duration == math.inf else f", and at most {duration:g}"
        raise ValueError(f"The time of a poster is {seconds!r} s, expected at least 0{end}.")
    return round(float(seconds) + part.start, 3)


def reset_poster(file: VideoFile) -> bool:
    """Remove the poster that a user has chosen; return False if there is none.

    Its file stays until ``media_cleanup`` runs, because pages may show it.
    """
    chosen = TranscodeJob.objects.on_primary().of(str(find_original(file)), NEW_POSTER)
    return bool(chosen.delete()[0])
