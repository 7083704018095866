"""The boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Span, truncated

_MAX_BOXES: Final = 10_000
_MAX_ALL_BOXES: Final = 50_000
"""Within one box and in all, against files of empty boxes; those of cameras have some tens."""
_TYPE: Final = re.compile(rb"[ -~]{4}")
"""The type of a box: printable characters."""


class Box(NamedTuple):
    """One box: its type, where the type stands, and where the content lies."""

    type: bytes
    name: int
    content: Span

    @property
    def end(self) -> int:
        """The byte after the box."""
        return self.content.offset + self.content.length


def boxes(reader: ByteReader, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two bytes; raise `Undecodable` if one reaches past the end."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        box = _read_box(reader, at, end)
        if box is None:
            raise truncated(at)
        reader.boxes += 1
        if reader.boxes > _MAX_ALL_BOXES:
            raise Undecodable(f"The file has more than {_MAX_ALL_BOXES} boxes.")
        yield box
        at = box.end
    raise Undecodable(f"The file has more than {_MAX_BOXES} boxes.")


def complete_boxes(reader: ByteReader) -> list[Box]:
    """Return the boxes of a file as far as they are complete.

    What follows is a box that was cut short, or bytes that were appended to the file.
    """
    found: list[Box] = []
    at = 0
    while at + 8 <= reader.size and len(found) < _MAX_BOXES:
        box = _read_box(reader, at, reader.size)
        if box is None or not _TYPE.fullmatch(box.type):
            break
        found.append(box)
        at = box.end
    return found


def _read_box(reader: ByteReader, at: int, end: int) -> Box | None:
    """Return the box at a byte; None if it reaches past the end."""
    head = reader.exact(at, 8)
    size, skip = int.from_bytes(head[:4], "big"), 8
    if size == 1:  # the size is 64 bits and stands behind the type
        size, skip = int.from_bytes(reader.upto(at + 8, 8), "big"), 16
    elif size == 0:  # the last box, which reaches to the end
        size = end - at
    if size < skip or at + size > end:
        return None
    return Box(head[4:], at + 4, Span(at + skip, size - skip))


def inner_boxes(reader: ByteReader, box: Box, skip: int = 0) -> Iterator[Box]:
    """Yield the boxes inside a box, after ``skip`` bytes of its own fields."""
    return boxes(reader, box.content.offset + skip, box.content.offset + box.content.length)


class Fields:
    """The fields of a box, read one after the other."""

    def __init__(self, reader: ByteReader, span: Span) -> None:
        self._content = reader.exact(span.offset, span.length)
        self.at = 0

    def take(self, length: int) -> int:
        """Read an unsigned number of ``length`` bytes; raise `Undecodable` if the box ends."""
        end = self.at + length
        if end > len(self._content):
            raise Undecodable("A box of the file is shorter than its fields.")
        value = int.from_bytes(self._content[self.at : end], "big")
        self.at = end
        return value
