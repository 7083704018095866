"""The facts of a video, and the frame sizes that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

MIN_SIDE = 2
"""In pixels. All sides are even, because 4:2:0 stores colour for blocks of two by two pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """The properties of a video, from its header and its first frames.

    Attributes:
        format: the demuxer's name.
        duration: seconds; 0 if unknown.
        width, height: pixels as displayed: upright, and made square.
        fps: frames per second; 0 if unknown.
        video, audio: names of the codecs; empty if there is no such stream.
        channels: number of audio channels.
        hdr: True if the transfer function is PQ or HLG, which most screens cannot display.
        frames: how many frames were decoded to prove that the video is playable.
    """

    format: str = ""
    duration: float = 0.0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    video: str = ""
    audio: str = ""
    channels: int = 0
    hdr: bool = False
    frames: int = 0

    @property
    def codecs(self) -> str:
        """The codecs, video first: ``"h264, aac"``."""
        return ", ".join(filter(None, (self.video, self.audio)))


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
