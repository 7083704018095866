"""From decoded pixels to those of a resize: orientation, boxes, resampling and canvas."""

from __future__ import annotations

import math
from typing import Final

from PIL import Image, ImageFilter

from shift_media.core.geometry import Box, ResizePlan, Size
from shift_media.core.spec import WHITE, Spec
from shift_media.imaging.engine import codecs
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.modes import to_working_mode

_REDUCING_GAP: Final = 3.0
"""How many times finer than the target a box filter leaves an image before LANCZOS; Pillow's
documentation has 3 as indistinguishable."""
_LARGE: Final = 500_000
"""Pixels of a resize from which on resampling takes longer than decoding."""
_CLEARLY_SMALLER: Final = 1.5
"""Ratio from which on BICUBIC costs .0007 of SSIM against LANCZOS, for two thirds of its time."""
_BAND_PIXELS: Final = 4_000_000
_SUPPORT: Final = 3
"""How many target pixels LANCZOS reaches to each side."""
_WORKING_MODES: Final = ("RGB", "L", "CMYK")
_PREMULTIPLIED: Final = {"RGBA": "RGBa", "LA": "La"}

_BLUR_UNIT: Final = 1000
"""A blur of 1 has a standard deviation of a thousandth of the longer side of the resize."""
_SHARPEN_RADIUS: Final = 0.8
"""In pixels of the resize: about what resampling softens."""
_SHARPEN_PERCENT: Final = 2
"""A strength of 50 adds all of the difference to the blurred picture, one of 100 twice."""

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_BY_MIRROR: Final = {False: (1, 6, 3, 8), True: (2, 5, 4, 7)}
"""The orientations by a quarter turn, clockwise, and by being mirrored after it."""
_ORIENTATIONS: Final = {
    orientation: (turns, mirrored)
    for mirrored, orientations in _BY_MIRROR.items()
    for turns, orientation in enumerate(orientations)
}


def turned_orientation(orientation: int, rotate: int, flip: str | None) -> int:
    """Return the orientation of stored pixels that are turned and mirrored once upright."""
    turns, mirrored = _ORIENTATIONS[orientation]
    # To turn a mirrored picture is to turn it the other way before it is mirrored.
    turns += -rotate // 90 if mirrored else rotate // 90
    return _BY_MIRROR[mirrored is not (flip is not None)][turns % 4]


def stored_size(size: Size, orientation: int) -> Size:
    """Return an upright width and height as those of the stored pixels."""
    return size if orientation < 5 else (size[1], size[0])


def stored_box(box: Box, orientation: int, upright_size: Size) -> Box:
    """Return a box of the upright image as one of the stored pixels."""
    left, top, right, bottom = box
    width, height = upright_size
    if orientation in (2, 3, 7, 6):
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    return (left, top, right, bottom) if orientation < 5 else (top, left, bottom, right)


def apply_effects(image: Image.Image, spec: Spec, size: Size) -> Image.Image:
    """Return an image in L, LA, RGB or RGBA in grey, blurred and sharpened, as a spec says.

    ``size`` is that of the whole resize, to which the blur is relative.
    """
    if spec.gray and image.mode in ("RGB", "RGBA"):
        image = image.convert("LA" if image.mode == "RGBA" else "L")
    if spec.blur:
        radius = spec.blur * max(size) / _BLUR_UNIT
        mode = _PREMULTIPLIED.get(image.mode, image.mode)
        blurred = image.convert(mode).filter(ImageFilter.GaussianBlur(radius))
        image = blurred.convert(image.mode)
    if spec.sharpen:
        image = _sharpen(image, spec.sharpen)
    return image


def _sharpen(image: Image.Image, strength: int) -> Image.Image:
    """Sharpen the colours; alpha stays as it is."""
    unsharp = ImageFilter.UnsharpMask(_SHARPEN_RADIUS, strength * _SHARPEN_PERCENT, 0)
    if image.mode not in ("LA", "RGBA"):
        return image.filter(unsharp)
    sharp = image.convert(image.mode[:-1]).filter(unsharp)
    sharp.putalpha(image.getchannel("A"))
    return sharp


def apply_orientation(image: Image.Image, orientation: int) -> Image.Image:
    """Turn stored pixels upright, by the orientation of EXIF."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def resample(image: Image.Image, area: Area) -> Image.Image:
    """Resize an area of an image, decoded in any mode, to its size in a working mode.

    No pixel outside its region is read. Modes that must be converted first are converted in bands,
    so that no second copy of a large original is ever made.
    """
    box, size, region = area.box, area.size, area.region
    left, top = math.floor(region[0]), math.floor(region[1])
    right = min(math.ceil(region[2]), image.width)
    bottom = min(math.ceil(region[3]), image.height)
    bands = math.ceil((right - left) * (bottom - top) / _BAND_PIXELS)
    plain = image.mode in _WORKING_MODES and "transparency" not in image.info
    if plain or bands < 2:
        part = to_working_mode(_crop(image, (left, top, right, bottom)))
        return _resize(part, _move_box(box, left, top), size)
    rows = math.ceil(size[1] / bands)
    scale = (box[3] - box[1]) / size[1]
    margin = _SUPPORT * max(scale, 1.0) + 2
    result: Image.Image | None = None
    for first in range(0, size[1], rows):
        last = min(first + rows, size[1])
        start, end = box[1] + first * scale, box[1] + last * scale
        above = max(top, math.floor(start - margin))
        below = min(bottom, math.ceil(end + margin))
        part = to_working_mode(codecs.crop(image, (left, above, right, below)))
        part_box = _move_box((box[0], start, box[2], min(end, bottom)), left, above)
        band = _resize(part, part_box, (size[0], last - first))
        if result is None:
            result = Image.new(band.mode, size)
        result.paste(band, (0, first))
    assert result is not None  # noqa: S101 (a size has at least one row)
    return result


def _move_box(box: Box, left: int, top: int) -> Box:
    return (box[0] - left, box[1] - top, box[2] - left, box[3] - top)


def _crop(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    return image if box == (0, 0, image.width, image.height) else codecs.crop(image, box)


def _resize(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """Resize a box, or only crop it if it has the size already."""
    same_size = (box[2] - box[0], box[3] - box[1]) == (float(size[0]), float(size[1]))
    if same_size and box[0] % 1 == 0 and box[1] % 1 == 0:
        corners = (round(box[0]), round(box[1]), round(box[2]), round(box[3]))
        return codecs.crop(image, corners)
    box = (max(box[0], 0), max(box[1], 0), min(box[2], image.width), min(box[3], image.height))
    return _apply_filter(image, box, size, _choose_filter(box, size))


def shrink(image: Image.Image, size: Size) -> Image.Image:
    """Resize all of an image in a working mode, by the best filter."""
    return _apply_filter(image, (0, 0, *image.size), size, Image.Resampling.LANCZOS)


def _apply_filter(
    image: Image.Image, box: Box, size: Size, resampling: Image.Resampling
) -> Image.Image:
    """Resize by a filter, after a box filter if the sizes are far apart.

    Alpha is premultiplied, because the colour of transparent pixels would bleed into others.
    """
    mode = image.mode
    premultiplied = _PREMULTIPLIED.get(mode)
    if premultiplied is None:
        return image.resize(size, resampling, box, _REDUCING_GAP)
    premultiplied_image = image.convert(premultiplied)
    return premultiplied_image.resize(size, resampling, box, _REDUCING_GAP).convert(mode)


def _choose_filter(box: Box, size: Size) -> Image.Resampling:
    """Return LANCZOS; BICUBIC if resampling takes longest and both look the same."""
    ratio = min((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1])
    if size[0] * size[1] >= _LARGE and ratio >= _CLEARLY_SMALLER:
        return Image.Resampling.BICUBIC
    return Image.Resampling.LANCZOS


def place_on_canvas(
    image: Image.Image, plan: ResizePlan, spec: Spec, *, alpha: bool
) -> Image.Image:
    """Return a resized upright image on its canvas, flattened if the format has no ``alpha``.

    Both are in L, LA, RGB or RGBA.
    """
    image = _drop_opaque_alpha(image)
    color = background_color(spec, alpha=alpha)
    padded = plan.canvas != plan.size
    if not padded and (color is None or image.mode in ("L", "RGB")):
        return image
    if color is None:
        canvas = Image.new("RGBA", plan.canvas)
        canvas.paste(image.convert("RGBA"), plan.offset)
        return canvas
    canvas = Image.new("RGB", plan.canvas, color)
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        canvas.paste(image.convert("RGB"), plan.offset, image.getchannel("A"))
    else:
        canvas.paste(image.convert("RGB"), plan.offset)
    return canvas


def background_color(spec: Spec, *, alpha: bool) -> tuple[int, int, int] | None:
    """Return the colour behind an image; None for transparent."""
    if spec.background is None and alpha:
        return None
    red, green, blue = bytes.fromhex(spec.background or WHITE)
    return red, green, blue


def _drop_opaque_alpha(image: Image.Image) -> Image.Image:
    """Drop an alpha channel that is opaque throughout."""
    if image.mode not in ("LA", "RGBA"):
        return image
    lowest, _ = image.getchannel("A").getextrema()
    return image.convert(image.mode[:-1]) if lowest == 255 else image
