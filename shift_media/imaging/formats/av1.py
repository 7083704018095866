"""The sizes that AV1 data itself declares (AV1 specification, 5.3 to 5.5), whatever a box says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Span
from shift_media.imaging.formats.bits import Bits
from shift_media.imaging.formats.units import UnitBudget

_SEQUENCE_HEADER = 1
PADDING: Final = 15
PICTURE_UNITS: Final = frozenset((_SEQUENCE_HEADER, 2, 3, 4, 6, 7))
"""The types of units that make a picture (6.2.2): all but metadata, padding and tile lists."""
_HEAD_BYTES: Final = 512
"""Of a sequence header: more than all its operating points can take before the size."""
_TIERED_LEVEL = 7
"""The level above which an operating point has a bit for its tier (5.5.1)."""


class Unit(NamedTuple):
    """One unit (OBU): its type, where its header byte stands, and where its content lies."""

    type: int
    head: int
    content: Span


def frame_sizes(reader: ByteReader, budget: UnitBudget) -> Iterator[tuple[int, int]]:
    """Yield the largest frame width and height of every sequence header in the data."""
    for unit in units(reader, budget):
        if unit.type == _SEQUENCE_HEADER:
            start, length = unit.content
            yield _sequence_size(reader.upto(start, min(length, _HEAD_BYTES)))


def units(reader: ByteReader, budget: UnitBudget) -> Iterator[Unit]:
    """Yield the units of the data (5.3)."""
    at = 0
    while True:
        head = reader.upto(at, 10)
        if not head:
            return
        budget.take()
        type, extended, sized = head[0] >> 3 & 15, head[0] >> 2 & 1, head[0] >> 1 & 1
        start = 1 + extended
        length, width = _leb128(head[start:]) if sized else (reader.size - at - start, 0)
        content = Span(at + start + width, length)
        yield Unit(type, at, content)
        at = content.offset + length


def _leb128(content: bytes) -> tuple[int, int]:
    """Return a number of 7 bits a byte (4.10.5), and how many bytes it takes."""
    value = 0
    for index, byte in enumerate(content[:8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, index + 1
    raise Undecodable("The AV1 data has a broken length.")


def _sequence_size(content: bytes) -> tuple[int, int]:
    """Read a sequence header (5.5.1) as far as its width and height."""
    bits = Bits(content, "AV1 sequence header")
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced still picture header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(widths) + 1, bits.take(heights) + 1


def _skip_operating_points(bits: Bits) -> None:
    delay_length = 0
    if bits.take(1):  # timing info
        bits.take(64)
        if bits.take(1):
            bits.take_golomb()
        if bits.take(1):  # decoder model info
            delay_length = bits.take(5) + 1
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > _TIERED_LEVEL:
            bits.take(1)
        if delay_length and bits.take(1):
            bits.take(2 * delay_length + 1)
        if display_delay and bits.take(1):
            bits.take(4)
