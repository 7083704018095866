"""What a video is: read by PyAV in a process of its own, with limits and both allow-lists."""

from __future__ import annotations

import importlib.util
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from shift_media.core.errors import MissingExtra
from shift_media.core.video import VideoFacts, shown_size
from shift_media.transcoding.base import TranscodeError
from shift_media.transcoding.process import Bounds, Program, python

PROTOCOLS = "file"
FORMATS = "mov,mp4,matroska,webm"
"""What may be opened, and how it may be read. Either list alone lets a text that names other
files through: a playlist is no protocol, and a demuxer may open what it likes."""

_CHILD = str(Path(__file__).with_name("probe_child.py"))
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """The largest video that is read: seconds, and pixels of one frame."""

    seconds: float = 4 * 3600
    pixels: int = 36_000_000


def is_available() -> bool:
    """Tell whether videos can be probed here."""
    return importlib.util.find_spec("av") is not None


def probe_video(path: Path, limits: VideoLimits, seconds: float = 30) -> VideoFacts:
    """Tell what a video is; its folder must be one that only it lies in.

    Raises `TranscodeError` for what is none, cannot be played or is over the limits, and
    `MissingExtra` where nothing can tell.
    """
    with start([path.name], path.parent, limits, seconds) as program:
        return finish(program, limits)[0]


def start(names: Sequence[str], folder: Path, limits: VideoLimits, seconds: float = 30) -> Program:
    """Begin to probe the files of a folder; `finish` gives what they are."""
    if not is_available():
        raise MissingExtra("av", "ffmpeg")
    bounds = Bounds(seconds, math.ceil(seconds), file_bytes=1 << 20)
    command = [python(), "-P", _CHILD, PROTOCOLS, FORMATS, str(limits.pixels), *names]
    return Program(command, folder, bounds)


def finish(program: Program, limits: VideoLimits) -> list[VideoFacts]:
    """Wait for what `start` began; raises `TranscodeError` for the first that is not right."""
    try:
        found = [json.loads(line) for line in program.lines() if line]
    except TranscodeError as error:
        if error.code == "deadline":
            raise
        raise TranscodeError(f"It cannot be read: {error}", code="unreadable") from error
    except ValueError as error:
        raise TranscodeError("It cannot be read.", code="unreadable") from error
    for one in found:
        if "refused" in one:
            raise TranscodeError(f"It cannot be read: {one['refused']}", code="unreadable")
    return [_checked(_facts(one), limits) for one in found]


def probe_upload(file: BinaryIO, extension: str, limits: VideoLimits) -> VideoFacts | None:
    """Tell what an upload is; None where it cannot be told, which a transcoder will say."""
    if not is_available():
        return None
    with tempfile.TemporaryDirectory(prefix="shift_media-probe-") as folder:
        copy = Path(folder) / f"source.{extension}"
        lies_at = getattr(file, "temporary_file_path", None)
        if lies_at is not None:  # A large upload, which Django has on disk.
            copy.symlink_to(lies_at())
        else:
            file.seek(0)
            with copy.open("wb") as target:
                while chunk := file.read(_CHUNK):
                    target.write(chunk)
        try:
            return probe_video(copy, limits, seconds=15)
        except (TranscodeError, OSError):
            return None


def _facts(found: dict[str, Any]) -> VideoFacts:
    rotation = int(found.pop("rotation", 0))
    ratio = Fraction(*found.pop("pixel_ratio", (1, 1)))
    facts = VideoFacts(**found)
    if not facts.width:
        return facts
    width, height = shown_size(facts.width, facts.height, rotation=rotation, pixel_ratio=ratio)
    return VideoFacts(**{**found, "width": width, "height": height})


def _checked(facts: VideoFacts, limits: VideoLimits) -> VideoFacts:
    if facts.width * facts.height > limits.pixels:
        raise TranscodeError(
            f"Its frames have {facts.width} × {facts.height} pixels; at most {limits.pixels} "
            "are allowed.",
            code="too_many_pixels",
        )
    if facts.duration > limits.seconds:
        raise TranscodeError(
            f"It lasts {facts.duration:.0f} seconds; at most {limits.seconds:.0f} are allowed.",
            code="too_long",
        )
    if facts.video and not facts.frames:
        raise TranscodeError("It has no frame that can be decoded.", code="no_frames")
    return facts
