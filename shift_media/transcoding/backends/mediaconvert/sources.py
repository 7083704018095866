"""The input of a job as MediaConvert reads it: the part, the sounds and the captions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shift_media.transcoding.base import Job
from shift_media.video.facts import VideoFacts
from shift_media.video.languages import UNKNOWN_LANGUAGE, parse_language
from shift_media.video.parts import Part
from shift_media.video.planned import TranscodePlan

logger = logging.getLogger("shift_media")

Settings = dict[str, Any]

AUDIO = "Audio Selector 1"
_FPS = 25  # of a source whose rate is unknown; only fractions of a second depend on it


@dataclass(frozen=True, slots=True)
class CaptionInput:
    """A WebVTT file in the bucket; ``url`` is its S3 URL."""

    language: str
    url: str


def list_captions(job: Job) -> list[CaptionInput]:
    """Return the uploaded captions that MediaConvert can read: those in the video's bucket."""
    bucket = getattr(job.storage, "bucket_name", "")
    listed = []
    for upload in job.captions():
        if getattr(upload.storage, "bucket_name", None) != bucket:
            logger.warning("%s is not in the bucket of its video, and left out.", upload.key)
            continue
        prefix = getattr(upload.storage, "key_prefix", "")
        listed.append(CaptionInput(upload.language, f"s3://{bucket}/{prefix}{upload.key}"))
    return listed


def input_settings(
    plan: TranscodePlan, url: str, captions: Sequence[CaptionInput] = ()
) -> Settings:
    """Return the settings of an input, given by its S3 URL."""
    settings: Settings = {
        "FileInput": url,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"Rotate": "AUTO", "ColorSpace": "FOLLOW"},
        "AudioSelectors": dict(_audio_selectors(plan)),
    }
    if plan.part:
        settings["InputClippings"] = [_clip(plan.part, plan.facts.fps)]
    if captions:
        settings["CaptionSelectors"] = {
            caption_selector(number): {
                "SourceSettings": {
                    "SourceType": "WEBVTT",
                    "FileSourceSettings": {"SourceFile": one.url},
                }
            }
            for number, one in enumerate(captions, 1)
        }
    return settings


def caption_selector(number: int) -> str:
    """Return the name by which outputs refer to captions; numbers begin at 1."""
    return f"Captions Selector {number}"


def _audio_selectors(plan: TranscodePlan) -> Iterator[tuple[str, Settings]]:
    facts = plan.facts
    if not facts.sounds:
        yield AUDIO, {"DefaultSelection": "DEFAULT"}
        return
    yield AUDIO, {"DefaultSelection": "DEFAULT", **_track(facts.audio_stream)}
    for sound in plan.sounds:
        yield audio_selector(sound.stream), _track(sound.stream)


def _track(stream: int) -> Settings:
    return {"SelectorType": "TRACK", "Tracks": [stream + 1]}


def audio_selector(stream: int) -> str:
    """Return the name by which outputs refer to a further sound."""
    return f"Audio Selector {stream + 2}"


def language_settings(language: str) -> Settings:
    """Return the settings that name the language of a sound."""
    if language == UNKNOWN_LANGUAGE:
        return {}
    return {"CustomLanguageCode": language, "LanguageCodeControl": "USE_CONFIGURED"}


def main_language(facts: VideoFacts) -> str:
    """Return the language of the sound that videos have."""
    return parse_language(dict(facts.sounds).get(facts.audio_stream, ""))


def _clip(part: Part, fps: float) -> Settings:
    """Return the first and the last frame of a part, which belongs to it."""
    clip = {"StartTimecode": _timecode(part.start, fps, 0)} if part.start else {}
    return {**clip, "EndTimecode": _timecode(part.end, fps, -1)} if part.end else clip


def _timecode(seconds: float, fps: float, more: int) -> str:
    """Return ``HH:MM:SS:FF``, which counts frames at the nearest whole rate."""
    nominal = max(1, round(fps or _FPS))
    frames = max(0, round(seconds * (fps or _FPS)) + more)
    whole, frame = divmod(frames, nominal)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}:{frame:02}"
