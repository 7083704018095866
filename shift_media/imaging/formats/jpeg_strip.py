"""JPEG: tables, frames and scans stay; of the application segments only what decodes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats import jpeg
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span, truncated
from shift_media.imaging.formats.exif_strip import block

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_TABLES: Final = frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD))
"""DHT, DAC, DQT, DNL and DRI."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_RESERVED: Final = range(0x02, 0xC0)
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_JFIF_BYTES, _ADOBE_BYTES = 12, 12
_ICC_HEAD = 18
"""Bytes before the profile in its segment: marker, length, name, number and count."""
_MAX_SEGMENTS = 10_000


def parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Give what is kept, to the end of the image; raises `Undecodable` where that is missing."""
    yield b"\xff\xd8"
    exif = _exif(header.orientation)
    for marker, span in _walk(reader):
        if exif and marker != _APP0:
            yield exif
            exif = b""
        if marker in _FRAMES or marker in _TABLES or marker == _SOS:
            yield span
        elif marker in (_APP0, _APP14):
            yield _decoding(marker, reader.exact(span.offset + 4, span.length - 4))
        elif marker == _APP2 and _is_profile(span, header):
            yield span
    yield b"\xff\xd9"


def _walk(reader: ByteReader) -> Iterator[jpeg.Segment]:
    """Walk all segments to the end of the image; those of scans are given with their data."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at, marker = jpeg.next_marker(reader, at)
        if marker == _EOI:
            return
        if marker == _SOI or marker in _RESERVED:
            raise Undecodable(f"The JPEG has a marker {marker:#x} at byte {at}, out of place.")
        if marker in _BARE:
            at += 2
            continue
        end = at + 2 + reader.number(at + 2, 2)
        if end < at + 4 or end > reader.size:
            raise truncated(at)
        if marker == _SOS:
            end = _end_of_data(reader, end)
        yield jpeg.Segment(marker, Span(at, end - at))
        at = end
    raise Undecodable(f"The JPEG has more than {_MAX_SEGMENTS} segments.")


def _end_of_data(reader: ByteReader, start: int) -> int:
    end = jpeg.scan_end(reader, start)
    if end is None:
        raise truncated(start)
    return end


def _decoding(marker: int, content: bytes) -> bytes:
    """Rewrite the two segments that say which colours these are, without the thumbnail of one."""
    if marker == _APP0 and content.startswith(_JFIF) and len(content) >= _JFIF_BYTES:
        content = content[:_JFIF_BYTES] + b"\0\0"
    elif marker == _APP14 and content.startswith(_ADOBE) and len(content) >= _ADOBE_BYTES:
        content = content[:_ADOBE_BYTES]
    else:
        return b""
    return _segment(marker, content)


def _is_profile(span: Span, header: Header) -> bool:
    return any(part.offset == span.offset + _ICC_HEAD for part in header.profile)


def _exif(orientation: int) -> bytes:
    return _segment(_APP1, b"Exif\0\0" + block(orientation)) if orientation > 1 else b""


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
