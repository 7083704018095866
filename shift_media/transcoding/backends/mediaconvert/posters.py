"""A poster alone: MediaConvert makes pictures beside a video only, so it makes one of a second."""

from __future__ import annotations

from dataclasses import replace

from shift_media.core.keys import NEW_POSTER
from shift_media.transcoding.base import Job
from shift_media.video.facts import VideoFacts
from shift_media.video.parts import Part
from shift_media.video.profile_options import ProfileOptions
from shift_media.video.profiles import Profile
from shift_media.video.specs import Mp4, PosterSpec

_SECONDS = 1.0
_FILE = "beside.mp4"
_HEIGHT = 144


def add_video(job: Job, facts: VideoFacts) -> Job:
    """Return a job for a new poster with a video of the second that begins with the poster.

    All other jobs are returned as they are. Only that second is decoded and billed.
    """
    if job.profile.name != NEW_POSTER:
        return job
    (poster,) = job.profile.of_kind("poster")
    start = poster.moment(facts.duration)
    end = min(start + _SECONDS, facts.duration)
    part = Part(start, end) if end < facts.duration else Part(start)
    renditions = (Mp4(file=_FILE, height=_HEIGHT), PosterSpec(file=poster.file, second=0))
    profile = Profile(NEW_POSTER, renditions, options=ProfileOptions(part=part))
    return replace(job, profile=profile)


def delete_video(asked: Job, made: Job) -> None:
    """Delete the video that was added to a job, if one was."""
    if made.profile is not asked.profile:
        made.storage.delete(made.rendition_key(_FILE))
