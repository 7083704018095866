"""The chunks of a PNG (PNG third edition, section 5), and the length of its rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Chunk, Span, truncated

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
IEND: Final = b"\0\0\0\0IEND\xaeB`\x82"
WINDOW: Final = 1_000_000
"""Bytes that are inflated at once, so that a bomb costs no memory."""
_MAX_CHUNKS: Final = 100_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ONE_PASS = ((0, 0, 1, 1),)
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Left, top and steps of the passes of an interlaced image (8.2)."""


def chunks(reader: ByteReader) -> Iterator[Chunk]:
    """Yield the chunks to the end of the image, or of the file if image data came before."""
    at = len(SIGNATURE)
    data = False
    for _ in range(_MAX_CHUNKS):
        head = reader.upto(at, 8)
        if len(head) < 8:
            if data:
                return
            raise truncated(at)
        length, type = int.from_bytes(head[:4], "big"), head[4:]
        if not type.isalpha():
            if data:
                return
            raise Undecodable(f"There is no PNG chunk at byte {at}.")
        if at + 8 + length > reader.size and not data:
            raise truncated(at)
        data = data or type == b"IDAT"
        yield Chunk(type, Span(at + 8, length), Span(at, length + 12))
        if type == b"IEND":
            return
        at += length + 12
    raise Undecodable(f"The PNG has more than {_MAX_CHUNKS} chunks.")


def raw_length(header: bytes) -> int:
    """Return the bytes of all scanlines with their filter bytes (sections 7.2 and 8)."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS[header[9]]
    total = 0
    for left, top, step_x, step_y in _ADAM7 if header[12] else _ONE_PASS:
        columns = (width - left + step_x - 1) // step_x
        rows = (height - top + step_y - 1) // step_y
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def whole_chunk(type: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and its checksum."""
    checksum = zlib.crc32(type + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + type + content + checksum
