"""Crop boxes by ratio: what an editor has chosen for all resizes of one ratio.

They are part of the metadata of an original: ``{"4x3": Crop(0, 120, 1600, 1200)}``, in pixels of
the upright picture that resizes are planned for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shift_media.core.errors import InvalidSpec
from shift_media.core.geometry import turned_crop
from shift_media.core.spec import Crop, Spec
from shift_media.core.spec_values import quote

Crops = Mapping[str, Crop]
Percent = tuple[float, float, float]
"""Left, top and width of a box in percent of the picture; its height follows from the ratio."""

TOLERANCE: Final = 0.01
"""The share by which ratios may differ: the sides of resizes are whole pixels."""

_RATIO: Final = re.compile(r"([1-9][0-9]{0,3})[x:]([1-9][0-9]{0,3})")


def ratio_name(ratio: str) -> str:
    """Return the name of a ratio in its lowest terms: ``"4x3"`` for ``"400x300"`` and ``"4:3"``.

    Raises `InvalidSpec` for other texts.
    """
    match = _RATIO.fullmatch(ratio)
    if match is None:
        raise InvalidSpec(f'{quote(ratio)} is not a ratio: write "4:3" or "400x300".')
    width, height = int(match[1]), int(match[2])
    divisor = math.gcd(width, height)
    return f"{width // divisor}x{height // divisor}"


def ratio_names(sizes: Iterable[str]) -> list[str]:
    """Return the names of the ratios of sizes, each once; sizes without a ratio are left out."""
    return list(dict.fromkeys(ratio_name(size) for size in sizes if _RATIO.fullmatch(size)))


def find_crop(crops: Crops, spec: Spec, width: int, height: int) -> Crop | None:
    """Return the box for a resize with ``fill``, in the picture after turn and flip, or None.

    It is that of the ratio which comes nearest, if it differs by `TOLERANCE` at most.
    """
    if not spec.width or not spec.height:
        return None
    wanted = spec.width / spec.height
    if spec.rotate in (90, 270):
        wanted = 1 / wanted
    near = {abs(_value(name) / wanted - 1): name for name in sorted(crops)}
    if not near or min(near) > TOLERANCE:
        return None
    return turned_crop(spec, crops[near[min(near)]], width, height)


def check_crops(crops: Mapping[str, Any], width: int, height: int) -> dict[str, Crop]:
    """Return crop boxes by the names of their ratios; raise `InvalidSpec` for wrong ones.

    A box must have its ratio, to the pixel, and lie inside the picture of this size.
    """
    if not isinstance(crops, Mapping):
        raise InvalidSpec(f'{quote(crops)} must be a dict such as {{"4:3": (0, 0, 400, 300)}}.')
    return {
        ratio_name(ratio): _check_box(ratio_name(ratio), box, width, height)
        for ratio, box in crops.items()
    }


def crop_from_percent(
    ratio: str, percent: Percent, size: tuple[int, int], before: Crop | None = None
) -> Crop:
    """Return the box of a ratio inside a picture of this size, rounded to whole pixels.

    It is ``before`` if that has the same numbers.
    """
    width, height = size
    if before is not None and crop_to_percent(before, width, height) == percent:
        return before
    value = _value(ratio)
    box_width = min(max(1.0, width * percent[2] / 100), width, height * value)
    cut = (max(1, round(box_width)), max(1, round(box_width / value)))
    left = min(max(0, round(width * percent[0] / 100)), width - cut[0])
    top = min(max(0, round(height * percent[1] / 100)), height - cut[1])
    return Crop(left, top, *cut)


def crop_to_percent(crop: Crop, width: int, height: int) -> Percent:
    """Return left, top and width of a box in percent, with two decimals."""
    left, top, cut = 100 * crop.x / width, 100 * crop.y / height, 100 * crop.width / width
    return round(left, 2), round(top, 2), round(cut, 2)


def _value(name: str) -> float:
    width, _, height = name.partition("x")
    return int(width) / int(height)


def _check_box(ratio: str, box: Any, width: int, height: int) -> Crop:
    try:
        crop = Crop(*box)
    except TypeError as error:
        raise InvalidSpec(f"{quote(box)} is not a crop: write (x, y, width, height).") from error
    whole = all(type(value) is int for value in crop)
    if not whole or min(crop) < 0 or crop.x + crop.width > width or crop.y + crop.height > height:
        raise InvalidSpec(
            f"The crop box {quote(tuple(crop))} is not four whole numbers inside the picture, "
            f"which is {width}x{height}."
        )
    if min(crop.width, crop.height) < 1 or _pixels_off(ratio, crop) > 1:
        raise InvalidSpec(
            f"The crop box {tuple(crop)} must have the ratio {ratio}, to the pixel; it has "
            f"{crop.width}x{crop.height}."
        )
    return crop


def _pixels_off(ratio: str, crop: Crop) -> float:
    value = _value(ratio)
    return min(abs(crop.width / value - crop.height), abs(crop.height * value - crop.width))
