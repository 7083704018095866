"""PNG and APNG: the chunks that make the picture stay (PNG third edition, section 11)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from shift_media.imaging.formats import png
from shift_media.imaging.formats.base import ByteReader, Header, Part, truncated
from shift_media.imaging.formats.exif_strip import block

_KEPT: Final = frozenset(
    b"IHDR PLTE IDAT tRNS cHRM cICP gAMA iCCP mDCV cLLI sBIT sRGB bKGD pHYs acTL fcTL fdAT".split()
)


def parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Give the chunks that are kept; raises `Undecodable` where one is cut short."""
    yield png.SIGNATURE
    for chunk in png.chunks(reader):
        if chunk.type not in _KEPT:
            continue
        if chunk.whole.offset + chunk.whole.length > reader.size:
            raise truncated(chunk.whole.offset)
        yield chunk.whole
        if chunk.type == b"IHDR" and header.orientation > 1:
            yield _chunk(b"eXIf", block(header.orientation))
    yield png.IEND


def _chunk(type: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(type + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + type + content + checksum
