"""BMP: the two headers before the pixels (Microsoft, "Bitmap storage")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shift_media.core.errors import TooManyPixels, Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    kept_parts,
    truncated,
)

_FORMAT: Final = BY_EXTENSION["bmp"]

FILE_HEADER: Final = 14
_CORE: Final = 12
_INFO: Final = 40
_WITH_ALPHA: Final = 56
_V5: Final = 124
"""Lengths of the second header, by which its version is told; from `_WITH_ALPHA` it has masks."""
_DEPTHS: Final = (1, 4, 8, 16, 24, 32)
_RAW, _RLE8, _RLE4, _MASKS = range(4)
"""Kinds of compression."""
_RUN_DEPTHS: Final = {_RLE8: 8, _RLE4: 4}
_MAX_RUNS: Final = 2_000_000
_MAX_RUN_PIXELS: Final = 4_000_000
"""Bytes and pixels of run lengths, which Pillow decodes in Python: up to a second."""
_EMBEDDED: Final = b"DEBM"


@dataclass(frozen=True, slots=True)
class Bitmap:
    """The headers of a bitmap, of which a BMP and an icon are made.

    Attributes:
        size: width and height in pixels, as the header says.
        bits: of a pixel.
        compression: one of the kinds.
        tables: bytes from the beginning of the file up to the end of masks and palette.
        pixels: where the pixels begin.
    """

    size: tuple[int, int]
    bits: int
    compression: int
    tables: int
    pixels: int

    @property
    def data_length(self) -> int:
        """Bytes of all rows, each of whole words of 32 bits."""
        return (self.size[0] * self.bits + 31) // 32 * 4 * self.size[1]


def read_bitmap(reader: ByteReader) -> Bitmap:
    """Read both headers; raise `Undecodable` or `UnsupportedType`."""
    length = reader.number(FILE_HEADER, 4, "little")
    if length == _CORE:
        width, height = reader.number(18, 2, "little"), reader.number(20, 2, "little")
        bits, compression, entry, colors = reader.number(24, 2, "little"), _RAW, 3, 0
    else:
        width = reader.number(18, 4, "little")
        # A negative height means that the rows begin at the top.
        height = abs(int.from_bytes(reader.exact(22, 4), "little", signed=True))
        bits, compression = reader.number(28, 2, "little"), reader.number(30, 4, "little")
        entry, colors = 4, reader.number(46, 4, "little")
    if not width or not height:
        raise Undecodable(f"The BMP header says {width}x{height}.")
    if bits not in _DEPTHS or compression > _MASKS:
        raise UnsupportedType(f"A BMP of {bits} bits and compression {compression} is not known.")
    if bits != _RUN_DEPTHS.get(compression, bits):
        raise Undecodable(f"The BMP has run lengths of {bits} bits.")
    tables = FILE_HEADER + length + (12 if compression == _MASKS and length == _INFO else 0)
    palette = entry * (colors or 1 << bits) if bits <= 8 else 0
    if palette > entry << bits and bits <= 8:
        raise Undecodable(f"The BMP has a palette of {colors} colours for {bits} bits.")
    pixels = reader.number(10, 4, "little")
    if palette and pixels == FILE_HEADER + length:
        pixels += palette  # some writers leave the palette out of the offset
    return Bitmap((width, height), bits, compression, tables + palette, pixels)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the headers; see `ImageFormat`."""
    bitmap = read_bitmap(reader)
    width, height = bitmap.size
    limits.check(_FORMAT, width, height)
    profile = _find_profile(reader)
    if bitmap.pixels < bitmap.tables:
        raise Undecodable("The pixels of the BMP begin within its header.")
    parts = (Span(0, bitmap.pixels + _data_length(reader, bitmap)),)
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        has_alpha=_has_alpha(reader, bitmap),
        parts=parts,
        still=parts,
        profile=profile,
    )


def _data_length(reader: ByteReader, bitmap: Bitmap) -> int:
    """Return the bytes of the pixels; raise `Undecodable` if the file has fewer."""
    left = reader.size - bitmap.pixels
    if bitmap.compression not in _RUN_DEPTHS:
        if bitmap.data_length > left:
            raise truncated(reader.size)
        return bitmap.data_length
    length = reader.number(34, 4, "little") or left
    if length > left:
        raise truncated(reader.size)
    if length > _MAX_RUNS:
        raise UnsupportedType(f"A BMP with {length} bytes of run lengths is too slow to decode.")
    if bitmap.size[0] * bitmap.size[1] > _MAX_RUN_PIXELS:
        raise TooManyPixels(f"A BMP of run lengths may have {_MAX_RUN_PIXELS} pixels.")
    return length


def _has_alpha(reader: ByteReader, bitmap: Bitmap) -> bool:
    length = reader.number(FILE_HEADER, 4, "little")
    if bitmap.compression != _MASKS or bitmap.bits != 32:
        return False
    masks = reader.exact(54, 16 if length >= _WITH_ALPHA else 12)
    return not any(masks) or any(masks[12:])


def _find_profile(reader: ByteReader) -> tuple[Span, ...]:
    """Find the ICC profile that the fifth version of the header may have."""
    if reader.number(FILE_HEADER, 4, "little") < _V5 or reader.exact(70, 4) != _EMBEDDED:
        return ()
    offset = FILE_HEADER + reader.number(126, 4, "little")
    span = Span(offset, reader.number(130, 4, "little"))
    return (span,) if offset + span.length <= reader.size else ()


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield headers, palette, pixels and profile, each where it was, and zeros between them."""
    bitmap = read_bitmap(reader)
    pixels = Span(bitmap.pixels, _data_length(reader, bitmap))
    return kept_parts([Span(0, bitmap.tables), pixels, *header.profile])


BMP: Final = ImageFormat(_FORMAT, "PIL.BmpImagePlugin:BmpImageFile", _read_header, _stripped_parts)
