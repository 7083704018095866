"""The input of a job: its URL, its facts, and the form in which the job itself keeps them."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from shift_media.core.errors import TranscodeError
from shift_media.storages.ranges import RangedFile
from shift_media.transcoding.backends.aws_transcoder import bucket_key, bucket_name
from shift_media.transcoding.base import Job
from shift_media.transcoding.probing import (
    VideoLimits,
    copy_for_probe,
    formats_for,
    probe_video,
)
from shift_media.video.facts import VideoFacts

SOURCE_KEY = "shift_media_source"
"""Name of the user metadata with the facts of the original."""

MIN_SIDE = 32
"""The smallest side in pixels that MediaConvert makes."""

_FACTS = re.compile(r"(\d+)x(\d+) (\d+\.\d+)s (\w*) (\w*)(?: ([0-9a-z:,]+))?")
_MAX_SOUNDS = 20
"""The text of the facts may have 256 characters."""


def s3_url(job: Job, key: str) -> str:
    """Return the URL of a key. Raises `TranscodeError` if the original is not on S3."""
    return f"s3://{bucket_name(job, 'MediaConvert')}/{bucket_key(job, key)}"


def read_facts(job: Job, limits: VideoLimits) -> VideoFacts:
    """Return the facts of the original, from which sizes are planned so that none is enlarged.

    The upload stored them as a rule. Otherwise the original is probed by ranges.
    Raises `TranscodeError` for a video outside the limits.
    """
    facts = job.facts()
    needs_sounds = _needs_sounds(job)
    if facts is None or (needs_sounds and facts.audio):
        facts = _probe(job, limits)
    facts = replace(facts, sounds=facts.sounds[:_MAX_SOUNDS] if needs_sounds else ())
    sides = f"{facts.width} × {facts.height} pixels"
    if facts.video and min(facts.width, facts.height) < MIN_SIDE:
        text = f"The video has {sides}, but MediaConvert makes no side below {MIN_SIDE}."
        raise TranscodeError(text, code="too_small")
    if facts.width * facts.height > limits.pixels:
        text = f"The video has {sides}, more than the {limits.pixels} that are allowed."
        raise TranscodeError(text, code="too_many_pixels")
    if facts.duration > limits.seconds:
        text = (
            f"The video lasts {facts.duration:.0f} seconds, more than the {limits.seconds:.0f} "
            "that are allowed."
        )
        raise TranscodeError(text, code="too_long")
    return facts


def _needs_sounds(job: Job) -> bool:
    """Return True if the plan depends on the languages of sounds, which no column has."""
    playlists = job.profile.of_kind("hls")
    return bool(job.profile.options.language) or any(one.sounds == "all" for one in playlists)


def _probe(job: Job, limits: VideoLimits) -> VideoFacts:
    with tempfile.TemporaryDirectory(prefix="shift_media-probe-") as folder:
        copy = Path(folder) / f"source.{job.original.extension}"
        with _open_original(job) as stored, copy.open("w+b") as file:
            copy_for_probe(stored, file)
        return probe_video(copy, limits, formats=formats_for(copy.name))


def _open_original(job: Job) -> BinaryIO:
    """Open the original by ranges, as most of a long video need not be read."""
    version = job.storage.begin_copy(job.storage, str(job.original))
    if version is None:
        return cast("BinaryIO", job.storage.open(str(job.original)))
    return cast("BinaryIO", RangedFile(version.size, version.open_range))


def format_facts(facts: VideoFacts) -> str:
    """Return the facts that the plan depends on as text: ``"1920x1080 60.000s h264 aac"``.

    The job keeps them, so that the same renditions are planned again when it is complete.
    """
    size = f"{facts.width}x{facts.height}"
    text = f"{size} {facts.duration:.3f}s {facts.video} {facts.audio}"
    sounds = ",".join(f"{stream}:{language}" for stream, language in facts.sounds)
    return f"{text} {sounds}" if sounds else text


def parse_facts(text: str) -> VideoFacts:
    """Return the facts that `format_facts` wrote. Raises `TranscodeError` for any other text."""
    match = _FACTS.fullmatch(text)
    if match is None:
        text = f"The job was not created by shift_media: its {SOURCE_KEY} is {text!r}."
        raise TranscodeError(text, code="foreign_job")
    width, height, seconds, video, audio, sounds = match.groups()
    tracks = [one.partition(":") for one in (sounds or "").split(",") if one]
    return VideoFacts(
        width=int(width),
        height=int(height),
        duration=float(seconds),
        video=video,
        audio=audio,
        audio_stream=int(tracks[0][0]) if tracks else 0,
        sounds=tuple((int(stream), language) for stream, _, language in tracks),
    )
