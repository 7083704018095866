"""The header of a JPEG XL codestream (ISO/IEC 18181-1, annexes A and D), which has no pixels.

It is read up to the colours; what follows is for the decoder alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.imaging.formats.colors import refuse_hdr

Size = tuple[int, int]

HEAD_BYTES: Final = 8192
"""Bytes of a codestream in which its header ends: extra channels may have long names."""
SIGNATURE: Final = b"\xff\x0a"

_SIDE: Final = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_SIDE: Final = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_EIGHTHS: Final = ((0, 16), (0, 32), (5, 1), (9, 33))
_ENUM: Final = ((0, 0), (0, 1), (4, 2), (6, 18))
"""Numbers of one of four kinds: how many bits are read, and what is added to them (B.2.1)."""
_RATIOS: Final = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width by height (D.2); 0 gives the width in numbers of its own."""

_MAX_EXTRA: Final = 4
"""Channels beside the colours, each of which takes the decoder 4 bytes a pixel."""
_ALPHA, _SPOT, _BLACK, _CFA = 0, 2, 4, 5
"""Types of extra channels (table D.7)."""
_GREY, _XYB = 1, 2
"""Colour spaces (table E.2)."""
_CUSTOM: Final = 2
_MAX_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class CodestreamHeader:
    """The facts of a codestream.

    Attributes:
        size: width and height as coded.
        orientation: 1 to 8 as in EXIF, which a decoder applies.
        bits: of a sample.
        grey: whether it has one channel of colours.
        alpha: whether it has transparency.
        premultiplied: whether its colours are multiplied by that, which a decoder leaves so.
        animated: whether it may have several frames, which it does not count.
    """

    size: Size
    orientation: int = 1
    bits: int = 8
    grey: bool = False
    alpha: bool = False
    premultiplied: bool = False
    animated: bool = False

    @property
    def upright_size(self) -> Size:
        """Width and height as decoded."""
        return self.size if self.orientation < 5 else (self.size[1], self.size[0])


class _Bits:
    """The bits of a header, least significant first (B.2)."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content, "little")
        self._count = 8 * len(content)
        self._at = 0

    def take(self, count: int) -> int:
        value = self._value >> self._at & (1 << count) - 1
        self._at += count
        if self._at > self._count:
            raise Undecodable("The header of the JPEG XL ends early.")
        return value

    def flag(self) -> bool:
        return self.take(1) == 1

    def number(self, kinds: tuple[tuple[int, int], ...]) -> int:
        bits, offset = kinds[self.take(2)]
        return offset + self.take(bits)

    def enum(self) -> int:
        return self.number(_ENUM)


def read_header(content: bytes) -> CodestreamHeader:
    """Return the header in the first `HEAD_BYTES` bytes of a codestream.

    Raises `Undecodable`, and `UnsupportedType` for what no decoder of this package shows as
    browsers do: floating point, a high dynamic range, and CMYK.
    """
    if not content.startswith(SIGNATURE):
        raise Undecodable("The JPEG XL has no codestream.")
    bits = _Bits(content[len(SIGNATURE) :])
    size = _read_size(bits)
    if bits.flag():  # all of the metadata is the default
        return CodestreamHeader(size)
    orientation, animated = _read_extra_fields(bits)
    depth = _read_depth(bits)
    bits.flag()  # whether 16 bits suffice for what is computed
    alpha, premultiplied = _read_extra_channels(bits)
    bits.flag()  # whether the colours are those of the eye, or those that the header names
    grey = _read_colors(bits)
    return CodestreamHeader(size, orientation, depth, grey, alpha, premultiplied, animated)


def _read_size(bits: _Bits) -> Size:
    """Read the size of the picture (D.2)."""
    in_eighths = bits.flag()
    height = 8 * (1 + bits.take(5)) if in_eighths else bits.number(_SIDE)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        width = height * across // down
    else:
        width = 8 * (1 + bits.take(5)) if in_eighths else bits.number(_SIDE)
    if not width:
        raise Undecodable(f"The JPEG XL says {width}x{height}.")
    return width, height


def _read_extra_fields(bits: _Bits) -> tuple[int, bool]:
    """Return the orientation, and whether the picture is animated (D.3)."""
    if not bits.flag():
        return 1, False
    orientation = 1 + bits.take(3)
    if bits.flag():
        _read_size(bits)  # at which it should be shown, which browsers ignore
    if bits.flag():
        _skip_preview_size(bits)
    animated = bits.flag()
    if animated:
        bits.number(((0, 100), (0, 1000), (10, 1), (30, 1)))
        bits.number(((0, 1), (0, 1001), (8, 1), (10, 1)))
        bits.number(((0, 0), (3, 0), (16, 0), (32, 0)))
        bits.flag()
    return orientation, animated


def _skip_preview_size(bits: _Bits) -> None:
    sides = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW_SIDE
    bits.number(sides)
    if not bits.take(3):
        bits.number(sides)


def _read_depth(bits: _Bits) -> int:
    """Return the bits of a sample (D.3.4)."""
    if bits.flag():
        raise UnsupportedType(
            "The JPEG XL has samples in floating point. Export it with integers of up to 16 bits."
        )
    depth = bits.number(((0, 8), (0, 10), (0, 12), (6, 1)))
    if depth > _MAX_BITS:
        raise UnsupportedType(f"The JPEG XL has {depth} bits a sample, at most 16 are decoded.")
    return depth


def _read_extra_channels(bits: _Bits) -> tuple[bool, bool]:
    """Return whether the picture is transparent, and multiplied by that (D.3.6)."""
    count = bits.number(((0, 0), (0, 1), (4, 2), (12, 1)))
    if count > _MAX_EXTRA:
        raise UnsupportedType(f"The JPEG XL has {count} extra channels, at most {_MAX_EXTRA} can.")
    channels = [_read_extra_channel(bits) for _ in range(count)]
    alphas = [is_multiplied for type, is_multiplied in channels if type == _ALPHA]
    return bool(alphas), bool(alphas) and alphas[0]


def _read_extra_channel(bits: _Bits) -> tuple[int, bool]:
    """Return the type of a channel, and whether the colours are multiplied by it."""
    if bits.flag():
        return _ALPHA, False
    type = bits.enum()
    _read_depth(bits)
    bits.number(((0, 0), (0, 3), (0, 4), (3, 1)))  # how often its sides are halved
    for _ in range(bits.number(((0, 0), (4, 0), (5, 16), (10, 48)))):
        bits.take(8)  # its name
    if type == _ALPHA:
        return type, bits.flag()
    if type == _SPOT:
        bits.take(64)
    elif type == _CFA:
        bits.number(((0, 1), (2, 0), (4, 3), (8, 19)))
    elif type == _BLACK:
        raise UnsupportedType("The JPEG XL has the colours of print (CMYK). Export it in sRGB.")
    return type, False


def _read_colors(bits: _Bits) -> bool:
    """Return True for grey; raise `UnsupportedType` for a high dynamic range (E.2)."""
    if bits.flag():  # sRGB
        return False
    has_profile = bits.flag()
    space = bits.enum()
    if not has_profile and space != _XYB:
        if bits.enum() == _CUSTOM:
            _skip_points(bits, 1)
        if space != _GREY and bits.enum() == _CUSTOM:
            _skip_points(bits, 3)
        if not bits.flag():  # no gamma
            refuse_hdr("JPEG XL", bits.enum())
    return space == _GREY


def _skip_points(bits: _Bits, count: int) -> None:
    for _ in range(2 * count):
        bits.number(((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152)))
