"""Probing of videos, in a process of its own with limits and allow-lists.

PyAV is used if it is installed, else the ``ffprobe`` on the path. PyAV comes first because one
process probes all files of a job, and because pip can pin its version.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from shift_media.core.errors import MissingExtra, TranscodeError
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.sandbox.process import Bounds
from shift_media.transcoding.probing import ffprobe, pyav
from shift_media.transcoding.probing.base import ProbeReader, ProbeRules, RawFacts
from shift_media.transcoding.probing.sparse import copy_sparsely
from shift_media.transcoding.probing.timing import measure_times
from shift_media.video.facts import VideoFacts, display_size
from shift_media.video.languages import parse_language

PROTOCOLS = "file"
FORMATS = "mov,mp4,matroska,webm,mpegts,mpeg,avi,asf,flv,ogg"
"""The protocols and demuxers that are allowed. Both lists are needed: a playlist, which names
other files, is a format and not a protocol, and an allowed demuxer may use any protocol."""

AUDIO_FORMATS = "mov,mp4,mp3,ogg,flac,wav"
"""The same for originals that are sounds alone."""

_ANIMATIONS = "gif,mov,mp4,matroska,webm"  # and what is made of them

SECONDS = 30.0
"""The default limit for probing one file, by the clock."""

READERS: tuple[type[ProbeReader], ...] = (pyav.PyAV, ffprobe.FFprobe)
"""The readers, of which the first that is installed is used."""

_UPLOAD_SECONDS = 15.0  # A user waits for the answer.
_CHUNK = 1 << 20
_ONLY_RAW = ("start", "ends", "packets")


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """The largest video that is accepted: seconds, and pixels of one frame."""

    seconds: float = 4 * 3600
    pixels: int = 36_000_000


def formats_for(file: str) -> str:
    """Return the demuxers that may read a file, by its extension, which follows from its bytes."""
    format = BY_EXTENSION.get(file.rpartition(".")[2], UNKNOWN)
    if format.kind == "image":
        return _ANIMATIONS
    return AUDIO_FORMATS if format.kind == "audio" else FORMATS


def is_available() -> bool:
    """Return True if PyAV or ``ffprobe`` is installed."""
    return any(reader.is_available() for reader in READERS)


def check_available() -> type[ProbeReader]:
    """Return the reader to use; raise `MissingExtra` if none is installed."""
    for reader in READERS:
        if reader.is_available():
            return reader
    raise MissingExtra("av", "ffmpeg", "ffprobe with: apt-get install ffmpeg")


class VideoProbe:
    """A context in which the files of one folder can be probed, several times if need be.

    The folder must hold nothing else, because a hostile file may name others. ``seconds`` is the
    limit of CPU time for all files together. Raises `MissingExtra` if no reader is installed.
    """

    def __init__(
        self,
        folder: Path,
        limits: VideoLimits,
        seconds: float = SECONDS,
        formats: str | None = None,
    ) -> None:
        reader = check_available()
        chosen = FORMATS if formats is None else formats
        rules = ProbeRules(PROTOCOLS, chosen, limits.pixels)
        self._limits = limits
        self._reader = reader(folder, rules, Bounds(seconds, math.ceil(seconds), 1 << 20))

    def __enter__(self) -> VideoProbe:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.end()

    def start(
        self, names: Sequence[str], seconds: float = SECONDS, *, reads_packets: bool = False
    ) -> None:
        """Begin to probe files; `results` yields their facts.

        With ``reads_packets`` they have the times of picture and sound, whatever the header says.
        """
        self._reader.start(names, seconds, reads_packets=reads_packets)

    def results(self) -> Iterator[VideoFacts | None]:
        """Yield the facts of each file in order, and None for each tick without a result.

        Raises `TranscodeError` for the first file that is not a video or exceeds the limits.
        """
        try:
            for raw in self._reader.results():
                yield None if raw is None else check_limits(_facts(raw), self._limits)
        except (ValueError, ArithmeticError) as error:
            raise TranscodeError("The file cannot be read.", code="unreadable") from error
        except TranscodeError as error:
            if error.code != "failed":
                raise
            raise TranscodeError(f"The file cannot be read: {error}", code="unreadable") from error


def probe_video(
    path: Path, limits: VideoLimits, seconds: float = SECONDS, formats: str | None = None
) -> VideoFacts:
    """Return the facts of a video that is alone in its folder.

    Raises `TranscodeError` if the file is not a video or exceeds the limits, and `MissingExtra` if
    no reader is installed.
    """
    with VideoProbe(path.parent, limits, seconds, formats) as probe:
        probe.start([path.name], seconds)
        return next(facts for facts in probe.results() if facts is not None)


def probe_upload(
    file: BinaryIO, extension: str, limits: VideoLimits, formats: str | None = None
) -> VideoFacts | None:
    """Return the facts of an uploaded video or sound; None if it cannot be probed.

    The upload is accepted then: whether the file can be played is decided by the transcoder, which
    reports an error that the user can see.
    """
    if not is_available():
        return None
    with tempfile.TemporaryDirectory(prefix="shift_media-probe-") as folder:
        copy = Path(folder) / f"source.{extension}"
        temporary_file_path = getattr(file, "temporary_file_path", None)
        if temporary_file_path is not None:  # Django has written a large upload to disk.
            copy.symlink_to(temporary_file_path())
        else:
            with copy.open("w+b") as target:
                copy_for_probe(file, target)
        try:
            return probe_video(copy, limits, _UPLOAD_SECONDS, formats)
        except (TranscodeError, OSError):
            return None


def copy_for_probe(file: BinaryIO, target: BinaryIO) -> None:
    """Copy a file; of one that is read by ranges, only what a probe reads."""
    if getattr(file, "is_read_by_ranges", False):
        size = file.seek(0, io.SEEK_END)
        if copy_sparsely(file, target, size):
            return
    file.seek(0)
    while chunk := file.read(_CHUNK):
        target.write(chunk)


def _facts(raw: RawFacts) -> VideoFacts:
    """Return facts whose sides are those of the upright picture with square pixels."""
    if "refused" in raw:
        raise TranscodeError(f"The file cannot be read: {raw['refused']}", code="unreadable")
    times = measure_times(raw)
    raw = {name: value for name, value in raw.items() if name not in _ONLY_RAW} | times
    rotation = raw["rotation"] = int(raw.get("rotation", 0)) % 360
    ratio = Fraction(*raw.pop("pixel_ratio", (1, 1)))
    raw["captions"] = tuple((number, str(language)) for number, language in raw["captions"])
    raw["sounds"] = tuple((n, parse_language(str(language))) for n, language in raw["sounds"])
    facts = VideoFacts(**raw, hdr=bool(raw.get("transfer")))
    if not facts.width:
        return facts
    width, height = display_size(facts.width, facts.height, rotation=rotation, pixel_ratio=ratio)
    return replace(facts, width=width, height=height)


def check_limits(facts: VideoFacts, limits: VideoLimits) -> VideoFacts:
    """Return the facts; raise `TranscodeError` if the video is too large or has no frame."""
    if facts.width * facts.height > limits.pixels:
        raise TranscodeError(
            f"The frames have {facts.width} × {facts.height} pixels; at most {limits.pixels} "
            "are allowed.",
            code="too_many_pixels",
        )
    if facts.duration > limits.seconds:
        raise TranscodeError(
            f"The video lasts {facts.duration:.0f} seconds; at most {limits.seconds:.0f} are "
            "allowed.",
            code="too_long",
        )
    if facts.video and not facts.frames:
        raise TranscodeError("The video has no frame that can be decoded.", code="no_frames")
    return facts
