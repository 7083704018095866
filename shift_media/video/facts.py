"""The facts of a video, and the frame sizes that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

MIN_SIDE = 2
"""In pixels. All sides are even, because 4:2:0 stores colour for blocks of two by two pixels."""

UNMARKED_CODECS = frozenset(
    "dvvideo ffv1 huffyuv ffvhuff mjpeg mpeg4 msmpeg4v2 msmpeg4v3 rawvideo utvideo v210".split()
)
"""Codecs, by FFmpeg's names, of which many encoders do not mark interlaced frames."""

BROADCAST_LINES = frozenset((480, 486, 540, 576, 1080, 1088))
"""The heights of pictures of two fields, 540 being that of 480 lines with square pixels."""

_MOST_FRAMES = 30.5
"""Pictures of two fields in a second; what has more shows each field as a picture of its own."""

MATRICES = {
    "bt709": ("bt709", "bt709", "bt709"),
    "smpte170m": ("smpte170m", "smpte170m", "smpte170m"),
    "bt470bg": ("bt470bg", "smpte170m", "bt470bg"),
    "bt2020nc": ("bt2020", "bt2020-10", "bt2020nc"),
}
"""Primaries, transfer function and matrix that belong to a matrix, by FFmpeg's names."""

_WITH_ALPHA = "bgra", "rgba", "argb", "abgr", "gbrap", "yuva", "ya8", "ya16"
"""How FFmpeg's names of pixel formats with transparency begin. Each GIF is decoded to one."""

_LEAST_HD = 720
"""The short side in pixels from which on colours without a name are those of BT.709."""

MAX_GAP_SECONDS = 0.25
"""The time by which picture and sound may end apart, because players do not stop there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """The properties of a video, from its header and its first frames.

    Times are in seconds from the beginning of the first stream.

    Attributes:
        format: the demuxer's name.
        duration: of picture and sound together; 0 if unknown.
        picture_start: time of the first picture.
        picture_end: end of the last picture as a decoder shows it; 0 if unknown.
        sound_start: time of the first sound.
        sound_end: end of the sound; 0 if unknown.
        last_end: end of the last stream by its packets; 0 if unknown.
        width, height: pixels as displayed: upright, and made square.
        fps: frames per second; 0 if unknown.
        video, audio: names of the codecs; empty if there is no such stream.
        video_stream, audio_stream: numbers of the streams among those of their kind, from 0.
        channels: number of audio channels.
        sounds: number among the audio streams, and language as in BCP 47, of each that has a
            decoder.
        unknown_audio: number of audio streams that have no decoder.
        captions: number among the subtitle streams, and language, of each text track.
        loudness: in LUFS (EBU R 128), if it was measured; 0 if not, or for silence.
        true_peak: in dBTP, if the loudness was measured.
        transfer: FFmpeg's name of the transfer function if it is PQ or HLG, else empty.
        pixel_format: FFmpeg's name.
        has_alpha: True if it was measured that a pixel is transparent.
        full_range: True if black is 0 and white is 255, as in JPEG.
        matrix: FFmpeg's name of the matrix by which colours become red, green and blue, if it is
            one of `MATRICES`.
        has_colors: True if the stream says its primaries, its transfer function and its matrix.
        claims_fields: True if the stream says that its frames consist of two fields.
        interlaced: True if the decoded frame says so.
        field_order: ``tff`` or ``bff`` if that was measured, because frames do not say it.
        rotation: by which the stored picture is turned to be upright, in degrees: 0, 90, 180
            or 270 counterclockwise.
        hdr: True if the transfer function is PQ or HLG, which most screens cannot display.
        frames: how many frames were decoded to prove that the video is playable.
    """

    format: str = ""
    duration: float = 0.0
    picture_start: float = 0.0
    picture_end: float = 0.0
    sound_start: float = 0.0
    sound_end: float = 0.0
    last_end: float = 0.0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    video: str = ""
    audio: str = ""
    video_stream: int = 0
    audio_stream: int = 0
    channels: int = 0
    sounds: tuple[tuple[int, str], ...] = ()
    unknown_audio: int = 0
    captions: tuple[tuple[int, str], ...] = ()
    loudness: float = 0.0
    true_peak: float = 0.0
    transfer: str = ""
    pixel_format: str = ""
    has_alpha: bool = False
    full_range: bool = False
    matrix: str = ""
    has_colors: bool = False
    claims_fields: bool = False
    interlaced: bool = False
    field_order: str = ""
    rotation: int = 0
    hdr: bool = False
    frames: int = 0

    @property
    def codecs(self) -> str:
        """The codecs, video first: ``"h264, aac"``."""
        return ", ".join(filter(None, (self.video, self.audio)))

    @property
    def is_rgb(self) -> bool:
        """True if the pixels are stored as red, green and blue."""
        return self.pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "pal8"))

    @property
    def may_have_alpha(self) -> bool:
        """True if pixels are stored with their transparency, of which there may be none."""
        return self.pixel_format.startswith(_WITH_ALPHA)

    @property
    def assumed_colors(self) -> tuple[str, str, str] | None:
        """FFmpeg's names of primaries, transfer and matrix of a stream that leaves some open.

        Without a matrix they follow from the size. Chromium assumes the same for a file, but
        BT.709 for segments. None if there is nothing to assume.
        """
        if self.has_colors or self.is_rgb or self.transfer:
            return None
        by_size = "bt709" if min(self.width, self.height) >= _LEAST_HD else "smpte170m"
        return MATRICES[self.matrix or by_size]

    @property
    def may_hide_fields(self) -> bool:
        """True if frames may consist of two fields although they do not say so."""
        may_hide = self.claims_fields or self.video in UNMARKED_CODECS
        return may_hide and not self.interlaced

    @property
    def may_be_marked_wrongly(self) -> bool:
        """True if frames that are said to be whole may consist of two fields.

        Many converters and capture cards drop the mark. It is looked for where fields are usual.
        """
        usual = self.height in BROADCAST_LINES and self.fps <= _MOST_FRAMES
        return usual and not (self.interlaced or self.may_hide_fields)

    @property
    def still_end(self) -> float:
        """The time until which the last picture is shown again; 0 if the video ends with it.

        The sound may be longer, or the last picture a still one.
        """
        missing = self.last_end - self.picture_end
        return self.last_end if self.picture_end and missing > MAX_GAP_SECONDS else 0.0

    @property
    def silence_end(self) -> float:
        """The time until which silence follows the sound; 0 if the video ends with it."""
        missing = self.last_end - self.sound_end
        return self.last_end if self.sound_end and missing > MAX_GAP_SECONDS else 0.0


def display_size(
    width: int, height: int, *, rotation: int = 0, pixel_ratio: Fraction = Fraction(1)
) -> tuple[int, int]:
    """Return the sides as a player displays them: pixels made square, then rotated.

    A ratio above 1 makes the picture wider and one below 1 makes it higher, so that no pixel is
    lost. ``rotation`` is in degrees; only odd multiples of 90 swap the sides.
    """
    ratio = pixel_ratio if pixel_ratio > 0 else Fraction(1)
    if ratio >= 1:
        width = max(1, _round(width * ratio))
    else:
        height = max(1, _round(height / ratio))
    return (height, width) if rotation % 180 == 90 else (width, height)


def fit_short_side(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Return the size scaled to a short side: never enlarged, both sides even.

    Portrait and landscape get the same quality: "720p" of an upright video is 720 pixels wide.
    """
    shorter = min(width, height)
    scale = Fraction(min(short_side, shorter), shorter)
    return _round_to_even(width * scale, width), _round_to_even(height * scale, height)


def build_ladder(
    width: int, height: int, short_sides: Iterable[int]
) -> list[tuple[int, int, int]]:
    """Return the rungs for a source: ``(requested short side, width, height)``, largest first.

    A rung above the source gets the source's own size. Of rungs of equal size only the lowest
    that was requested remains. So there is at least one rung, and none is enlarged.
    """
    rungs: dict[tuple[int, int], int] = {}
    for side in sorted(set(short_sides), reverse=True):
        rungs[fit_short_side(width, height, side)] = side
    return [(side, *size) for size, side in rungs.items()]


def choose_tiles(duration: float, max_tiles: int, min_interval: float) -> tuple[int, float]:
    """Return how many tiles a preview sprite has, and how many seconds each one covers.

    ``duration`` and ``min_interval`` are in seconds.
    """
    if duration <= 0:
        return 1, min_interval
    interval = max(min_interval, duration / max_tiles)
    # Without the tolerance, 4.0000001 intervals would get a fifth tile past the last frame.
    return min(max_tiles, max(1, math.ceil(duration / interval - 1e-6))), interval


def _round(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _round_to_even(side: Fraction, source: int) -> int:
    """Round to the nearest even number that is not above the source's side."""
    return max(MIN_SIDE, min(2 * _round(side / 2), 2 * (source // 2)))
