"""Sizes and boxes of a resize, from the upright original's size and the spec alone.

The engine makes exactly the size that `output_size` promises, because both use `plan`.
"""

from __future__ import annotations

from dataclasses import dataclass

from shift_media.core.errors import EmptyCrop
from shift_media.core.spec import CENTRE, Crop, Focal, Spec

Size = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """The boxes by which one image becomes one resize.

    Attributes:
        box: left, top, right, bottom in pixels of the turned original: the part that is shown.
        size: width and height in pixels that the box is resized to.
        canvas: width and height in pixels of the resize; larger than ``size`` with ``pad`` only.
        offset: where the resized box lies on the canvas, in pixels from its top left.
    """

    box: Box
    size: Size
    canvas: Size
    offset: tuple[int, int] = (0, 0)


def output_size(spec: Spec, width: int, height: int) -> Size:
    """Return the width and height in pixels of a resize of an upright original of this size."""
    return plan(spec, width, height).canvas


def plan(spec: Spec, width: int, height: int) -> ResizePlan:
    """Return the boxes of a resize of an upright original of ``width`` × ``height`` pixels.

    Raises `EmptyCrop` if the crop box lies outside the image.
    """
    crop = clip_crop(spec.crop, *turned_size(spec, width, height))
    cropped = (crop.width, crop.height)
    if spec.mode == "fill":
        return _fill(spec, (crop.x, crop.y), cropped)
    right, bottom = crop.x + crop.width, crop.y + crop.height
    box = (float(crop.x), float(crop.y), float(right), float(bottom))
    if spec.mode == "stretch":
        size = _stretch(spec, cropped)
        return ResizePlan(box, size, size)
    size = _fit(spec, cropped)
    if spec.mode == "fit":
        return ResizePlan(box, size, size)
    canvas = _box(spec)
    return ResizePlan(box, size, canvas, ((canvas[0] - size[0]) // 2, (canvas[1] - size[1]) // 2))


def turned_size(spec: Spec, width: int, height: int) -> Size:
    """Return the size of an upright original once it is turned as a spec says."""
    return (width, height) if spec.rotate in (0, 180) else (height, width)


def turned_focal(spec: Spec, focal: Focal) -> Focal:
    """Return where a point of the upright original lies once it is turned and mirrored."""
    x, y = focal
    for _ in range(spec.rotate // 90):
        x, y = 100 - y, x
    return Focal(100 - x if spec.flip else x, y)


def turned_crop(spec: Spec, crop: Crop, width: int, height: int) -> Crop:
    """Return where a box of the upright original lies once it is turned and mirrored."""
    x, y, cut_width, cut_height = crop
    for _ in range(spec.rotate // 90):
        x, y, cut_width, cut_height = height - y - cut_height, x, cut_height, cut_width
        width, height = height, width
    return Crop(width - x - cut_width if spec.flip else x, y, cut_width, cut_height)


def clip_crop(crop: Crop | None, width: int, height: int) -> Crop:
    """Return a crop box clipped to the image, which is all of it for None.

    Raises `EmptyCrop` if the box lies outside the image.
    """
    if crop is None:
        return Crop(0, 0, width, height)
    if crop.x >= width or crop.y >= height:
        raise EmptyCrop(
            f"The crop box {tuple(crop)} (x, y, width, height) lies outside the image, "
            f"which is {width}x{height}."
        )
    right, bottom = min(crop.x + crop.width, width), min(crop.y + crop.height, height)
    return Crop(crop.x, crop.y, right - crop.x, bottom - crop.y)


def _round(numerator: int, denominator: int) -> int:
    """Return a positive fraction rounded to the nearest integer, halves up, without floats."""
    return (2 * numerator + denominator) // (2 * denominator)


def _side(numerator: int, denominator: int, most: int | None = None) -> int:
    """Return a side in pixels: a fraction rounded, at least 1 and at most ``most``."""
    side = max(1, _round(numerator, denominator))
    return side if most is None else min(side, most)


def _box(spec: Spec) -> Size:
    """Return the sides of the box; 0 for the side that a spec with ``fit`` leaves open."""
    return spec.width or 0, spec.height or 0


def _fit(spec: Spec, cropped: Size) -> Size:
    """Return the largest size inside the box that has the ratio of the crop.

    The sides are compared by cross products, because the ratios would be rounded floats.
    """
    width, height = cropped
    box_width, box_height = _box(spec)
    if not spec.upscale and (box_width or width) >= width and (box_height or height) >= height:
        return cropped
    if not box_height or (box_width and box_width * height <= box_height * width):
        return box_width, _side(height * box_width, width, box_height or None)
    return _side(width * box_height, height, box_width or None), box_height


def _stretch(spec: Spec, cropped: Size) -> Size:
    box = _box(spec)
    return box if spec.upscale else (min(box[0], cropped[0]), min(box[1], cropped[1]))


def _fill(spec: Spec, origin: tuple[int, int], cropped: Size) -> ResizePlan:
    """Cover the box: cut the crop to the box's ratio around the focal point.

    Without upscale, a smaller original gives the largest image of the ratio that fits in it.
    """
    box_width, box_height = _box(spec)
    width, height = cropped
    size = (box_width, box_height)
    wider = width * box_height > height * box_width
    if not spec.upscale and (width < box_width or height < box_height):
        if wider:
            size = (_side(box_width * height, box_height, min(width, box_width)), height)
        else:
            size = (width, _side(box_height * width, box_width, min(height, box_height)))
    cut_width = height * box_width / box_height if wider else width
    cut_height = height if wider else width * box_height / box_width
    focal = spec.focal or CENTRE
    left, right = _window(origin[0], width, cut_width, focal.x)
    top, bottom = _window(origin[1], height, cut_height, focal.y)
    return ResizePlan((left, top, right, bottom), size, size)


def _window(origin: int, whole: int, length: float, percent: int) -> tuple[float, float]:
    """Return start and end of a window with the focal point in its middle, inside the image."""
    start = float(min(max(whole * percent / 100 - length / 2, 0.0), whole - length))
    # The sum of rounded floats can pass the image's edge by an ulp, which Pillow refuses.
    return origin + start, min(origin + start + length, float(origin + whole))


def focal_in_crop(focal: Focal, spec: Spec, width: int, height: int) -> Focal:
    """Return a focal point of the upright original in percent of what turn and crop leave."""
    focal = turned_focal(spec, focal)
    if spec.crop is None:
        return focal
    width, height = turned_size(spec, width, height)
    left, top, cut_width, cut_height = clip_crop(spec.crop, width, height)
    x = _round(max(0, width * focal.x - 100 * left), cut_width)
    y = _round(max(0, height * focal.y - 100 * top), cut_height)
    return Focal(min(x, 100), min(y, 100))
