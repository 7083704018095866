"""HEIC: HEVC images in boxes (ISO/IEC 23008-12), as phones and cameras take photos.

A decoder gets a file of this package's own for each coded image, so that it meets neither metadata
nor other items, and holds no more than one cell of a grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import TooManyPixels, Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import avif_strip, heic_file
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    SourceLimits,
    check_byte_count,
)
from shift_media.imaging.formats.bmff import Box, Fields
from shift_media.imaging.formats.heic_items import HeicPicture, Items, Size, coded_sizes
from shift_media.imaging.formats.heif import find_profile, read_color_space, read_top
from shift_media.imaging.formats.units import UnitBudget

_FORMAT: Final = BY_EXTENSION["heic"]

_LAYERS: Final = 2
"""Picture and alpha: how many times its own pixels an image may hold in coded images."""
_MAX_DATA: Final = 64_000_000
"""Bytes of HEVC data, cells that a grid repeats counted each time. A decoder takes 3 seconds for
them; the largest photos of phones have 20 MB."""
_PADDING: Final = 65_536
"""Pixels by which a coded image may be larger than its box says, or a tenth."""
_MAX_WHOLE: Final = 0.5
"""The share of the limit that one coded image may have. Its decoder needs 12 bytes a pixel; the
cells of a grid are decoded one by one."""

_CLOCKWISE: Final = {1: 6, 6: 3, 3: 8, 8: 1, 2: 7, 7: 4, 4: 5, 5: 2}
"""The EXIF orientation of a picture that is also turned by 90 degrees clockwise."""
_FLIPPED: Final = {1: 4, 4: 1, 2: 3, 3: 2, 6: 7, 7: 6, 8: 5, 5: 8}
"""The EXIF orientation of a picture that is also mirrored top to bottom."""
_HALF_TURN: Final = 2
_CLAP_FIELDS: Final = 8

_Window = tuple[int, int, int, int]
"""Left, top, width and height of the part of a picture that is shown."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the boxes; see `ImageFormat`.

    The primary item is what is resized, also of a sequence, whose frames are only counted: no
    decoder gets them.
    """
    _, meta, _, frames, _ = read_top(reader)
    items = Items(reader, meta)
    picture, alpha = items.primary(), items.alpha()
    limits.check(_FORMAT, *picture.size)
    if alpha is not None and alpha.size != picture.size:
        raise UnsupportedType("The HEIC has a transparency of another size than the picture.")
    _check_data(reader, [picture, *([alpha] if alpha else [])], limits)
    orientation, window = _read_transformations(reader, meta.all_primary_properties(), picture)
    tiles = tuple(heic_file.tiles(reader, picture, window))
    return Header(
        format=_FORMAT,
        width=window[2],
        height=window[3],
        orientation=orientation,
        frames=frames,
        has_alpha=alpha is not None,
        parts=(),
        still=(),
        tiles=tiles,
        alpha_tiles=tuple(heic_file.tiles(reader, alpha, window)) if alpha else (),
        profile=find_profile(reader, meta),
        color_space=read_color_space(reader, meta, _FORMAT),
    )


def _check_data(reader: ByteReader, pictures: list[HeicPicture], limits: SourceLimits) -> None:
    """Raise `TooManyPixels` or `Undecodable` if the HEVC data declares more than the boxes."""
    total, budget = 0, UnitBudget()
    for picture in pictures:
        seen = {}
        for image in picture.images:
            if image.data not in seen:
                seen[image.data] = max(w * h for w, h in coded_sizes(reader, image, budget))
                _check_coded(image.size, seen[image.data], limits)
            total += seen[image.data]
        count = sum(span.length for image in picture.images for span in image.data)
        check_byte_count(_FORMAT, count, picture.size[0] * picture.size[1])
        if count > _MAX_DATA:
            raise Undecodable(f"The HEIC has {count} bytes of data, at most {_MAX_DATA} can be.")
    if total > _LAYERS * limits.max_pixels(_FORMAT):
        raise TooManyPixels(f"The HEVC data of the HEIC has {total} pixels.")


def _check_coded(size: Size, pixels: int, limits: SourceLimits) -> None:
    declared = size[0] * size[1]
    if pixels > declared * 1.1 + _PADDING:
        raise Undecodable(f"The HEVC data has {pixels} pixels, and its box says {declared}.")
    if pixels > limits.max_pixels(_FORMAT) * _MAX_WHOLE:
        limits.check_totals(_FORMAT, int(pixels / _MAX_WHOLE), 1)


def _read_transformations(
    reader: ByteReader, properties: list[Box], picture: HeicPicture
) -> tuple[int, _Window]:
    """Return the orientation, as in EXIF, and what a clean aperture leaves of the picture.

    Properties apply in their order (23008-12, 6.5.1). EXIF itself is ignored.
    """
    orientation = 1
    window = (0, 0, *picture.size)
    for box in properties:
        if box.type == b"irot":
            for _ in range(-reader.number(box.content.offset, 1) & 3):
                orientation = _CLOCKWISE[orientation]
        elif box.type == b"imir":
            orientation = _FLIPPED[orientation]
            if reader.number(box.content.offset, 1) & 1:  # left to right: a flip and a half turn
                for _ in range(_HALF_TURN):
                    orientation = _CLOCKWISE[orientation]
        elif box.type == b"clap":
            if orientation != 1:
                raise UnsupportedType("The HEIC is cropped after it is turned.")
            window = _read_aperture(Fields(reader, box.content), window)
    return orientation, window


def _read_aperture(fields: Fields, window: _Window) -> _Window:
    """Return what a clean aperture (14496-12, 12.1.4) leaves of a picture, in whole pixels."""
    left, top, *size = window
    numbers = list(_read_fractions(fields))
    width, height = int(numbers[0]), int(numbers[1])
    x = round(numbers[2] + (size[0] - width) / 2)
    y = round(numbers[3] + (size[1] - height) / 2)
    if not (0 < width <= size[0] - x and 0 < height <= size[1] - y and x >= 0 and y >= 0):
        raise Undecodable("The HEIC has an aperture that reaches over its picture.")
    return left + x, top + y, width, height


def _read_fractions(fields: Fields) -> Iterator[float]:
    for _ in range(_CLAP_FIELDS // 2):
        above, below = fields.take(4), fields.take(4)
        if not below:
            raise Undecodable("The HEIC has an aperture with a division by zero.")
        yield (above - (above >> 31 << 32)) / below


HEIC: Final = ImageFormat(_FORMAT, "pi_heif:HeifFile", _read_header, avif_strip.stripped_parts)
