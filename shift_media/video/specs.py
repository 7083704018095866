"""The specs of renditions: what a profile says of each file, or of each set of files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from shift_media.video.encoding import AudioEncoding, VideoEncoding
from shift_media.video.sizing import FrameSize, Padding, Policy, Sides, compute_frame

POSTER = "_poster.jpg"
"""The file name of a poster. It lies beside the original, so its key contains no profile."""

CODECS = ("h264", "hevc", "av1")
"""The video codecs that a profile can name."""

_LAST_FRAME_SECONDS = 0.2
"""The time before the end in which there may be no frame any more, at five frames a second."""

SAMPLE_RATE = 48_000
"""In Hz, of sounds whose loudness is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionSpec:
    """One file, or one set of files, of a profile.

    ``legacy`` is the key that Elastic Transcoder would have written, with placeholders.
    """

    kind: ClassVar[str]
    extension: ClassVar[str]
    other_extensions: ClassVar[tuple[str, ...]] = ()
    not_options: ClassVar[tuple[str, ...]] = ("file", "legacy", "encoding", "streams")
    file: str
    legacy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4(RenditionSpec):
    """An MP4 with AAC that plays while it loads; ``height`` is that of the short side.

    ``crf`` and ``preset`` are on the scales of x264 for all codecs. ``max_kbps`` is the peak bit
    rate; 0 chooses it by the size. ``encoding`` replaces the other options where it is given.
    """

    kind = "mp4"
    extension = "mp4"
    height: int = 720
    crf: int = 23
    preset: str = "veryfast"
    audio_kbps: int = 128
    max_kbps: int = 0
    codec: str = "h264"
    encoding: VideoEncoding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webm(Mp4):
    """VP9 and Opus in a WebM, with transparency if the source has some.

    VP8 or VP9 and Vorbis if ``encoding`` is given, which profiles in Elastic Transcoder's
    vocabulary have.
    """

    kind = "webm"
    extension = "webm"
    not_options = (*RenditionSpec.not_options, "codec")
    codec: str = "vp9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hls(RenditionSpec):
    """A playlist with one stream of segments for each rung of each codec.

    Segments are fragmented MP4 with the sound apart (CMAF), which DASH uses too, or MPEG-TS.
    ``sounds`` is ``"all"`` if players may choose among the sounds of the source. ``streams``
    contains names and encodings of rungs, and replaces ``heights``.
    """

    kind = "hls"
    extension = "m3u8"
    heights: tuple[int, ...] = (720, 480)
    segment_seconds: int = 6
    segments: str = "fmp4"
    crf: int = 23
    preset: str = "veryfast"
    audio_kbps: int = 128
    codecs: tuple[str, ...] = ("h264",)
    sounds: str = "one"
    streams: tuple[tuple[str, VideoEncoding], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dash(RenditionSpec):
    """A DASH manifest of the segments of the playlist that has the same name."""

    kind = "dash"
    extension = "mpd"

    @property
    def playlist_file(self) -> str:
        """The file name of the playlist."""
        return f"{self.file.removesuffix('.mpd')}.m3u8"


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSpec(RenditionSpec):
    """A still picture, taken near ``at`` percent of the duration, or exactly at ``second``."""

    kind = "poster"
    extension = "jpg"
    at: int = 10
    second: float = -1
    height: int = 4320

    @property
    def is_exact(self) -> bool:
        """True if the frame is that of a second, and not the best one near a moment."""
        return self.second >= 0

    def moment(self, duration: float) -> float:
        """Return the time of the picture in seconds; that of the last second if it is later."""
        if self.is_exact:
            is_inside = self.second <= duration - _LAST_FRAME_SECONDS
            return float(self.second) if is_inside else max(0.0, duration - 1)
        return duration * self.at / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite(RenditionSpec):
    """Small pictures in one JPEG, and a WebVTT file that lists their places in it."""

    kind = "sprite"
    extension = "vtt"
    height: int = 90
    most: int = 100
    seconds: int = 2
    columns: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions(RenditionSpec):
    """The text tracks of the source as WebVTT, one file for each: ``captions-en.vtt``.

    ``file`` is that name without the language. A source without such tracks has none.
    """

    kind = "captions"
    extension = "vtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(RenditionSpec):
    """The audio stream alone: AAC in an M4A file, or Opus in an Ogg file.

    ``loudness`` is the target in LUFS; 0 keeps that of the source. ``encoding`` replaces the bit
    rate and the codec where it is given.
    """

    kind = "audio"
    extension = "m4a"
    other_extensions = ("ogg",)
    kbps: int = 128
    loudness: int = 0
    encoding: AudioEncoding | None = None

    def choose_encoding(self) -> AudioEncoding:
        """Return the encoding: that of the file's extension, unless one is given."""
        if self.encoding is not None:
            return self.encoding
        codec = "opus" if self.file.endswith(".ogg") else "aac"
        return AudioEncoding(
            codec=codec, kbps=self.kbps, sample_rate=SAMPLE_RATE if self.loudness else 0
        )

    @property
    def is_mp3(self) -> bool:
        """True for an MP3 file, which has no container."""
        return self.encoding is not None and self.encoding.codec == "mp3"


@dataclass(frozen=True, slots=True, kw_only=True)
class StillsSpec(RenditionSpec):
    """Numbered pictures at an interval of ``seconds``: the thumbnails of Elastic Transcoder.

    ``file`` is the first one, whose stem ends in ``-00001``. Only profiles in Elastic
    Transcoder's vocabulary contain stills.
    """

    kind = "stills"
    extension = "png"
    box: Sides = (192, 108)
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    seconds: int = 60

    def compute_frame(self, width: int, height: int) -> FrameSize:
        """Return the frame for a source with square pixels."""
        return compute_frame(self.policy, self.padding, (width, height), self.box)

    def count(self, duration: float) -> int:
        """Return how many stills a video has: one at its beginning, then one each interval."""
        # Durations are rounded to milliseconds: 60.0004 seconds have no frame after the 60th.
        whole_seconds = math.ceil(duration - 0.001)
        return max(1, math.ceil(whole_seconds / self.seconds))

    def numbered_file(self, number: int) -> str:
        """Return the file name of a still; numbers begin at 1."""
        stem, _, extension = self.file.rpartition(".")
        return f"{stem.removesuffix('00001')}{number:05}.{extension}"
