"""From a still original to the pixels of a resize, by libvips or by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from PIL import Image

from shift_media.core.geometry import Size
from shift_media.imaging.engine import decode, transform, vips
from shift_media.imaging.engine.area import Area
from shift_media.imaging.formats.base import Header

Color = tuple[int, int, int]
Scale = tuple[float, float]
"""Of the original's width and height, at which it is decoded at least; at most 1 each way."""


def resample(
    source: BinaryIO,
    header: Header,
    area: Area,
    min_scale: Scale,
    decoder: vips.Decoder,
    flat_color: Color | None = None,
) -> Image.Image:
    """Return an area of an original, resized, in its own colours and orientation.

    It may be flattened on ``flat_color`` already. Raises what the decoder raises.
    """
    if _is_for_libvips(source, header, area, min_scale, decoder):
        image = vips.resample(source, header, min_scale, area, flat_color)
        if image is not None:
            return image
    image, scale = decode.decode_still(source, header, min_scale)
    return transform.resample(image, area.scaled(scale))


def resample_all_data(
    source: BinaryIO, header: Header, size: Size, decoder: vips.Decoder
) -> Image.Image:
    """Return all of an original in a size, of all its data, so that damage anywhere is noticed.

    Pillow alone decides which JPEGs are damaged.
    """
    area = Area.of_all(header.width, header.height, size)
    scale = (size[0] / header.width, size[1] / header.height)
    if header.format.extension != "jpg" and vips.should_resample(header, area, decoder):
        image = vips.resample(source, header, scale, area)
        if image is not None:
            return image
    image, scale = decode.decode_all_data(source, header, scale)
    return transform.resample(image, area.scaled(scale))


def open_pixels(
    source: BinaryIO,
    header: Header,
    areas: Sequence[Area],
    min_scale: Scale,
    decoder: vips.Decoder,
) -> vips.Pixels | None:
    """Decode an original by libvips, for resizes of several areas; None if Pillow must do it."""
    largest = max(areas, key=lambda area: area.size[0] * area.size[1])
    if not _is_for_libvips(source, header, largest, min_scale, decoder):
        return None
    ratio = min(min(area.ratios) for area in areas)
    return vips.decode(source, header, min_scale, ratio)


def shrink_roughly(
    source: BinaryIO, header: Header, scale: float, decoder: vips.Decoder
) -> Image.Image:
    """Return all of an original at a scale or larger, by averages alone, which leave no halos."""
    size = (max(1, round(header.width * scale)), max(1, round(header.height * scale)))
    area = Area.of_all(header.width, header.height, size)
    pixels = open_pixels(source, header, [area], (scale, scale), decoder)
    if pixels is not None:
        return pixels.to_pillow()
    return decode.decode_still(source, header, (scale, scale)).image


def _is_for_libvips(
    source: BinaryIO, header: Header, area: Area, min_scale: Scale, decoder: vips.Decoder
) -> bool:
    """Return True if libvips makes a resize.

    Pillow decodes the first scans of a progressive JPEG. libvips would warn about those that are
    missing, and it does not tell such warnings from those about damage.
    """
    if not vips.should_resample(header, area, decoder):
        return False
    return decode.select_scans(source, header, min_scale) is None
