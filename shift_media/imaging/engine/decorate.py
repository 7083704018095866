"""The effects of presets on decoded pixels: trimming, watermarks, round corners."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image, ImageChops, ImageDraw

from shift_media.core.geometry import turned_size
from shift_media.core.preset_effects import PresetEffects, Watermark
from shift_media.core.spec import COMPASS, Crop, Spec
from shift_media.imaging.engine import decode, stills, transform
from shift_media.imaging.engine.modes import to_working_mode
from shift_media.imaging.engine.vips import Decoder
from shift_media.imaging.formats.base import Header
from shift_media.imaging.probe import DEFAULT_LIMITS, read_header

_TRIM_SIDE: Final = 1024
"""The longer side, in pixels, of the picture in which a border is looked for."""
_MARGIN: Final = 0.03
"""Of a watermark to the edges, as a share of the shorter side."""
_SMOOTHNESS: Final = 4
_SMOOTH_RADIUS: Final = 500
"""Pixels of a radius up to which corners are drawn four times as large and then shrunk."""


def trim_spec(
    source: BinaryIO, header: Header, spec: Spec, tolerance: int, decoder: Decoder
) -> Spec:
    """Return a spec that cuts off the border of an original that has the colour of its corner."""
    scale = min(1.0, _TRIM_SIDE / max(header.width, header.height))
    image = stills.shrink_roughly(source, header, scale, decoder)
    turn = transform.turned_orientation(header.orientation, spec.rotate, spec.flip)
    image = transform.apply_orientation(to_working_mode(image), turn)
    box = _find_box(image, tolerance)
    if box is None:
        return spec
    width, height = turned_size(spec, *header.upright_size)
    across, down = width / image.width, height / image.height
    left, top = math.floor(box[0] * across), math.floor(box[1] * down)
    right, bottom = math.ceil(box[2] * across), math.ceil(box[3] * down)
    return replace(spec, crop=Crop(left, top, right - left, bottom - top))


def _find_box(image: Image.Image, tolerance: int) -> tuple[int, int, int, int] | None:
    """Return what is left without the border; None for a picture of one colour."""
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        if alpha.getpixel((0, 0)) == 0:
            return alpha.getbbox()
        image = image.convert(image.mode[:-1])
    corner = Image.new(image.mode, image.size, image.getpixel((0, 0)))
    found = None
    for channel in ImageChops.difference(image, corner).split():
        box = channel.point([0] * (tolerance + 1) + [255] * (255 - tolerance)).getbbox()
        if box is not None:
            found = box if found is None else _union(found, box)
    return found


def _union(
    one: tuple[int, int, int, int], two: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    left, top = min(one[0], two[0]), min(one[1], two[1])
    return left, top, max(one[2], two[2]), max(one[3], two[3])


def decorate(image: Image.Image, effects: PresetEffects) -> Image.Image:
    """Return a resized picture in L, LA, RGB or RGBA with its watermark and its corners."""
    if effects.watermark is not None:
        image = _lay_over(image, effects.watermark)
    return _round_corners(image, effects.round) if effects.round else image


@lru_cache(maxsize=8)
def _read_mark(content: bytes) -> Image.Image:
    """Decode a watermark, once for all resizes."""
    file = BytesIO(content)
    header = read_header(file, DEFAULT_LIMITS.whole)
    mark = to_working_mode(decode.decode_all_data(file, header, (1.0, 1.0)).image)
    return transform.apply_orientation(mark, header.orientation).convert("RGBA")


def place_mark(watermark: Watermark, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """Return a watermark in RGBA, as large as it is on a picture, and where it begins there.

    ``size`` is that of the picture.
    """
    mark = _read_mark(watermark.content)
    width = max(1, size[0] * watermark.width // 100)
    height = max(1, round(mark.height * width / mark.width))
    if height > size[1]:
        width, height = max(1, width * size[1] // height), size[1]
    mark = transform.shrink(mark, (width, height))
    if watermark.opacity < 100:
        mark.putalpha(mark.getchannel("A").point(lambda value: value * watermark.opacity // 100))
    margin = round(min(size) * _MARGIN)
    focal = COMPASS[watermark.position]
    return mark, (
        _position(size[0] - width, margin, focal.x),
        _position(size[1] - height, margin, focal.y),
    )


def _lay_over(image: Image.Image, watermark: Watermark) -> Image.Image:
    mark, place = place_mark(watermark, image.size)
    mode = "RGBA" if image.mode in ("LA", "RGBA") else "RGB"
    result = image.convert("RGBA")
    result.alpha_composite(mark, place)
    return result.convert(mode)


def _position(room: int, margin: int, percent: int) -> int:
    """Return where a watermark begins, with a margin if there is room for it."""
    margin = min(margin, room // 2)
    return margin + (room - 2 * margin) * percent // 100


def _round_corners(image: Image.Image, percent: int) -> Image.Image:
    radius = max(1, min(image.size) * percent // 100)
    finer = _SMOOTHNESS if radius <= _SMOOTH_RADIUS else 1
    corner = Image.new("L", (radius * finer, radius * finer))
    ImageDraw.Draw(corner).ellipse((0, 0, 2 * radius * finer - 1, 2 * radius * finer - 1), 255)
    corner = corner.resize((radius, radius), Image.Resampling.BOX)
    mask = Image.new("L", image.size, 255)
    right, bottom = image.width - radius, image.height - radius
    mask.paste(corner, (0, 0))
    mask.paste(corner.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (right, 0))
    mask.paste(corner.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, bottom))
    mask.paste(corner.transpose(Image.Transpose.ROTATE_180), (right, bottom))
    result = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    result.putalpha(ImageChops.multiply(result.getchannel("A"), mask))
    return result
