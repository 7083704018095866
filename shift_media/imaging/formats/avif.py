"""AVIF: the boxes of the container (ISO/IEC 14496-12, 23008-12, AVIF 1.1)."""

from __future__ import annotations

from typing import Final

from shift_media.core.errors import TooManyPixels, Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import av1, avif_strip
from shift_media.imaging.formats.avif_meta import Meta
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    check_byte_count,
)
from shift_media.imaging.formats.bmff import Box
from shift_media.imaging.formats.heif import (
    find_profile,
    is_alpha,
    read_color_space,
    read_size,
    read_top,
)
from shift_media.imaging.formats.segments import open_parts
from shift_media.imaging.formats.units import UnitBudget

_FORMAT: Final = BY_EXTENSION["avif"]

_LAYERS: Final = 3
"""Main image, alpha and gain map: how many times its own pixels an image may hold in items."""

_TURNED = (1, 8, 3, 6)
_MIRRORED = ((4, 2), (5, 7), (2, 4), (7, 5))
"""EXIF orientation by `irot` angle, and by `imir` axis on top of it: the turn comes first."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the boxes; see `ImageFormat`.

    The primary item is what is resized, also of an image sequence, whose frames are only counted.
    """
    brands, meta, tracks, frames, end = read_top(reader)
    properties = meta.primary_properties()
    if b"ispe" not in properties:
        raise Undecodable("The AVIF says nothing of its size.")
    width, height = read_size(reader, properties[b"ispe"])
    limits.check(_FORMAT, width, height, frames)
    pixels = width * height
    check_byte_count(_FORMAT, end, pixels * frames)
    _check_items(reader, meta, limits, pixels)
    parts = _still_parts(end, brands, [*meta.hidden, *tracks])
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        orientation=_read_orientation(reader, properties),
        frames=frames,
        has_alpha=any(is_alpha(reader, box) for box in meta.properties),
        parts=parts,
        still=parts,
        profile=find_profile(reader, meta),
        color_space=read_color_space(reader, meta, _FORMAT),
    )


def _read_orientation(reader: ByteReader, properties: dict[bytes, Box]) -> int:
    """Return the EXIF orientation of `irot` and `imir` together; AVIF ignores EXIF itself."""
    angle = 0
    if b"irot" in properties:
        angle = reader.number(properties[b"irot"].content.offset, 1) & 3
    if b"imir" not in properties:
        return _TURNED[angle]
    return _MIRRORED[angle][reader.number(properties[b"imir"].content.offset, 1) & 1]


def _check_items(reader: ByteReader, meta: Meta, limits: SourceLimits, pixels: int) -> None:
    """Raise `TooManyPixels` if the AV1 data of the items declares more than the limit.

    A decoder allocates what the data says, which may be far more than the box says.
    """
    total, budget = 0, UnitBudget()
    for item, type in meta.types.items():
        if type != b"av01":
            continue
        content = ByteReader(open_parts(reader.file, meta.locations.get(item, [])))
        for width, height in av1.frame_sizes(content, budget):
            limits.check(_FORMAT, width, height)
            total += width * height
    if total > _LAYERS * limits.max_pixels(_FORMAT):
        raise TooManyPixels(f"The items of the AVIF have {total} pixels, the image has {pixels}.")


def _still_parts(end: int, brands: Span, hidden: list[int]) -> tuple[Part, ...]:
    """Return the file as a still image: its brands, and tracks and metadata under other names."""
    still = (b"avif\0\0\0\0" + b"avif" * (brands.length // 4))[: brands.length]
    changes = sorted([(brands.offset, still), *((name, b"free") for name in hidden)])
    parts: list[Part] = []
    at = 0
    for offset, content in changes:
        parts += [Span(at, offset - at), content]
        at = offset + len(content)
    return (*parts, Span(at, end - at))


AVIF: Final = ImageFormat(
    _FORMAT, "PIL.AvifImagePlugin:AvifImageFile", _read_header, avif_strip.stripped_parts
)
