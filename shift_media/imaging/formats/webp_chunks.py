"""The chunks of a WebP, and of the frames of an animated one (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Chunk, Part, Span, part_length, truncated

PROFILE, ALPHA, EXIF, ANIMATION = 0x20, 0x10, 0x08, 0x02
"""Flags of the extended format (2.7)."""
IMAGES: Final = (b"ALPH", b"VP8 ", b"VP8L")
BITSTREAMS: Final = (b"VP8 ", b"VP8L")
_VP8_MARK = b"\x9d\x01\x2a"
_VP8L_MARK = 0x2F
FIRST_CHUNK: Final = 12
FRAME_HEAD: Final = 16
"""Bytes before the chunks of a file, and before those of a frame."""
_MAX_CHUNKS: Final = 100_000


def riff_end(reader: ByteReader) -> int:
    """Return the byte behind the container, which may be followed by other bytes."""
    return min(8 + reader.number(4, 4, "little"), reader.size)


def chunks(reader: ByteReader, at: int, end: int) -> Iterator[Chunk]:
    """Yield the chunks between two bytes; raise `Undecodable` if one reaches past the end."""
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        head = reader.exact(at, 8)
        length = int.from_bytes(head[4:], "little")
        if at + 8 + length > reader.size:
            raise truncated(at)
        padded = min(8 + length + length % 2, reader.size - at)
        yield Chunk(head[:4], Span(at + 8, length), Span(at, padded))
        at += padded
    raise Undecodable(f"The WebP has more than {_MAX_CHUNKS} chunks.")


def frame_chunks(reader: ByteReader, chunk: Chunk) -> Iterator[Chunk]:
    """Yield the chunks inside a frame of an animation."""
    start, length = chunk.content
    return chunks(reader, start + FRAME_HEAD, start + length)


def read_bitstream(reader: ByteReader, chunk: Chunk) -> tuple[int, int, bool]:
    """Read width, height and alpha in the first bytes of a VP8 (RFC 6386, 9.1) or VP8L image."""
    head = reader.exact(chunk.content.offset, min(chunk.content.length, 10))
    if chunk.type == b"VP8 " and head[3:6] == _VP8_MARK and len(head) == 10:
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        width, height, alpha = size[0] & 0x3FFF, size[1] & 0x3FFF, False
    elif chunk.type == b"VP8L" and len(head) >= 5 and head[0] == _VP8L_MARK:
        bits = int.from_bytes(head[1:5], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    else:
        raise Undecodable("The WebP image data does not begin like VP8 or VP8L.")
    if not width or not height:
        raise Undecodable(f"The WebP image says {width}x{height}.")
    return width, height, alpha


def riff(parts: list[Part]) -> tuple[Part, ...]:
    """Put the header of the container, which holds its length, before the chunks."""
    length = 4 + sum(map(part_length, parts))
    return (b"RIFF" + length.to_bytes(4, "little") + b"WEBP", *parts)
