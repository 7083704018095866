"""The codestream of JPEG 2000 (ISO/IEC 15444-1, annex A), walked to its end without decoding.

A few bytes can make a decoder hold structures for millions of tiles, precincts and code blocks, so
these are counted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.imaging.formats.base import ByteReader, Span, truncated
from shift_media.imaging.formats.bmff import Fields

_SOC, _SIZ, _COD, _COC, _COM = 0xFF4F, 0xFF51, 0xFF52, 0xFF53, 0xFF64
_SOT, _SOD, _EOC = 0xFF90, 0xFF93, 0xFFD9
_MAX_MARKERS: Final = 50_000
"""Segments and parts of tiles in the whole codestream."""
_MAX_TILES: Final = 2_000
_MAX_BLOCKS: Final = 250_000
"""Code blocks, and also precincts, that a decoder holds for a tile: 700 bytes each."""
_MAX_PACKETS: Final = 10_000_000
"""Layers × resolutions × components × precincts, of each of which a decoder keeps two bytes."""
_MAX_LEVELS: Final = 32
_MAX_COMPONENTS: Final = 4
_MAX_BITS: Final = 16
_LARGEST_PRECINCT: Final = 15
_TILE_HEAD: Final = 12

Size = tuple[int, int]


@dataclass(slots=True)
class Codestream:
    """The facts of a codestream.

    Attributes:
        size, offset: of the picture on its reference grid, in pixels.
        tile: width and height of a tile.
        tiles: how many there are.
        depths: bits of a sample, by component.
        levels: the fewest decompositions that a component of a tile has.
        layers, packets: the most that a style has: layers of quality, and packets of a layer.
        markers: how many were read.
        comments: where the contents of comments lie.
        end: the byte after the codestream.
    """

    size: Size
    offset: Size
    tile: Size
    tiles: int
    depths: tuple[int, ...]
    levels: int = _MAX_LEVELS
    layers: int = 1
    packets: int = 0
    markers: int = 0
    comments: list[Span] = field(default_factory=list)
    end: int = 0


def read_codestream(reader: ByteReader, span: Span) -> Codestream:
    """Read all headers; raise `Undecodable`, or `UnsupportedType` if decoding would cost much."""
    at, end = span.offset, span.offset + span.length
    if reader.number(at, 2) != _SOC or reader.number(at + 2, 2) != _SIZ:
        raise Undecodable("The JPEG 2000 data does not begin with its size.")
    found = _read_size(reader, at + 4)
    at = _read_segments(reader, at + 2, _SOT, found)
    seen: set[int] = set()
    while at + 2 <= end and reader.number(at, 2) != _EOC:
        at = _read_tile_part(reader, Span(at, end - at), found, seen)
    found.end = min(at + 2, end)
    if at > end or len(seen) != found.tiles:
        raise truncated(end)
    return found


def _read_size(reader: ByteReader, at: int) -> Codestream:
    fields = Fields(reader, Span(at, reader.number(at, 2)))
    fields.take(4)
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = (
        fields.take(4) for _ in range(8)
    )
    if not (left < right and top < bottom and tile_width and tile_height):
        raise Undecodable(f"The JPEG 2000 data says {right}x{bottom} less {left}x{top}.")
    if not (
        tile_left <= left < tile_left + tile_width and tile_top <= top < tile_top + tile_height
    ):
        raise Undecodable("The JPEG 2000 data has its first tile elsewhere than its picture.")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > _MAX_TILES:
        raise UnsupportedType(f"A JPEG 2000 image of {tiles} tiles is not decoded.")
    count = fields.take(2)
    if not 0 < count <= _MAX_COMPONENTS:
        raise UnsupportedType(f"A JPEG 2000 image of {count} components is not decoded.")
    depths = tuple((fields.take(1) & 0x7F, fields.take(2))[0] + 1 for _ in range(count))
    if max(depths) > _MAX_BITS:
        raise UnsupportedType(f"A JPEG 2000 image of {max(depths)} bits is not decoded.")
    tile = (min(tile_width, right - tile_left), min(tile_height, bottom - tile_top))
    return Codestream((right - left, bottom - top), (left, top), tile, tiles, depths)


def _read_segments(reader: ByteReader, at: int, last: int, found: Codestream) -> int:
    """Read the marker segments up to a marker, and return where it stands."""
    while True:
        marker = reader.number(at, 2)
        found.markers += 1
        if found.markers > _MAX_MARKERS:
            raise Undecodable(f"The JPEG 2000 data has more than {_MAX_MARKERS} segments.")
        if marker == last:
            return at
        if not 0xFF50 <= marker <= 0xFF6F and marker != 0xFF78:
            raise Undecodable(f"The JPEG 2000 data has an unknown marker {marker:04x}.")
        length = reader.number(at + 2, 2)
        content = Span(at + 4, length - 2)
        if length < 2:
            raise Undecodable("The JPEG 2000 data has a segment without a length.")
        if marker == _COD:
            _check_style(Fields(reader, content), found)
        elif marker == _COC:
            _check_component_style(Fields(reader, content), found)
        elif marker == _COM:
            found.comments.append(Span(content.offset + 2, max(content.length - 2, 0)))
        at += 2 + length


def _read_tile_part(reader: ByteReader, span: Span, found: Codestream, seen: set[int]) -> int:
    """Read the head of a part of a tile, and return where the part ends."""
    at, left = span
    if reader.number(at, 2) != _SOT:
        raise Undecodable("The JPEG 2000 data has something else between its tiles.")
    tile, length = reader.number(at + 4, 2), reader.number(at + 6, 4)
    if tile >= found.tiles:
        raise Undecodable(f"The JPEG 2000 data has a tile {tile} of {found.tiles}.")
    seen.add(tile)
    data = _read_segments(reader, at + _TILE_HEAD, _SOD, found) + 2
    if data > at + (length or left) or length > left:
        raise truncated(at)
    if length:
        return at + length
    # The last part may reach to the end marker.
    return at + left - 2 if reader.upto(at + left - 2, 2) == _EOC.to_bytes(2, "big") else at + left


def _check_style(fields: Fields, found: Codestream) -> None:
    has_precincts = fields.take(1) & 1
    fields.take(1)
    found.layers = max(found.layers, fields.take(2))
    fields.take(1)
    _check_blocks(fields, found, bool(has_precincts))


def _check_component_style(fields: Fields, found: Codestream) -> None:
    fields.take(1)
    has_precincts = fields.take(1) & 1
    _check_blocks(fields, found, bool(has_precincts))


def _check_blocks(fields: Fields, found: Codestream, has_precincts: bool) -> None:
    """Raise `UnsupportedType` for more blocks, precincts or packets than a photo can need.

    The layers of one segment hold for the precincts of others, so the most of both are counted.
    """
    levels = fields.take(1)
    width, height = fields.take(1) + 2, fields.take(1) + 2
    fields.take(2)
    if levels > _MAX_LEVELS or width + height > 12:
        raise Undecodable(f"The JPEG 2000 data has code blocks of 2^{width} x 2^{height}.")
    found.levels = min(found.levels, levels)
    precincts = [_read_precinct(fields, has_precincts) for _ in range(levels + 1)]
    components = len(found.depths)
    blocks, most = 0, 0
    for count, inside in _count(found.tile, precincts, (width, height)):
        blocks += components * max(count, inside)
        most = max(most, count)
    found.packets = max(found.packets, (levels + 1) * components * most)
    packets = found.layers * found.packets
    if blocks > _MAX_BLOCKS or packets > _MAX_PACKETS:
        raise UnsupportedType(
            f"A JPEG 2000 image of {blocks} code blocks in a tile and {packets} packets is not "
            "decoded."
        )


def _read_precinct(fields: Fields, has_precincts: bool) -> Size:
    both = fields.take(1) if has_precincts else _LARGEST_PRECINCT * 17
    return both & 15, both >> 4


def _count(tile: Size, precincts: list[Size], block: Size) -> Iterator[tuple[int, int]]:
    """Yield the precincts and the code blocks of each resolution of a component (B.6, B.7)."""
    for resolution, precinct in enumerate(precincts):
        shift = len(precincts) - 1 - resolution
        halved = 1 if resolution else 0
        if min(precinct) < halved:
            raise Undecodable("The JPEG 2000 data has precincts without code blocks.")
        sides = [(side + (1 << shift) - 1) >> shift for side in tile]
        count = inside = 1
        for side, large, small in zip(sides, precinct, block, strict=True):
            count *= (side >> large) + 2
            inside *= (side >> min(small, large - halved)) + 2
        yield count, inside
