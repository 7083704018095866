"""Commands that only measure a source, and what their messages say."""

from __future__ import annotations

import math
import re

from shift_media.transcoding.backends.ffmpeg.inputs import (
    QUIET,
    WITHOUT_EXTRAS,
    FFmpegOptions,
    input_arguments,
)
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import TranscodePlan

_FIELD_FRAMES = 200
_FIELDS = re.compile(r"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)")

_LOUDNESS = re.compile(r'"input_(i|tp)" *: *"(-?(?:inf|[0-9.]+))"')


def fields_command(options: FFmpegOptions, source: str, facts: VideoFacts) -> list[str]:
    """Return the command that counts, in its messages, the frames that consist of two fields."""
    quiet = [*QUIET, "-loglevel", "info", *input_arguments(options, source)]
    frames = ["-map", f"0:v:{facts.video_stream}", "-frames:v", str(_FIELD_FRAMES), "-vf", "idet"]
    return [options.program, *quiet, *frames, *WITHOUT_EXTRAS, "-an", "-f", "null", "-"]


def loudness_command(options: FFmpegOptions, source: str, plan: TranscodePlan) -> list[str]:
    """Return the command that measures the loudness (EBU R 128) and writes it to its messages."""
    quiet = [*QUIET, "-loglevel", "info", *input_arguments(options, source, part=plan.part)]
    measured = ["-map", f"0:a:{plan.facts.audio_stream}", "-af", "loudnorm=print_format=json"]
    return [options.program, *quiet, *measured, *WITHOUT_EXTRAS, "-vn", "-f", "null", "-"]


def parse_loudness(messages: str) -> tuple[float, float]:
    """Return the loudness in LUFS and the true peak in dBTP; zeros for silence."""
    found = {name: float(value) for name, value in _LOUDNESS.findall(messages)}
    loudness, peak = found.get("i", -math.inf), found.get("tp", -math.inf)
    return (loudness, peak) if math.isfinite(loudness + peak) else (0.0, 0.0)


def parse_field_order(messages: str) -> str:
    """Return ``tff`` or ``bff`` if most frames consist of two fields, by the messages of idet."""
    found = _FIELDS.findall(messages)
    if not found:
        return ""
    top, bottom, progressive = map(int, found[-1])
    if top + bottom <= progressive:
        return ""
    return "tff" if top >= bottom else "bff"
