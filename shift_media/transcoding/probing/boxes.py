"""The parts of MP4 and QuickTime files that a probe reads.

Source: ISO/IEC 14496-12, in which the box ``mdat`` has the media, ``free`` and ``skip`` have
nothing, and all others have what is known about the media. A fragmented file has a box ``moof``
before each ``mdat``, with the time at which it begins in ``tfdt``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from shift_media.transcoding.probing.sparse_copy import (
    MOST_PIECES,
    SparseCopy,
    find_last_pieces,
)

_MOST_BOXES: Final = 200  # Each may cost a request.
_SHORT: Final = 8
_LONG: Final = 16  # bytes of the header of a box whose size has 64 bits

_FIRST_TYPES: Final = frozenset((b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"))
_HOLES: Final = frozenset((b"mdat", b"free", b"skip"))
_FRAGMENT: Final = b"moof\0\0\0\x10mfhd"
_INDEX: Final = b"moov\0\0\0\x6cmvhd", b"moov\0\0\0\x78mvhd"  # of version 0 and 1
_DECODE_TIME: Final = b"tfdt"


def copy_boxes(copy: SparseCopy) -> bool:
    """Copy the parts that a probe reads; return False for a file of another kind."""
    copy.file.seek(0)
    if copy.file.read(_SHORT)[4:] not in _FIRST_TYPES:
        return False
    ranges = _header_ranges(copy)
    if ranges is None:
        return _copy_ends(copy)
    for first, end in [(0, copy.limits.heads[0]), *ranges]:
        copy.copy(first, end)
    return bool(ranges)


def _header_ranges(copy: SparseCopy) -> list[tuple[int, int]] | None:
    """Return the boxes that are no holes; None if there are too many."""
    ranges: list[tuple[int, int]] = []
    total = 0
    for number, (kind, first, end) in enumerate(_boxes(copy.file, copy.size)):
        total += 0 if kind in _HOLES else end - first
        if number >= _MOST_BOXES or total > copy.limits.headers:
            return None
        if kind not in _HOLES:
            ranges.append((first, end))
    return ranges


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, first byte and end of each box; the last one may be cut off."""
    first = 0
    while first + _SHORT <= size:
        file.seek(first)
        kind, length = _parse_header(file.read(_LONG))
        end = size if length == 0 else first + max(length, _SHORT)
        yield kind, first, min(end, size)
        first = end


def _parse_header(header: bytes) -> tuple[bytes, int]:
    """Return type and length of a box; the length is 0 if it ends with the file."""
    length = int.from_bytes(header[:4], "big")
    return header[4:8], int.from_bytes(header[8:16], "big") if length == 1 else length


def _copy_ends(copy: SparseCopy) -> bool:
    """Copy the first and the last boxes of a file of many, with a box ``free`` between them."""
    for length in copy.limits.heads:
        head = list(_boxes_in(copy.read(0, length), 0))
        has_index = any(kind == b"moov" for kind, _, _ in head)
        marks, cut = ((_FRAGMENT,), b"moof") if has_index else (_INDEX, b"mdat")
        places = [first for kind, first, _ in head if kind == cut]
        if len(places) > 1:  # else the first frame may not be whole
            return _copy_tail(copy, places[-1], marks)
    return False


def _copy_tail(copy: SparseCopy, before: int, marks: tuple[bytes, ...]) -> bool:
    """Copy the last fragments, or the index, and mark the hole that ends with them."""
    for length in copy.limits.tails:
        begin = max(before, copy.size - length)
        place = find_last_pieces(copy.read(begin, copy.size), marks, 4, _is_chain)
        if place is not None and (hole := begin + place - before) >= _LONG:
            copy.fill(before, b"\0\0\0\1free" + hole.to_bytes(8, "big"))
            return True
    return False


def _boxes_in(content: bytes, first: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(MOST_PIECES):
        if first + _SHORT > len(content):
            return
        kind, length = _parse_header(content[first : first + _LONG])
        end = len(content) if length == 0 else first + max(length, _SHORT)
        yield kind, first, end
        first = end


def _is_chain(tail: bytes, first: int) -> bool:
    """Return True if boxes follow each other to the end of a file, and say their times."""
    kind, length = _parse_header(tail[first : first + _LONG])
    if kind == b"moof" and _DECODE_TIME not in tail[first : first + length]:
        return False
    kinds, _, ends = zip(*_boxes_in(tail, first), strict=True)
    named = all(kind.isascii() and kind.isalnum() for kind in kinds)
    return named and ends[-1] + _SHORT > len(tail)
