"""ICO: a directory of pictures, each a PNG or a bitmap with a mask (Microsoft, "Icons")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from shift_media.core.errors import NotStrippable, Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import bmp
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    part_length,
    truncated,
)
from shift_media.imaging.formats.png import PNG
from shift_media.imaging.formats.segments import open_parts

_FORMAT: Final = BY_EXTENSION["ico"]
_HEAD: Final = 6
_ENTRY: Final = 16
_MAX_ENTRIES: Final = 200
_PNG_MAGIC: Final = PNG.format.magic[0]
_INFO: Final = 40
_RAW: Final = 0


class _Entry(NamedTuple):
    """One picture: its area, its depth and where it lies; larger and deeper ones come last."""

    area: int
    bits: int
    span: Span
    position: int


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the directory, and the header of the largest picture; see `ImageFormat`."""
    _, _, span, _ = max(_entries(reader))
    inner = ByteReader(open_parts(reader.file, [span]))
    if inner.upto(0, len(_PNG_MAGIC)) != _PNG_MAGIC:
        return _read_bitmap(reader, span, limits)
    header = PNG.read_header(inner, limits)
    parts = _shift(header.still, span.offset)
    return replace(
        header,
        format=_FORMAT,
        frames=1,
        parts=parts,
        still=parts,
        profile=tuple(Span(span.offset + each.offset, each.length) for each in header.profile),
        decoder=PNG.decoder,
    )


def _entries(reader: ByteReader) -> list[_Entry]:
    count = reader.number(4, 2, "little")
    if not 0 < count <= _MAX_ENTRIES:
        raise Undecodable(f"The ICO has {count} pictures, at most {_MAX_ENTRIES} are read.")
    return [_read_entry(reader, index) for index in range(count)]


def _read_entry(reader: ByteReader, index: int) -> _Entry:
    entry = reader.exact(_HEAD + index * _ENTRY, _ENTRY)
    length, offset = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:], "little")
    if offset + length > reader.size:
        raise truncated(offset)
    area = (entry[0] or 256) * (entry[1] or 256)
    return _Entry(area, int.from_bytes(entry[6:8], "little"), Span(offset, length), -index)


def _shift(parts: tuple[Part, ...], offset: int) -> tuple[Part, ...]:
    return tuple(
        part if isinstance(part, bytes) else Span(part.offset + offset, part.length)
        for part in parts
    )


def _read_bitmap(reader: ByteReader, span: Span, limits: SourceLimits) -> Header:
    """Read a bitmap, whose height is that of the picture and of its mask together."""
    parts = _as_bmp(reader, span)
    bitmap = bmp.read_bitmap(ByteReader(open_parts(reader.file, parts)))
    width, height = bitmap.size
    limits.check(_FORMAT, width, height)
    if bitmap.compression != _RAW:
        raise UnsupportedType("The ICO has a picture that is compressed.")
    mask = (width + 31) // 32 * 4 * height
    left = sum(map(part_length, parts)) - bitmap.pixels - bitmap.data_length
    if left < (0 if bitmap.bits == 32 else mask):
        raise truncated(span.offset + span.length)
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        has_alpha=True,
        parts=parts,
        still=parts,
        decoder="shift_media.imaging.engine.icon:IconImageFile",
    )


def _as_bmp(reader: ByteReader, span: Span) -> tuple[Part, ...]:
    """Return a bitmap as a BMP of the picture, with the mask behind its pixels."""
    head = reader.exact(span.offset, _INFO)
    if span.length < _INFO or int.from_bytes(head[:4], "little") != _INFO:
        raise UnsupportedType("The ICO has a picture with another header than usual.")
    height = int.from_bytes(head[8:12], "little") // 2
    bits, colors = int.from_bytes(head[14:16], "little"), int.from_bytes(head[32:36], "little")
    palette = 4 * (colors or 1 << bits) if bits <= 8 else 0
    if palette > span.length:
        raise truncated(span.offset + span.length)
    start = (bmp.FILE_HEADER + _INFO + palette).to_bytes(4, "little")
    written = b"BM" + bytes(8) + start + head[:8] + height.to_bytes(4, "little") + head[12:]
    return written, Span(span.offset + _INFO, span.length - _INFO)


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Write the directory anew, and behind it the pictures, a PNG without its metadata.

    Raises `NotStrippable` for entries that share bytes, which would each be written.
    """
    entries = _entries(reader)
    if sum(entry.span.length for entry in entries) > reader.size:
        raise NotStrippable("The ICO has several entries for one picture.")
    pictures = [list(_stripped_picture(reader, entry.span)) for entry in entries]
    at = _HEAD + _ENTRY * len(entries)
    yield reader.exact(0, _HEAD)
    for index, parts in enumerate(pictures):
        length = sum(map(part_length, parts))
        yield reader.exact(_HEAD + index * _ENTRY, 8)
        yield length.to_bytes(4, "little") + at.to_bytes(4, "little")
        at += length
    for parts in pictures:
        yield from parts


def _stripped_picture(reader: ByteReader, span: Span) -> tuple[Part, ...]:
    inner = ByteReader(open_parts(reader.file, [span]))
    if inner.upto(0, len(_PNG_MAGIC)) != _PNG_MAGIC or PNG.stripped_parts is None:
        return (_without_rest(reader, span),)
    header = PNG.read_header(inner, SourceLimits())
    return _shift(tuple(PNG.stripped_parts(inner, header)), span.offset)


def _without_rest(reader: ByteReader, span: Span) -> Span:
    """Return the header, the palette, the pixels and the mask of a bitmap."""
    bitmap = bmp.read_bitmap(ByteReader(open_parts(reader.file, _as_bmp(reader, span))))
    if bitmap.compression != _RAW:
        raise NotStrippable("The ICO has a smaller picture that is compressed.")
    mask = (bitmap.size[0] + 31) // 32 * 4 * bitmap.size[1]
    length = bitmap.pixels - bmp.FILE_HEADER + bitmap.data_length + mask
    return Span(span.offset, min(span.length, length))


ICO: Final = ImageFormat(_FORMAT, "PIL.BmpImagePlugin:BmpImageFile", _read_header, _stripped_parts)
