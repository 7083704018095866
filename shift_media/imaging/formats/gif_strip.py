"""GIF: frames, their times and the loop stay; comments, texts and XMP go (GIF89a)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats import gif
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span, truncated

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL: Final = b"\x21\xf9"
_LOOP: Final = b"\x21\xff\x0bNETSCAPE2.0\x03\x01"
_LOOP_BYTES = 19
_SCREEN = 13
_MAX_BLOCKS = 100_000


def parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Give the screen, the frames and the trailer; raises `Undecodable` where one is cut short."""
    at = _SCREEN + gif.table_length(reader.number(10, 1))
    yield Span(0, at)
    for _ in range(_MAX_BLOCKS):
        block = reader.upto(at, 1)
        if not block or block[0] not in (_IMAGE, _EXTENSION):
            yield bytes((_TRAILER,))  # like decoders, over junk behind the last frame
            return
        if block[0] == _IMAGE:
            data = at + 10 + gif.table_length(reader.number(at + 9, 1)) + 1
            end = _end(reader, data)
            yield Span(at, end - at)
        else:
            end = _end(reader, at + 2)
            yield _extension(reader.upto(at, _LOOP_BYTES))
        at = end
    raise Undecodable(f"The GIF has more than {_MAX_BLOCKS} blocks.")


def _end(reader: ByteReader, at: int) -> int:
    """Find the end of the sub-blocks at a byte, which must have a terminator."""
    end = gif.skip_blocks(reader, at)
    if end == reader.size and _cut(reader, at):
        raise truncated(at)
    return end


def _cut(reader: ByteReader, at: int) -> bool:
    """Tell whether the file ends before these sub-blocks do."""
    while at < reader.size and (length := reader.number(at, 1)):
        at += length + 1
    return at >= reader.size


def _extension(head: bytes) -> bytes:
    """Write how the next frame is shown, or how often all are; nothing of other extensions."""
    if head.startswith(_CONTROL) and len(head) >= 7 and head[2] >= 4:
        return _CONTROL + b"\x04" + head[3:7] + b"\0"
    if head.startswith(_LOOP) and len(head) == _LOOP_BYTES:
        return head[:18] + b"\0"
    return b""
