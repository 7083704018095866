"""Commands that only measure a source, and what their messages say."""

from __future__ import annotations

import math
import re

from shift_media.transcoding.backends.ffmpeg import filters
from shift_media.transcoding.backends.ffmpeg.inputs import (
    QUIET,
    WITHOUT_EXTRAS,
    FFmpegOptions,
    input_arguments,
)
from shift_media.video.facts import VideoFacts
from shift_media.video.parts import Part
from shift_media.video.planned import TranscodePlan

FIELD_FRAMES, SURE_FRAMES = 200, 50
"""Frames that are decoded for a source that may have fields, and for one that says it has none.

Fifty frames of 1920 x 1080 pixels take 0.3 seconds of CPU time.
"""

_FIELDS_AT = 0.1
_SURE_SHARE, _SURE_ORDER = 0.75, 0.9
_FIELDS = re.compile(
    r"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+) +Undetermined: *(\d+)"
)

_LOUDNESS = re.compile(r'"input_(i|tp)" *: *"(-?(?:inf|[0-9.]+))"')


def fields_command(
    options: FFmpegOptions, source: str, facts: VideoFacts, frames: int
) -> list[str]:
    """Return the command that counts, in its messages, the frames that consist of two fields.

    It decodes so many frames from a tenth of the duration on, because a title may stand still.
    """
    start = facts.duration * _FIELDS_AT
    quiet = [*QUIET, "-loglevel", "info", *input_arguments(options, source, start=start)]
    chosen = ["-map", f"0:v:{facts.video_stream}", "-frames:v", str(frames)]
    chosen += ["-vf", filters.fields_filters(facts)]
    return [options.program, *quiet, *chosen, *WITHOUT_EXTRAS, "-an", "-f", "null", "-"]


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


def alpha_command(options: FFmpegOptions, source: str, facts: VideoFacts, part: Part) -> list[str]:
    """Return the command that names, in its messages, the first frame with transparency.

    A GIF may have it in its format alone, to store what changes from one frame to the next.
    What is opaque has 255. The filter takes equal numbers for less, so it compares with 254.
    """
    quiet = [*QUIET, "-loglevel", "info", *input_arguments(options, source, part=part)]
    least = "metadata=select:key=lavfi.signalstats.YMIN:value=254:function=less"
    steps = f"alphaextract,signalstats,{least},metadata=print"
    chosen = ["-map", f"0:v:{facts.video_stream}", "-frames:v", "1", "-vf", steps]
    return [options.program, *quiet, *chosen, *WITHOUT_EXTRAS, "-an", "-f", "null", "-"]


def parse_alpha(messages: str) -> bool:
    """Return True if a frame has transparency."""
    return "signalstats.YMIN=" in messages


def parse_field_order(messages: str) -> str:
    """Return ``tff`` or ``bff`` if most frames consist of two fields, by the messages of idet."""
    top, bottom, progressive, _ = _count_fields(messages)
    if top + bottom <= progressive:
        return ""
    return "tff" if top >= bottom else "bff"


def parse_sure_field_order(messages: str) -> str:
    """Return the order only if it is beyond doubt, for frames that are said to be whole.

    Drawings with fine lines are taken for fields now and then, but in both orders alike.
    """
    counts = _count_fields(messages)
    most, fields = max(counts[:2]), sum(counts[:2])
    is_sure = fields >= _SURE_SHARE * sum(counts) and most >= _SURE_ORDER * fields
    return parse_field_order(messages) if fields and is_sure else ""


def _count_fields(messages: str) -> tuple[int, int, int, int]:
    """Return the frames with the top field first, with the bottom one, whole ones, and others."""
    found = _FIELDS.findall(messages)
    if not found:
        return 0, 0, 0, 0
    top, bottom, progressive, undetermined = map(int, found[-1])
    return top, bottom, progressive, undetermined
