"""The sizes that HEVC data itself declares (H.265), whatever a box says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Span
from shift_media.imaging.formats.bits import Bits
from shift_media.imaging.formats.bmff import Fields
from shift_media.imaging.formats.units import UnitBudget

_PARAMETER_SETS: Final = 33
"""The type of a unit with a sequence parameter set (H.265, table 7-1)."""
_LAST_PICTURE: Final = 31
"""The last of the types of units with a part of a picture."""
PICTURE_UNITS: Final = frozenset(range(39))
"""The types of units that make a picture or hold nothing; what follows are messages (SEI)."""
MESSAGES: Final = (39, 40)
_UNIT_HEAD: Final = 2
_EMPTY: Final = 38
"""The type of a unit that holds nothing."""
_FILLER: Final = 3
"""The type of a message that holds nothing."""
_MAX_CONFIGURATION: Final = 65_536
_SET_BYTES: Final = 512
"""Of a sequence parameter set: more than all before its size can take."""
_GENERAL_PROFILE: Final = 96
"""Bits of the profile and the level that every set has (7.3.3)."""
_MAX_SUB_LAYERS: Final = 6


@dataclass(frozen=True, slots=True)
class Configuration:
    """The content of an `hvcC` box (ISO/IEC 14496-15, 8.3.3.1).

    Attributes:
        length_size: bytes of the length before each unit of the data.
        sizes: width and height of each sequence parameter set.
        messages: where units lie that make no picture.
    """

    length_size: int
    sizes: tuple[tuple[int, int], ...]
    messages: tuple[Span, ...]


class HevcUnit(NamedTuple):
    """A unit of HEVC data: its type, its layer, and where it lies with its head."""

    type: int
    layer: int
    span: Span


def read_configuration(reader: ByteReader, span: Span, budget: UnitBudget) -> Configuration:
    """Read the configuration of coded pictures; raise `Undecodable` if it is broken."""
    if span.length > _MAX_CONFIGURATION:
        raise Undecodable(f"The HEVC configuration has {span.length} bytes.")
    fields = Fields(reader, span)
    fields.take(21)
    length_size = (fields.take(1) & 3) + 1
    sizes: list[tuple[int, int]] = []
    messages: list[Span] = []
    for _ in range(fields.take(1)):
        fields.take(1)  # the type of the units in it, but a decoder believes their own heads
        for _ in range(fields.take(2)):
            budget.take()
            length = fields.take(2)
            unit = Span(span.offset + fields.at, length)
            fields.take(length)
            type = reader.number(unit.offset, 1) >> 1 & 0x3F if length else _EMPTY
            if type == _PARAMETER_SETS:
                sizes.append(_read_size(reader.exact(unit.offset, min(length, _SET_BYTES))))
            elif type not in PICTURE_UNITS:
                messages.append(unit)
    return Configuration(length_size, tuple(sizes), tuple(messages))


def units(reader: ByteReader, length_size: int, budget: UnitBudget) -> Iterator[HevcUnit]:
    """Yield the units of the data of one item; raise `Undecodable` if the last is cut short."""
    at = 0
    while at + length_size + _UNIT_HEAD <= reader.size:
        budget.take()
        span = Span(at + length_size, reader.number(at, length_size))
        at = span.offset + span.length
        if at > reader.size:
            raise Undecodable("The HEVC data ends within a unit.")
        head = reader.exact(span.offset, _UNIT_HEAD)
        yield HevcUnit(head[0] >> 1 & 0x3F, (head[0] & 1) << 5 | head[1] >> 3, span)


def picture_sizes(
    reader: ByteReader, length_size: int, budget: UnitBudget
) -> Iterator[tuple[int, int]]:
    """Yield width and height of each parameter set inside the data of one picture.

    Raises `Undecodable` for data without a picture, or with several, which would each be decoded.
    """
    pictures = 0
    for type, layer, span in units(reader, length_size, budget):
        if type == _PARAMETER_SETS:
            yield _read_size(reader.upto(span.offset, min(span.length, _SET_BYTES)))
        elif type <= _LAST_PICTURE and layer == 0:
            # The first bit after the head is set in the first part of each picture (7.3.6.1).
            pictures += reader.number(span.offset + _UNIT_HEAD, 1) >> 7
    if pictures != 1:
        raise Undecodable(f"The HEVC data of one image has {pictures} pictures.")


def filler_message(length: int) -> bytes:
    """Return the content of a message unit that says nothing, ``length`` bytes long (D.3.4).

    It may not be shorter than 3 bytes: a type, a size and the bit that ends the unit.
    """
    size = length - 3
    size -= (size + 1) // 256
    written = bytes((_FILLER,)) + b"\xff" * (size // 255) + bytes((size % 255,)) + b"\xff" * size
    if len(written) + 1 < length:  # a size of 255 takes a byte more than one of 254
        return bytes((_FILLER, 0)) + filler_message(length - 2)
    return written + b"\x80"


def _read_size(unit: bytes) -> tuple[int, int]:
    """Read a sequence parameter set (7.3.2.2.1) as far as its width and height."""
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"), "HEVC parameter set")
    bits.take(4)
    sub_layers = bits.take(3)
    bits.take(1 + _GENERAL_PROFILE)
    if sub_layers > _MAX_SUB_LAYERS:
        raise Undecodable("The HEVC parameter set has too many layers.")
    present = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.take(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.take(88 * has_profile + 8 * has_level)
    bits.take_golomb()  # its number
    if bits.take_golomb() == 3:  # chroma 4:4:4
        bits.take(1)
    width, height = bits.take_golomb(), bits.take_golomb()
    if not width or not height:
        raise Undecodable(f"The HEVC parameter set says {width}x{height}.")
    return width, height
