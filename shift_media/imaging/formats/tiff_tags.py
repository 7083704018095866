"""The first directory of a TIFF (TIFF 6.0, section 2; BigTIFF), read tag by tag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.imaging.formats.base import ByteReader, Span, truncated

Order = Literal["little", "big"]

SHORT, LONG, UNDEFINED = 3, 4, 7
_LONG8: Final = 16
_SIZES: Final = {1: 1, 2: 1, SHORT: 2, LONG: 4, 5: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8}
"""Bytes of a value, by its type."""
_NUMBERS: Final = {1: 1, SHORT: 2, LONG: 4, _LONG8: 8}
"""Bytes of a value that is an unsigned number, by its type."""
_MAX_ENTRIES: Final = 1_000
_MAX_VALUES: Final = 70_000
"""Values of one tag: a strip for each row of the tallest TIFF that other formats could hold."""
_MAX_BYTES: Final = 200_000
"""Bytes of a tag that is read as a whole."""


class TiffTag(NamedTuple):
    """One entry: the type of its values, how many they are, and where they lie."""

    type: int
    number: int
    span: Span


@dataclass(frozen=True, slots=True)
class TiffDirectory:
    """The entries of one directory.

    Attributes:
        order: of the bytes of all numbers.
        next: where the next directory lies; 0 without one.
    """

    reader: ByteReader
    order: Order
    tags: dict[int, TiffTag]
    next: int

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the numbers of a tag; raise `Undecodable` for values that are none."""
        entry = self.tags.get(tag)
        if entry is None:
            return default
        width = _NUMBERS.get(entry.type)
        if width is None or entry.number > _MAX_VALUES:
            raise Undecodable(f"The tag {tag} of the TIFF has {entry.number} values.")
        content = self.reader.exact(*entry.span)
        pieces = (content[at : at + width] for at in range(0, len(content), width))
        return tuple(int.from_bytes(piece, self.order) for piece in pieces)

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the first number of a tag; raise `Undecodable` if it is missing."""
        values = self.numbers(tag)
        if values:
            return values[0]
        if default is None:
            raise Undecodable(f"The TIFF has no tag {tag}.")
        return default

    def content(self, tag: int) -> bytes:
        """Return the bytes of the values of a tag; raise `Undecodable` if there are too many."""
        _, number, span = self.tags[tag]
        if max(number, span.length) > _MAX_BYTES:  # Values of an unknown type have no length.
            raise Undecodable(f"The tag {tag} of the TIFF has {number} values.")
        return self.reader.exact(*span)


def read_first(reader: ByteReader) -> TiffDirectory:
    """Read the header and the first directory; raise `Undecodable` if they are broken."""
    order, big = _read_order(reader)
    return read_directory(reader, order, reader.number(8 if big else 4, 8 if big else 4, order))


def read_directory(reader: ByteReader, order: Order, at: int) -> TiffDirectory:
    """Read one directory, of which the first entry of each tag counts."""
    _, big = _read_order(reader)
    width = 8 if big else 2
    count = reader.number(at, width, order)
    if not 0 < count <= _MAX_ENTRIES:
        raise Undecodable(f"The TIFF has a directory of {count} entries.")
    tags: dict[int, TiffTag] = {}
    at += width
    for _ in range(count):
        number, tag = _read_entry(reader, order, at, big=big)
        tags.setdefault(number, tag)
        at += 20 if big else 12
    next = int.from_bytes(reader.upto(at, 8 if big else 4), order)
    return TiffDirectory(reader, order, tags, next)


def later_directories(first: TiffDirectory) -> Iterator[TiffDirectory]:
    """Yield the directories after the first; raise `UnsupportedType` if they are in a circle."""
    seen, at = set[int](), first.next
    while at:
        if at in seen or len(seen) > _MAX_ENTRIES:
            raise UnsupportedType("The directories of the TIFF have no end.")
        seen.add(at)
        directory = read_directory(first.reader, first.order, at)
        yield directory
        at = directory.next


def _read_order(reader: ByteReader) -> tuple[Order, bool]:
    """Return the order of bytes, and whether offsets have 64 bits."""
    order: Order = "little" if reader.exact(0, 2) == b"II" else "big"
    return order, reader.number(2, 2, order) == 43


def _read_entry(reader: ByteReader, order: Order, at: int, *, big: bool) -> tuple[int, TiffTag]:
    width = 8 if big else 4
    number, type = reader.number(at, 2, order), reader.number(at + 2, 2, order)
    count = reader.number(at + 4, width, order)
    length = count * {**_SIZES, 11: 4, 12: 8, 13: 4, _LONG8: 8, 17: 8, 18: 8}.get(type, 0)
    place = at + 4 + width
    if length > width:
        place = reader.number(place, width, order)
    if place + length > reader.size:
        raise truncated(place)
    return number, TiffTag(type, count, Span(place, length))
