"""The boxes of AVIF and HEIC around items and tracks (ISO/IEC 14496-12, 23008-12)."""

from __future__ import annotations

from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.core.formats import Format
from shift_media.imaging.formats import colors
from shift_media.imaging.formats.avif_meta import Meta, read_meta
from shift_media.imaging.formats.base import ByteReader, Span, truncated
from shift_media.imaging.formats.bmff import Box, complete_boxes, inner_boxes
from shift_media.imaging.formats.colors import ColorSpace

_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_MAX_DEPTH = 4
"""From a track down to the box with its sample count."""

_NCLX_BYTES = 11
_NOT_SHOWN: Final = (9, 10, 11, 12)
_LIKE_SRGB: Final = (1, 6, 14, 15)
"""Transfer characteristics (H.273, table 3) of an image that browsers do not show, and those of
video, which they show as sRGB."""


def read_top(reader: ByteReader) -> tuple[Span, Meta, list[int], int, int]:
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
        missing = Undecodable("The file has no primary item.")
        raise truncated(end) if end < reader.size else missing
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


def read_size(reader: ByteReader, box: Box) -> tuple[int, int]:
    """Return the width and the height in an `ispe` box."""
    width = reader.number(box.content.offset + 4, 4)
    height = reader.number(box.content.offset + 8, 4)
    if not width or not height:
        raise Undecodable(f"The image says {width}x{height}.")
    return width, height


def is_alpha(reader: ByteReader, box: Box) -> bool:
    """Return True for a property that calls its item the transparency of another one."""
    if box.type != b"auxC":
        return False
    content = reader.upto(box.content.offset + 4, min(box.content.length - 4, 64))
    return content.split(b"\0")[0] in _ALPHA_TYPES


def find_profile(reader: ByteReader, meta: Meta) -> tuple[Span, ...]:
    """Find the ICC profile: the primary item's, or else one that the cells of its grid have."""
    for box in (*meta.all_primary_properties(), *meta.properties):
        if box.type == b"colr":
            offset, length = box.content
            if reader.upto(offset, 4) in (b"prof", b"rICC"):
                return (Span(offset + 4, length - 4),)
    return ()


def read_color_space(reader: ByteReader, meta: Meta, format: Format) -> ColorSpace | None:
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
    colors.refuse_hdr(format.name, transfer)
    if transfer in _NOT_SHOWN:
        raise UnsupportedType(
            f"The {format.name} has colours of transfer {transfer}, which is for video."
        )
    gamut = colors.GAMUTS.get(primaries, colors.SRGB_GAMUT)
    curve = colors.SRGB_CURVE if transfer in _LIKE_SRGB else colors.CURVES.get(transfer)
    return colors.color_space(gamut, curve or colors.SRGB_CURVE)
