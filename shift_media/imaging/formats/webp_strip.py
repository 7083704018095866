"""WebP: image data, animation and profile stay, the RIFF container is written anew (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.imaging.formats import webp
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span
from shift_media.imaging.formats.exif_strip import block

_IMAGES: Final = (b"ALPH", b"VP8 ", b"VP8L")
_KEPT_FLAGS: Final = 0x20 | 0x10 | 0x02
"""Profile, transparency and animation."""
_EXIF_FLAG = 0x08
_FRAME_HEAD = 16


def parts(reader: ByteReader, header: Header) -> tuple[Part, ...]:
    """Give the whole file: its length stands in front."""
    kept = list(_kept(reader, header))
    length = 4 + _length(kept)
    return (b"RIFF" + length.to_bytes(4, "little") + b"WEBP", *kept)


def _kept(reader: ByteReader, header: Header) -> Iterator[Part]:
    end = min(8 + reader.number(4, 4, "little"), reader.size)
    extended = False
    for chunk in webp.chunks(reader, 12, end):
        if chunk.type == b"VP8X" and not extended:
            extended = True
            yield _extended(reader, chunk, header.orientation)
        elif chunk.type in (b"ICCP", b"ANIM"):
            yield from _padded(chunk)
        elif chunk.type == b"ANMF":
            yield from _frame(reader, chunk)
        elif chunk.type in _IMAGES:
            yield from _padded(chunk)
            if not extended:
                return  # the simple format: one image, and nothing after it counts
    if header.orientation > 1:
        content = block(header.orientation)
        yield b"EXIF" + len(content).to_bytes(4, "little") + content


def _extended(reader: ByteReader, chunk: webp.RiffChunk, orientation: int) -> bytes:
    """Write the header of the extended format, with the flags of what is left."""
    head = reader.exact(chunk.content.offset, 10)
    flags = head[0] & _KEPT_FLAGS | (_EXIF_FLAG if orientation > 1 else 0)
    return b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + head[4:]


def _frame(reader: ByteReader, chunk: webp.RiffChunk) -> Iterator[Part]:
    """Write a frame of an animation with its image alone."""
    start, length = chunk.content
    inner: list[Part] = [reader.exact(start, _FRAME_HEAD)]
    for part in webp.chunks(reader, start + _FRAME_HEAD, start + length):
        if part.type in _IMAGES:
            inner += _padded(part)
    yield b"ANMF" + _length(inner).to_bytes(4, "little")
    yield from inner


def _padded(chunk: webp.RiffChunk) -> Iterator[Part]:
    """Give a chunk, and the byte that makes its length even."""
    yield Span(chunk.whole.offset, 8 + chunk.content.length)
    if chunk.content.length % 2:
        yield b"\0"


def _length(parts: list[Part]) -> int:
    return sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
