"""Copies of large videos of which only the parts that a probe reads are there.

A file in a bucket is read by ranges, and its copy has holes. Source: ISO/IEC 14496-12, in which
the box ``mdat`` has the media, ``free`` and ``skip`` have nothing, and all others have what is
known about the media.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

_CHUNK: Final = 1 << 20
_HEAD_BYTES: Final = 16 << 20  # has the first frame, which is decoded
_MOST_HEADER_BYTES: Final = 256 << 20
_MOST_BOXES: Final = 200  # A file of more fragments is read whole.
_LONG: Final = 16  # bytes of the header of a box whose size has 64 bits

_FIRST_TYPES: Final = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"))
_HOLES: Final = frozenset((b"mdat", b"free", b"skip"))

Range = tuple[int, int]
"""The first byte of a part, and the one behind it."""


def copy_sparsely(file: BinaryIO, target: BinaryIO, size: int) -> bool:
    """Copy the beginning and the headers of a video; return False if it has to be read whole."""
    ranges = _header_ranges(file, size)
    if ranges is None:
        return False
    target.truncate(size)
    for first, end in [(0, min(_HEAD_BYTES, size)), *ranges]:
        file.seek(first)
        target.seek(first)
        left = end - first
        while left and (chunk := file.read(min(_CHUNK, left))):
            target.write(chunk)
            left -= len(chunk)
    return True


def _header_ranges(file: BinaryIO, size: int) -> list[Range] | None:
    """Return the boxes that a probe reads; None for a file of another kind."""
    ranges: list[Range] = []
    total = 0
    for number, (kind, first, end) in enumerate(_boxes(file, size)):
        total += 0 if kind in _HOLES else end - first
        unknown = number == 0 and kind not in _FIRST_TYPES
        if unknown or number >= _MOST_BOXES or total > _MOST_HEADER_BYTES:
            return None
        if kind not in _HOLES:
            ranges.append((first, end))
    return ranges or None


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, first byte and end of each box; the last one may be cut off."""
    first = 0
    while first + _LONG // 2 <= size:
        file.seek(first)
        header = file.read(_LONG)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        end = size if length == 0 else first + max(length, _LONG // 2)
        yield kind, first, min(end, size)
        first = end
