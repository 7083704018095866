"""EXIF: the orientation, read from any block however broken, and written into the smallest one."""

from __future__ import annotations

from typing import Final, Literal

from shift_media.imaging.formats.base import ByteReader, Span

_MAX_BYTES: Final = 65_536
"""How much of an EXIF block is read; in practice the first directory stands right at its start."""

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 1_000

_Order = Literal["little", "big"]


def read_orientation(reader: ByteReader, span: Span) -> int:
    """Return the orientation in an EXIF block of a file, as `parse_orientation` does."""
    return parse_orientation(reader.upto(span.offset, min(span.length, _MAX_BYTES)))


def parse_orientation(block: bytes) -> int:
    """Return the orientation in an EXIF block, 1 to 8; 1 without one or if the block is broken.

    TIFF 6.0, section 2: byte order, 42, offset of the first directory of 12-byte entries.
    """
    tiff = block.removeprefix(_PREFIX)
    order: _Order
    if tiff[:4] == b"II*\0":
        order = "little"
    elif tiff[:4] == b"MM\0*":
        order = "big"
    else:
        return 1
    at = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[at : at + 2], order)
    for index in range(min(count, _MAX_ENTRIES)):
        entry = tiff[at + 2 + 12 * index :][:12]
        if len(entry) < 12:
            break
        if int.from_bytes(entry[:2], order) == _ORIENTATION:
            return _value(entry, order)
    return 1


def _value(entry: bytes, order: _Order) -> int:
    length = {_SHORT: 2, _LONG: 4}.get(int.from_bytes(entry[2:4], order), 0)
    value = int.from_bytes(entry[8 : 8 + length], order)
    return value if 1 <= value <= 8 else 1


def orientation_block(orientation: int) -> bytes:
    """Return a TIFF of one directory with this one entry, 26 bytes, without the prefix of JPEG."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
