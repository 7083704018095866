"""What a video is: read in a process of its own, with limits and both allow-lists.

PyAV reads it where it is installed, else the ``ffprobe`` on the path. PyAV comes first: one
process looks at all files of a job, and pip knows which version it is.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from shift_media.core.errors import MissingExtra, TranscodeError
from shift_media.sandbox.process import Bounds
from shift_media.transcoding.probing import ffprobe, pyav
from shift_media.transcoding.probing.base import ProbeReader, Rules
from shift_media.video.facts import VideoFacts, shown_size

PROTOCOLS = "file"
FORMATS = "mov,mp4,matroska,webm"
"""What may be opened, and how it may be read. Either list alone lets a text that names other
files through: a playlist is no protocol, and a demuxer may open what it likes."""

SECONDS = 30.0
"""How long one look at a file may take, by default."""

READERS: tuple[type[ProbeReader], ...] = (pyav.PyAV, ffprobe.FFprobe)
"""The ways to read a video, the first that is installed is taken."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """The largest video that is read: seconds, and pixels of one frame."""

    seconds: float = 4 * 3600
    pixels: int = 36_000_000


def is_available() -> bool:
    """Tell whether videos can be probed here."""
    return any(reader.is_available() for reader in READERS)


def check_available() -> type[ProbeReader]:
    """Give the way to read videos; raises `MissingExtra` where there is none."""
    for reader in READERS:
        if reader.is_available():
            return reader
    raise MissingExtra("av", "ffmpeg", "ffprobe with: apt-get install ffmpeg")


class VideoProbe:
    """Tells what the files of a folder are, as often as it is asked; leave the context to end it.

    The folder must be one that only they lie in. ``seconds`` is what all looks together may take
    of the CPU. Raises `MissingExtra` where nothing can tell.
    """

    def __init__(self, folder: Path, limits: VideoLimits, seconds: float = SECONDS) -> None:
        reader = check_available()
        rules = Rules(PROTOCOLS, FORMATS, limits.pixels)
        self._limits = limits
        self._reader = reader(folder, rules, Bounds(seconds, math.ceil(seconds), 1 << 20))

    def __enter__(self) -> VideoProbe:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.end()

    def ask(self, names: Sequence[str], seconds: float = SECONDS) -> None:
        """Begin to look at files; `answers` gives what they are."""
        self._reader.ask(names, seconds)

    def answers(self) -> Iterator[VideoFacts | None]:
        """Give what each file is, and None whenever that takes longer than a moment.

        Raises `TranscodeError` for the first that is none, cannot be played or is over the limits.
        """
        try:
            for found in self._reader.answers():
                yield None if found is None else within(_facts(found), self._limits)
        except ValueError as error:
            raise TranscodeError("It cannot be read.", code="unreadable") from error
        except TranscodeError as error:
            if error.code != "failed":
                raise
            raise TranscodeError(f"It cannot be read: {error}", code="unreadable") from error


def probe_video(path: Path, limits: VideoLimits, seconds: float = SECONDS) -> VideoFacts:
    """Tell what a video is; its folder must be one that only it lies in.

    Raises `TranscodeError` for what is none, cannot be played or is over the limits, and
    `MissingExtra` where nothing can tell.
    """
    with VideoProbe(path.parent, limits, seconds) as probe:
        probe.ask([path.name], seconds)
        return next(found for found in probe.answers() if found is not None)


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
    if "refused" in found:
        raise TranscodeError(f"It cannot be read: {found['refused']}", code="unreadable")
    rotation = int(found.pop("rotation", 0))
    ratio = Fraction(*found.pop("pixel_ratio", (1, 1)))
    facts = VideoFacts(**found)
    if not facts.width:
        return facts
    width, height = shown_size(facts.width, facts.height, rotation=rotation, pixel_ratio=ratio)
    return VideoFacts(**{**found, "width": width, "height": height})


def within(facts: VideoFacts, limits: VideoLimits) -> VideoFacts:
    """Give the facts back; raises `TranscodeError` for what is too large, or has no frame."""
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
