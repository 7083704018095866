"""EXIF: the orientation, read as browsers do, and written into the smallest block."""

from __future__ import annotations

from typing import Final

from shift_media.imaging.formats.base import ByteReader, Span

_PREFIX: Final = b"Exif\0\0"
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_ORDERS: Final = {b"II*\0": "little", b"MM\0*": "big"}


def read_orientation(reader: ByteReader, span: Span) -> int:
    """Return the orientation in an EXIF block, 1 to 8; 1 without one or if the block is broken.

    TIFF 6.0, section 2: byte order, 42, offset of the first directory of 12-byte entries. Only one
    value of 16 bits is an orientation, as EXIF and browsers have it.
    """
    block = _Block(reader, span)
    order = _ORDERS.get(block.read(0, 4))
    if order is None:
        return 1
    at = block.number(4, 4, order)
    for index in range(block.number(at, 2, order)):
        entry = at + 2 + 12 * index
        if len(block.read(entry, 12)) < 12:
            break
        if block.number(entry, 2, order) == _ORIENTATION:
            is_short = block.number(entry + 2, 2, order) == _SHORT
            is_single = block.number(entry + 4, 4, order) == 1
            value = block.number(entry + 8, 2, order)
            return value if is_short and is_single and 1 <= value <= 8 else 1
    return 1


class _Block:
    """The bytes of an EXIF block, of which none behind its end are read."""

    def __init__(self, reader: ByteReader, span: Span) -> None:
        self._reader = reader
        self._span = span

    def read(self, at: int, length: int) -> bytes:
        length = min(length, self._span.length - at)
        return self._reader.upto(self._span.offset + at, length) if length > 0 else b""

    def number(self, at: int, length: int, order: str) -> int:
        return int.from_bytes(self.read(at, length), "little" if order == "little" else "big")


def skip_prefix(reader: ByteReader, span: Span) -> Span:
    """Return a block without the prefix that JPEG has, which some encoders write in WebP too."""
    if reader.upto(span.offset, min(len(_PREFIX), span.length)) != _PREFIX:
        return span
    return Span(span.offset + len(_PREFIX), span.length - len(_PREFIX))


def orientation_block(orientation: int) -> bytes:
    """Return a TIFF of one directory with this one entry, 26 bytes, without the prefix of JPEG."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
