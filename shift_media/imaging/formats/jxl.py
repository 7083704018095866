"""JPEG XL: a codestream, alone or in the boxes of a container (ISO/IEC 18181-2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    append_part,
    check_byte_count,
    part_length,
)
from shift_media.imaging.formats.bmff import Box, complete_boxes
from shift_media.imaging.formats.jxl_codestream import (
    HEAD_BYTES,
    SIGNATURE,
    CodestreamHeader,
    read_header,
)
from shift_media.imaging.formats.segments import open_parts

_FORMAT: Final = BY_EXTENSION["jxl"]

_CONTAINER: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
_BRANDS: Final = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
_WHOLE, _PART = b"jxlc", b"jxlp"
_LAST: Final = 1 << 31
"""The bit in the number of the last part of a codestream (9.9)."""
_LEVEL_BYTES: Final = 1
_BYTE: Final = 8
_COSTLY: Final = 2
"""How often a pixel counts that has transparency or more than 8 bits a sample: 25 million of them
did not fit into the address space of the decoder."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the boxes and the header of the codestream; see `ImageFormat`.

    The decoder turns the picture upright by the orientation in the codestream, so the header has
    none. EXIF is ignored, as the standard says. The frames of an animation are not counted, and
    only the first is decoded.
    """
    parts = _codestream(reader)
    count = sum(map(part_length, parts))
    facts = read_header(open_parts(reader.file, parts).read(HEAD_BYTES))
    factor = _COSTLY if facts.alpha or facts.bits > _BYTE else 1
    limits.check_totals(_FORMAT, factor * facts.size[0] * facts.size[1], 1)
    check_byte_count(_FORMAT, count, facts.size[0] * facts.size[1])
    width, height = facts.upright_size
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        has_alpha=facts.alpha,
        parts=tuple(parts),
        still=tuple(parts),
        shrinks=True,
    )


def read_codestream_header(reader: ByteReader) -> CodestreamHeader:
    """Return the header of a file that is a codestream and nothing else."""
    return read_header(reader.upto(0, HEAD_BYTES))


def _codestream(reader: ByteReader) -> list[Part]:
    """Return the parts of the file that are the codestream; raise `Undecodable` if it has none."""
    if reader.upto(0, len(SIGNATURE)) == SIGNATURE:
        return [Span(0, reader.size)]
    parts: list[Part] = []
    for box in _data_boxes(reader):
        skip = 4 if box.type == _PART else 0
        append_part(parts, Span(box.content.offset + skip, box.content.length - skip))
    return parts


def _data_boxes(reader: ByteReader) -> list[Box]:
    """Return the boxes with the codestream: one, or parts with the numbers 0, 1, 2 … (9.9)."""
    found: list[Box] = []
    for box in complete_boxes(reader):
        if box.type == _WHOLE and not found:
            return [box]
        if box.type == _PART:
            number = reader.number(box.content.offset, 4)
            if number & ~_LAST != len(found) or box.content.length < 4:
                raise Undecodable("The JPEG XL has the parts of its codestream in a wrong order.")
            found.append(box)
            if number & _LAST:
                return found
    raise Undecodable("The JPEG XL ends before its codestream does.")


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield the codestream in the boxes that it was in, and none of the others.

    Among the others is what would restore the JPEG that was packed, with all of its metadata.
    """
    if reader.upto(0, len(SIGNATURE)) == SIGNATURE:
        yield Span(0, reader.size)
        return
    yield _CONTAINER + _BRANDS
    boxes = _data_boxes(reader)
    yield from _level(reader)
    for box in boxes:
        yield (8 + box.content.length).to_bytes(4, "big") + box.type
        yield box.content


def _level(reader: ByteReader) -> Iterator[bytes]:
    """Yield the box that says what a decoder has to be able to do, if there is one."""
    for box in complete_boxes(reader):
        if box.type == b"jxll" and box.content.length == _LEVEL_BYTES:
            yield b"\0\0\0\x09jxll" + reader.exact(*box.content)
            return


JXL: Final = ImageFormat(
    _FORMAT, "shift_media.imaging.engine.jxl:JxlPicture", _read_header, _stripped_parts
)
