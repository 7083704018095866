"""Elastic Transcoder's sizing policies, padding and frame rates, computed from numbers alone.

A box is the largest width and height that a preset allows. The words are the service's own:
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
"""Width and height in pixels, or an offset from the left and from the top."""

SQUARE = Fraction(1)

_CROPPING = ("Fill", "Keep", "ShrinkToFill")
_ENLARGING = ("Fit", "Fill", "Stretch")


@dataclass(frozen=True, slots=True)
class FrameSize:
    """The steps that put a picture into a frame: scale, crop around the centre, pad.

    Attributes:
        sides: of the frame, in its own pixels.
        scaled: sides of the whole picture after scaling.
        cropped: sides of the part that remains after cropping; it is centred in the frame.
        pixel_ratio: width of a pixel divided by its height.
    """

    sides: Sides
    scaled: Sides
    cropped: Sides
    pixel_ratio: Fraction = SQUARE

    @property
    def crop_offset(self) -> Sides:
        """The top left corner of the remaining part within the scaled picture."""
        return _centre(self.scaled, self.cropped)

    @property
    def pad_offset(self) -> Sides:
        """The top left corner of the remaining part within the frame."""
        return _centre(self.sides, self.cropped)


def compute_frame(
    policy: Policy,
    padding: Padding,
    source: Sides,
    box: Sides,
    pixel_ratio: Fraction = SQUARE,
) -> FrameSize:
    """Return how a picture of square pixels fits into a box; all sides are even and at least 2.

    ======================  =============================================  =======  =======
    policy                  the picture                                    enlarged  cropped
    ======================  =============================================  =======  =======
    Fit, ShrinkToFit        the largest inside the box                     Fit      no
    Fill, ShrinkToFill      the smallest that covers the box               Fill     yes
    Stretch                 the box, whatever the ratio                    yes      no
    Keep                    as it is                                       no       yes
    ======================  =============================================  =======  =======

    ``Pad`` extends the frame to the box where the picture is smaller.
    """
    width, height = source[0] / pixel_ratio, Fraction(source[1])
    horizontal, vertical = box[0] / width, box[1] / height
    if policy == "Stretch":
        scaled = _round_to_even(Fraction(box[0])), _round_to_even(Fraction(box[1]))
    else:
        scale = _scale(policy, horizontal, vertical)
        scaled = _round_to_even(width * scale), _round_to_even(height * scale)
        if policy not in _ENLARGING:  # Rounding up by one pixel would enlarge, too.
            scaled = min(scaled[0], _floor_to_even(width)), min(scaled[1], _floor_to_even(height))
    largest = box[0] // 2 * 2, box[1] // 2 * 2
    cropped = min(scaled[0], largest[0]), min(scaled[1], largest[1])
    if policy not in _CROPPING:
        scaled = cropped  # Only rounding can have made it larger than the box.
    elif policy == "Fill":
        scaled = max(scaled[0], largest[0]), max(scaled[1], largest[1])
        cropped = largest
    return FrameSize(largest if padding == "Pad" else cropped, scaled, cropped, pixel_ratio)


def _scale(policy: Policy, horizontal: Fraction, vertical: Fraction) -> Fraction:
    if policy == "Keep":
        return Fraction(1)
    scale = max(horizontal, vertical) if policy in _CROPPING else min(horizontal, vertical)
    return scale if policy in _ENLARGING else min(scale, Fraction(1))


def compute_pixel_ratio(box: Sides, display_ratio: Fraction | None) -> Fraction:
    """Return the pixel aspect ratio that gives a box its display aspect ratio.

    Without a display aspect ratio pixels are square.
    """
    return SQUARE if display_ratio is None else display_ratio * box[1] / box[0]


def cap_frame_rate(source: Fraction, max_rate: Fraction) -> Fraction | None:
    """Return the highest rate up to a maximum that drops frames of the source evenly.

    A source of 50 frames per second and a maximum of 30 give 25. None if no frame is dropped.
    """
    if source <= max_rate:
        return None
    return source / -(-source // max_rate)


def parse_frame_rate(text: str) -> Fraction:
    """Return the rate that a preset writes as a decimal: ``"29.97"`` is 30000/1001.

    NTSC rates are 1000/1001 of a whole number, and presets round them to two decimals.
    """
    rate = Fraction(text)
    whole = round(rate * 1001 / 1000)
    broadcast = Fraction(whole * 1000, 1001)
    is_broadcast = abs(rate - broadcast) < Fraction(1, 100) and rate.denominator != 1
    return broadcast if is_broadcast else rate


def _floor_to_even(side: Fraction) -> int:
    return max(2, int(side) // 2 * 2)


def _round_to_even(side: Fraction) -> int:
    return max(2, 2 * int(side / 2 + Fraction(1, 2)))


def _centre(outer: Sides, inner: Sides) -> Sides:
    """Return the offset of a centred rectangle, at an even pixel.

    An odd offset would split a block of 4:2:0, which stores colour for two by two pixels.
    """
    return (outer[0] - inner[0]) // 4 * 2, (outer[1] - inner[1]) // 4 * 2
