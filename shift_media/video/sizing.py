"""Elastic Transcoder's sizing policies, padding and frame rates: numbers in, numbers out.

A box is the largest width and height that a preset allows. The words are that service's own:
https://docs.aws.amazon.com/elastictranscoder/latest/developerguide/preset-settings.html
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

Policy = Literal["Fit", "Fill", "Stretch", "Keep", "ShrinkToFit", "ShrinkToFill"]
Padding = Literal["Pad", "NoPad"]

POLICIES: tuple[Policy, ...] = get_args(Policy)
PADDINGS: tuple[Padding, ...] = get_args(Padding)

Sides = tuple[int, int]
SQUARE = Fraction(1)

_CROPPING = ("Fill", "Keep", "ShrinkToFill")
_ENLARGING = ("Fit", "Fill", "Stretch")


@dataclass(frozen=True, slots=True)
class FrameSize:
    """How a picture comes into a frame: scaled, then cut around its centre, then padded.

    Attributes:
        sides: of the frame, in its own pixels.
        scaled: the whole picture after scaling.
        shown: what is left of it after cutting; it lies in the middle of the frame.
        pixel_ratio: width of a pixel divided by its height.
    """

    sides: Sides
    scaled: Sides
    shown: Sides
    pixel_ratio: Fraction = SQUARE

    @property
    def cut(self) -> Sides:
        """Where the part that is left begins in the scaled picture."""
        return _middle(self.scaled, self.shown)

    @property
    def place(self) -> Sides:
        """Where it begins in the frame."""
        return _middle(self.sides, self.shown)


def framed(
    policy: Policy,
    padding: Padding,
    source: Sides,
    box: Sides,
    pixel_ratio: Fraction = SQUARE,
) -> FrameSize:
    """Bring a picture of square pixels into a box; all sides are even and at least 2.

    ======================  =============================================  =======  =======
    policy                  the picture                                    enlarged  cropped
    ======================  =============================================  =======  =======
    Fit, ShrinkToFit        the largest inside the box                     Fit      no
    Fill, ShrinkToFill      the smallest that covers the box               Fill     yes
    Stretch                 the box, whatever the ratio                    yes      no
    Keep                    as it is                                       no       yes
    ======================  =============================================  =======  =======

    ``Pad`` makes the frame the box where the picture is smaller.
    """
    width, height = source[0] / pixel_ratio, Fraction(source[1])
    across, down = box[0] / width, box[1] / height
    if policy == "Stretch":
        scaled = _even(Fraction(box[0])), _even(Fraction(box[1]))
    else:
        scale = _scale(policy, across, down)
        scaled = _even(width * scale), _even(height * scale)
        if policy not in _ENLARGING:  # Not by a pixel either.
            scaled = min(scaled[0], _down(width)), min(scaled[1], _down(height))
    most = box[0] // 2 * 2, box[1] // 2 * 2
    shown = min(scaled[0], most[0]), min(scaled[1], most[1])
    if policy not in _CROPPING:
        scaled = shown  # By rounding alone it may have come out larger.
    elif policy == "Fill":
        scaled = max(scaled[0], most[0]), max(scaled[1], most[1])
        shown = most
    return FrameSize(most if padding == "Pad" else shown, scaled, shown, pixel_ratio)


def _scale(policy: Policy, across: Fraction, down: Fraction) -> Fraction:
    if policy == "Keep":
        return Fraction(1)
    scale = max(across, down) if policy in _CROPPING else min(across, down)
    return scale if policy in _ENLARGING else min(scale, Fraction(1))


def pixel_ratio_of(box: Sides, shape: Fraction | None) -> Fraction:
    """Give the ratio of pixels with which a box has a display aspect ratio; None is square."""
    return SQUARE if shape is None else shape * box[1] / box[0]


def capped_rate(source: Fraction, most: Fraction) -> Fraction | None:
    """Give the rate to which a source is thinned out: the highest that divides its own evenly.

    50 frames per second with at most 30 are 25. None where nothing is to be changed.
    """
    if source <= most:
        return None
    return source / -(-source // most)


def exact_rate(text: str) -> Fraction:
    """Read a rate as presets write it: ``"29.97"`` is 30000/1001, as broadcast has it."""
    rate = Fraction(text)
    whole = round(rate * 1001 / 1000)
    broadcast = Fraction(whole * 1000, 1001)
    near = abs(rate - broadcast) < Fraction(1, 100) and rate.denominator != 1
    return broadcast if near else rate


def _down(side: Fraction) -> int:
    return max(2, int(side) // 2 * 2)


def _even(side: Fraction) -> int:
    return max(2, 2 * int(side / 2 + Fraction(1, 2)))


def _middle(outer: Sides, inner: Sides) -> Sides:
    """Give where an inner rectangle begins, at an even pixel: 4:2:0 has colour for two by two."""
    return (outer[0] - inner[0]) // 4 * 2, (outer[1] - inner[1]) // 4 * 2
