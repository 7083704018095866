"""AVIF: the boxes of the container (ISO/IEC 14496-12, 23008-12, AVIF 1.1)."""

from __future__ import annotations

from typing import Final

from shift_media.core.errors import TooManyPixels, Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import av1, avif_strip, colors
from shift_media.imaging.formats.avif_meta import Meta, read_meta
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    check_byte_count,
    truncated,
)
from shift_media.imaging.formats.bmff import Box, complete_boxes, inner_boxes
from shift_media.imaging.formats.colors import ColorSpace
from shift_media.imaging.formats.segments import open_parts

_FORMAT: Final = BY_EXTENSION["avif"]

_LAYERS: Final = 3
"""Main image, alpha and gain map: how many times its own pixels an image may hold in items."""
_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_MAX_DEPTH = 4
"""From a track down to the box with its sample count."""

_NCLX_BYTES = 11
_NOT_SHOWN: Final = (9, 10, 11, 12)
_LIKE_SRGB: Final = (1, 6, 14, 15)
"""Transfer characteristics (H.273, table 3) of an AVIF that browsers do not show, and those of
video, which they show as sRGB."""

_TURNED = (1, 8, 3, 6)
_MIRRORED = ((4, 2), (5, 7), (2, 4), (7, 5))
"""EXIF orientation by `irot` angle, and by `imir` axis on top of it: the turn comes first."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the boxes; see `ImageFormat`.

    The primary item is what is resized, also of an image sequence, whose frames are only counted.
    """
    brands, meta, tracks, frames, end = _read_top(reader)
    properties = meta.primary_properties()
    if b"ispe" not in properties:
        raise Undecodable("The AVIF says nothing of its size.")
    width, height = _read_size(reader, properties[b"ispe"])
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
        has_alpha=any(_is_alpha(reader, box) for box in meta.properties),
        parts=parts,
        still=parts,
        profile=_find_profile(reader, meta),
        color_space=_read_color_space(reader, meta),
    )


def _read_top(reader: ByteReader) -> tuple[Span, Meta, list[int], int, int]:
    """Return brands, meta box, where the types of tracks stand, the number of frames, and the end.

    Bytes behind the last box are left out, as behind images of other formats. Raises `Undecodable`
    if data of the picture is missing.
    """
    brands, meta, tracks, frames = None, None, [], 1
    found = complete_boxes(reader)
    for box in found:
        if box.type == b"ftyp" and brands is None:
            brands = box.content
        elif box.type == b"meta" and meta is None:
            meta = read_meta(reader, box)
        elif box.type in (b"moov", b"moof"):
            tracks.append(box.name)
            frames = max(frames, _count_samples(reader, box, depth=0))
    end = found[-1].end if found else 0
    if brands is None or meta is None:
        raise truncated(end) if end < reader.size else Undecodable("The AVIF has no primary item.")
    if any(span.offset + span.length > end for span in meta.picture_extents()):
        raise truncated(end)
    return brands, meta, tracks, frames, end


def _count_samples(reader: ByteReader, box: Box, depth: int) -> int:
    """Return the largest sample count of any track."""
    most = 0
    for inner in inner_boxes(reader, box):
        if inner.type == b"stsz":
            most = max(most, reader.number(inner.content.offset + 8, 4))
        elif inner.type in (b"trak", b"mdia", b"minf", b"stbl") and depth < _MAX_DEPTH:
            most = max(most, _count_samples(reader, inner, depth + 1))
    return most


def _read_size(reader: ByteReader, box: Box) -> tuple[int, int]:
    width = reader.number(box.content.offset + 4, 4)
    height = reader.number(box.content.offset + 8, 4)
    if not width or not height:
        raise Undecodable(f"The AVIF says {width}x{height}.")
    return width, height


def _read_orientation(reader: ByteReader, properties: dict[bytes, Box]) -> int:
    """Return the EXIF orientation of `irot` and `imir` together; AVIF ignores EXIF itself."""
    angle = 0
    if b"irot" in properties:
        angle = reader.number(properties[b"irot"].content.offset, 1) & 3
    if b"imir" not in properties:
        return _TURNED[angle]
    return _MIRRORED[angle][reader.number(properties[b"imir"].content.offset, 1) & 1]


def _is_alpha(reader: ByteReader, box: Box) -> bool:
    if box.type != b"auxC":
        return False
    content = reader.upto(box.content.offset + 4, min(box.content.length - 4, 64))
    return content.split(b"\0")[0] in _ALPHA_TYPES


def _find_profile(reader: ByteReader, meta: Meta) -> tuple[Span, ...]:
    """Find the ICC profile, which an item shares with the cells of its grid."""
    for box in meta.properties:
        if box.type == b"colr":
            offset, length = box.content
            if reader.upto(offset, 4) in (b"prof", b"rICC"):
                return (Span(offset + 4, length - 4),)
    return ()


def _read_color_space(reader: ByteReader, meta: Meta) -> ColorSpace | None:
    """Return the colour space that the picture's own numbers give (14496-12, 12.1.5).

    Raises `UnsupportedType` for one that browsers do not show.
    """
    for box in meta.all_primary_properties():
        offset, length = box.content
        if box.type == b"colr" and length >= _NCLX_BYTES and reader.upto(offset, 4) == b"nclx":
            primaries, transfer = reader.number(offset + 4, 2), reader.number(offset + 6, 2)
            break
    else:
        return None
    colors.refuse_hdr(_FORMAT.name, transfer)
    if transfer in _NOT_SHOWN:
        raise UnsupportedType(f"The AVIF has colours of transfer {transfer}, which is for video.")
    gamut = colors.GAMUTS.get(primaries, colors.SRGB_GAMUT)
    curve = colors.SRGB_CURVE if transfer in _LIKE_SRGB else colors.CURVES.get(transfer)
    return colors.color_space(gamut, curve or colors.SRGB_CURVE)


def _check_items(reader: ByteReader, meta: Meta, limits: SourceLimits, pixels: int) -> None:
    """Raise `TooManyPixels` if the AV1 data of the items declares more than the limit.

    A decoder allocates what the data says, which may be far more than the box says.
    """
    total = 0
    for item, type in meta.types.items():
        if type != b"av01":
            continue
        content = ByteReader(open_parts(reader.file, meta.locations.get(item, [])))
        for width, height in av1.frame_sizes(content):
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
