"""What a video is, and the sizes that renditions of it have."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

LEAST_SIDE = 2
"""Sides are even, since 4:2:0 keeps colour for blocks of two by two pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What the header of a video, and its first frame, say.

    Attributes:
        format: the demuxer's name.
        duration: seconds; 0 where it is not known.
        width, height: pixels as they are shown: upright, and square.
        fps: frames per second; 0 where it is not known.
        video, audio: names of the codecs; empty where there is no such stream.
        channels: of the sound.
        hdr: whether its light is PQ or HLG, which most screens cannot show.
        frames: how many frames were decoded to know that it can be played.
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
        """The codecs, picture first: ``"h264, aac"``."""
        return ", ".join(filter(None, (self.video, self.audio)))


def shown_size(
    width: int, height: int, *, rotation: int = 0, pixel_ratio: Fraction = Fraction(1)
) -> tuple[int, int]:
    """Give the sides as they are shown: pixels made square, then turned.

    A ratio above 1 widens the picture and one below 1 heightens it, so that nothing is lost.
    ``rotation`` is in degrees; only whole quarters turn the sides.
    """
    ratio = pixel_ratio if pixel_ratio > 0 else Fraction(1)
    if ratio >= 1:
        width = max(1, _rounded(width * ratio))
    else:
        height = max(1, _rounded(height / ratio))
    return (height, width) if rotation % 180 == 90 else (width, height)


def fitted(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Scale so that the short side is at most so long: never enlarged, both sides even.

    Portrait and landscape get the same quality: "720p" of an upright video is 720 wide.
    """
    shorter = min(width, height)
    scale = Fraction(min(short_side, shorter), shorter)
    return _even(width * scale, width), _even(height * scale, height)


def ladder(width: int, height: int, short_sides: Iterable[int]) -> list[tuple[int, int, int]]:
    """Choose the rungs for a source: ``(short side asked for, width, height)``, largest first.

    A rung above the source gives the source's own size, and of rungs of equal size one stays, the
    lowest that gives it: so there is always one, and none is enlarged.
    """
    rungs: dict[tuple[int, int], int] = {}
    for side in sorted(set(short_sides), reverse=True):
        rungs[fitted(width, height, side)] = side
    return [(side, *size) for size, side in rungs.items()]


def tiles(duration: float, most: int, least_seconds: float) -> tuple[int, float]:
    """Choose how many pictures a preview sprite has, and how many seconds each stands for."""
    if duration <= 0:
        return 1, least_seconds
    seconds = max(least_seconds, duration / most)
    return min(most, max(1, math.ceil(duration / seconds - 1e-6))), seconds


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _even(side: Fraction, most: int) -> int:
    """Round to the nearest even number that is not above the source's side."""
    return max(LEAST_SIDE, min(2 * _rounded(side / 2), 2 * (most // 2)))
