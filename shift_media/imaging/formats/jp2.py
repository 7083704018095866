"""JPEG 2000: the boxes around the codestream (ISO/IEC 15444-1, annex I)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    check_byte_count,
    part_length,
    zeros,
)
from shift_media.imaging.formats.bmff import Box, complete_boxes, inner_boxes
from shift_media.imaging.formats.jp2_codestream import Codestream, read_codestream

_FORMAT: Final = BY_EXTENSION["jp2"]

_SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
_BRANDS: Final = b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
_KEPT: Final = (b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef")
_ENUMERATED, _RESTRICTED = 1, 2
"""Methods of a colour specification: a number, and a profile."""
_CMYK, _SRGB, _GREY = 12, 16, 17
_MAX_COLOR_BYTES: Final = 200_000
"""Of the boxes that a decoder needs: the palette is the largest."""
_MAX_DATA: Final = 24_000_000
"""Bytes of a codestream, for which the decoder takes up to five seconds."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read boxes and codestream; see `ImageFormat`."""
    boxes, stream = _read_boxes(reader, limits)
    parts = tuple(_file(reader, boxes, stream))
    width, height = stream.size
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        has_alpha=_has_alpha(reader, boxes, stream),
        parts=parts,
        still=parts,
        profile=_find_profile(reader, boxes),
        shrinks=stream.offset == (0, 0),
        skips=True,
    )


def _read_boxes(reader: ByteReader, limits: SourceLimits) -> tuple[list[Box], Codestream]:
    """Return the boxes of the header, and the codestream, which stands last."""
    header, data = None, None
    for box in complete_boxes(reader):
        if box.type == b"jp2h" and header is None:
            header = box
        elif box.type == b"jp2c" and data is None:
            data = box.content
    if header is None or data is None:
        raise Undecodable("The JPEG 2000 file has no picture.")
    boxes = list(inner_boxes(reader, header))
    sizes = [box for box in boxes if box.type == b"ihdr"]
    if not sizes:
        raise Undecodable("The JPEG 2000 file says nothing of its size.")
    height, width = (reader.number(sizes[0].content.offset + at, 4) for at in (0, 4))
    if not width or not height:
        raise Undecodable(f"The JPEG 2000 file says {width}x{height}.")
    limits.check(_FORMAT, width, height)
    check_byte_count(_FORMAT, data.length, width * height)
    if data.length > _MAX_DATA:
        raise UnsupportedType(f"A JPEG 2000 image of {data.length} bytes is too slow to decode.")
    stream = read_codestream(reader, data)
    if stream.size != (width, height):
        raise Undecodable(f"The data of the JPEG 2000 file says {stream.size}.")
    return [*boxes, Box(b"jp2c", 0, data)], stream


def _has_alpha(reader: ByteReader, boxes: list[Box], stream: Codestream) -> bool:
    for box in boxes:
        if box.type == b"pclr":
            return reader.number(box.content.offset + 2, 1) > 3
    return len(stream.depths) in (2, 4) and _color(reader, boxes) != _CMYK


def _color(reader: ByteReader, boxes: list[Box]) -> int | None:
    """Return the number of the colour space; None if a profile has it instead."""
    for box in boxes:
        if box.type == b"colr" and reader.number(box.content.offset, 1) == _ENUMERATED:
            return reader.number(box.content.offset + 3, 4)
    return None


def _find_profile(reader: ByteReader, boxes: list[Box]) -> tuple[Span, ...]:
    for box in boxes:
        if box.type == b"colr" and reader.number(box.content.offset, 1) == _RESTRICTED:
            return (Span(box.content.offset + 3, max(box.content.length - 3, 0)),)
    return ()


def _file(reader: ByteReader, boxes: list[Box], stream: Codestream) -> Iterator[Part]:
    """Yield the file with the boxes that a decoder needs, and no comments."""
    kept = [box for box in boxes if box.type in _KEPT]
    if sum(box.content.length for box in kept) > _MAX_COLOR_BYTES:
        raise UnsupportedType("The JPEG 2000 file has a header that is too large.")
    color = _color(reader, boxes) or (_GREY if len(stream.depths) < 3 else _SRGB)
    inner = [_box(box.type, reader.exact(*box.content)) for box in kept]
    inner.append(_box(b"colr", bytes((_ENUMERATED, 0, 0)) + color.to_bytes(4, "big")))
    yield _SIGNATURE + _BRANDS + _box(b"jp2h", b"".join(inner))
    yield from _data(boxes, stream)


def _data(boxes: list[Box], stream: Codestream) -> Iterator[Part]:
    """Yield the box of the codestream, with zeros in place of comments."""
    at = boxes[-1].content.offset
    yield (8 + stream.end - at).to_bytes(4, "big") + b"jp2c"
    for comment in stream.comments:
        yield Span(at, comment.offset - at)
        yield from zeros(comment.length)
        at = comment.offset + comment.length
    yield Span(at, stream.end - at)


def _box(type: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + type + content


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield the header boxes with the colours as they were, and the data without comments."""
    boxes, stream = _read_boxes(reader, SourceLimits(pixels=header.width * header.height * 4))
    inner: list[Part] = []
    for box in boxes:
        if box.type in (*_KEPT, b"colr"):
            inner += [(8 + box.content.length).to_bytes(4, "big") + box.type, box.content]
    yield _SIGNATURE + _BRANDS
    yield (8 + sum(map(part_length, inner))).to_bytes(4, "big") + b"jp2h"
    yield from inner
    yield from _data(boxes, stream)


JP2: Final = ImageFormat(
    _FORMAT, "shift_media.imaging.engine.jp2:Jp2Picture", _read_header, _stripped_parts
)
