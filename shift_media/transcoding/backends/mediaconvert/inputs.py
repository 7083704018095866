"""What a job reads: where it lies, and what it is, also when one comes back to a job later."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from shift_media.aws.events import JOB_KEY
from shift_media.core.errors import TranscodeError
from shift_media.transcoding.base import Job
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video.facts import VideoFacts

JOB, TOKEN, SOURCE = JOB_KEY, "shift_media_token", "shift_media_source"
"""Names in a job's ``UserMetadata``."""

LEAST_SIDE = 32
"""The smallest side that MediaConvert makes, in pixels."""

_CHUNK = 4 << 20
_DESCRIBED = re.compile(r"(\d+)x(\d+) (\d+\.\d+)s (\w*) (\w*)")


def bucket_of(job: Job) -> str:
    """Name the bucket; raises `TranscodeError` where the original is in none."""
    bucket = getattr(job.storage, "bucket_name", "")
    if not bucket:
        raise TranscodeError("MediaConvert reads from S3 alone.", code="storage")
    return str(bucket)


def url_of(job: Job, key: str) -> str:
    """Write a key as MediaConvert wants it."""
    return f"s3://{bucket_of(job)}/{key}"


def facts_of(job: Job, limits: VideoLimits) -> VideoFacts:
    """Tell what the original is: sizes are chosen here, so that none is enlarged.

    The row knows, as a rule; else the original is fetched and probed.
    """
    facts = job.facts() or _probe(job, limits)
    sides = f"{facts.width} × {facts.height} pixels"
    if facts.video and min(facts.width, facts.height) < LEAST_SIDE:
        least = f"MediaConvert makes no side below {LEAST_SIDE}"
        raise TranscodeError(f"It has {sides}; {least}.", code="too_small")
    if facts.width * facts.height > limits.pixels:
        text = f"It has {sides}; at most {limits.pixels} are allowed."
        raise TranscodeError(text, code="too_many_pixels")
    if facts.duration > limits.seconds:
        text = f"It lasts {facts.duration:.0f} seconds; at most {limits.seconds:.0f} are allowed."
        raise TranscodeError(text, code="too_long")
    return facts


def _probe(job: Job, limits: VideoLimits) -> VideoFacts:
    with tempfile.TemporaryDirectory(prefix="shift_media-probe-") as folder:
        copy = Path(folder) / f"source.{job.original.extension}"
        with job.storage.fetch(str(job.original)) as stored, copy.open("wb") as file:
            while chunk := stored.read(_CHUNK):
                file.write(chunk)
        return probe_video(copy, limits)


def describe(facts: VideoFacts) -> str:
    """Write down what `read_description` gives back: it is kept with the job."""
    size = f"{facts.width}x{facts.height}"
    return f"{size} {facts.duration:.3f}s {facts.video} {facts.audio}"


def read_description(text: str) -> VideoFacts:
    """Read what `describe` wrote; raises `TranscodeError` for what it did not."""
    match = _DESCRIBED.fullmatch(text)
    if match is None:
        raise TranscodeError(f"{text!r} is no job of ours.", code="foreign_job")
    width, height, seconds, video, audio = match.groups()
    return VideoFacts(
        width=int(width), height=int(height), duration=float(seconds), video=video, audio=audio
    )
