"""The colour space of a PNG: cICP, else iCCP, else sRGB, else gAMA with cHRM (PNG, section 4.3).

A chunk that is damaged, repeated or of a wrong length counts as absent, as in browsers.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.imaging.formats import colors
from shift_media.imaging.formats.base import ByteReader, Chunk
from shift_media.imaging.formats.colors import ColorSpace, Gamut, Point

LENGTHS: Final[Mapping[bytes, int]] = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
"""The chunks that say it in numbers, and the bytes of their content."""

_UNIT: Final = 100_000
"""The numbers of gAMA and cHRM are multiples of its inverse."""
_INTENTS: Final = 4
_DIGITS: Final = 9
"""Decimal places of what is compared with zero: more than rounding errors of floats reach."""
_DISPLAY_GAMMA: Final = 2.2
_GAMMA_TOLERANCE: Final = 0.05
"""How far a gamma without primaries may be from that of sRGB without being one of its own."""


def read_content(reader: ByteReader, chunk: Chunk) -> bytes | None:
    """Return the content of a chunk of `LENGTHS`; None if its length or its checksum is wrong."""
    length = LENGTHS[chunk.type]
    content = reader.upto(chunk.content.offset, length + 4)
    checksum = zlib.crc32(chunk.type + content[:-4]).to_bytes(4, "big")
    if chunk.content.length != length or content[-4:] != checksum:
        return None
    return content[:-4]


def has_cicp(chunks: Mapping[bytes, bytes]) -> bool:
    """Return True if cICP gives the colour space, before any profile.

    Raises `UnsupportedType` for one that browsers do not show.
    """
    if b"cICP" not in chunks:
        return False
    primaries, transfer, matrix, full_range = chunks[b"cICP"]
    if matrix != 0 or full_range > 1:
        raise UnsupportedType("The PNG has cICP values that are not allowed (PNG, 11.3.2.6).")
    if full_range == 0 or primaries not in colors.GAMUTS:
        return False
    colors.refuse_hdr("PNG", transfer)
    return transfer in colors.CURVES


def read_color_space(chunks: Mapping[bytes, bytes]) -> ColorSpace | None:
    """Return the colour space of the contents of these chunks, by their types; None for sRGB."""
    if has_cicp(chunks):
        primaries, transfer, *_ = chunks[b"cICP"]
        return colors.color_space(colors.GAMUTS[primaries], colors.CURVES[transfer])
    if chunks.get(b"sRGB", b"\xff")[0] < _INTENTS:
        return None
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") / _UNIT
    if not gamma:
        return None
    if b"cHRM" not in chunks:
        if abs(gamma * _DISPLAY_GAMMA - 1) <= _GAMMA_TOLERANCE:
            return None
        return colors.color_space(colors.SRGB_GAMUT, colors.power(1 / gamma))
    gamut = _read_gamut(chunks[b"cHRM"])
    return None if gamut is None else colors.color_space(gamut, colors.power(1 / gamma))


def _read_gamut(content: bytes) -> Gamut | None:
    """Return white, red, green and blue; None if they span no gamut.

    Raises `Undecodable` for a white from which no colour can be adapted, because one of the eye's
    responses to it is zero. Browsers show such a picture in arbitrary colours.
    """
    values = [int.from_bytes(content[at : at + 4], "big") / _UNIT for at in range(0, 32, 4)]
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    if max(values) > 1 or not white[1] or not _area(red, green, blue):
        return None
    if not all(round(response, _DIGITS) for response in colors.white_responses(white)):
        raise Undecodable(f"The PNG says {white} of its white (cHRM), which is none.")
    return white, red, green, blue


def _area(red: Point, green: Point, blue: Point) -> float:
    """Return twice the area of the triangle, rounded."""
    right, up = (green[0] - red[0], green[1] - red[1]), (blue[0] - red[0], blue[1] - red[1])
    return round(right[0] * up[1] - right[1] * up[0], _DIGITS)
