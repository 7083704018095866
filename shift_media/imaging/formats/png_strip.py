"""PNG without metadata: the chunks that make the picture, and of those nothing behind their data.

Each data stream is inflated once, in pieces, to find its end. Its pixels are not decoded.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from shift_media.core.errors import NotStrippable, Undecodable
from shift_media.imaging.formats import exif, png_color
from shift_media.imaging.formats.base import ByteReader, Chunk, Header, Part, Span, truncated
from shift_media.imaging.formats.png_chunks import (
    IEND,
    SIGNATURE,
    WINDOW,
    chunks,
    raw_length,
    whole_chunk,
)
from shift_media.imaging.formats.png_tables import Tables

_LENGTHS: Final[Mapping[bytes, tuple[int, ...]]] = {
    b"mDCV": (24,),
    b"cLLI": (8,),
    b"sBIT": (1, 2, 3, 4),
    b"bKGD": (1, 2, 6),
    b"pHYs": (9,),
    b"acTL": (8,),
}
"""The bytes that the content of a chunk may have. Each of these chunks stays once."""
_SEQUENCE_BYTES: Final = 4
"""The number of an fdAT chunk, before its data."""
_ZLIB_HEAD: Final = 2
_ZLIB_TAIL: Final = 4
"""The checksum behind the deflated data (RFC 1950)."""


def stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield the chunks that make the picture.

    Raises `Undecodable` if one is cut short, and `NotStrippable` if bytes are hidden behind the
    last row of the picture, within its compressed data.
    """
    yield SIGNATURE
    seen: set[bytes] = set()
    size = bytes(13)
    tables = Tables(size)
    stream = _Stream(None)
    for chunk in chunks(reader):
        if chunk.whole.offset + chunk.whole.length > reader.size:
            raise truncated(chunk.whole.offset)
        if chunk.type == b"IHDR" and not seen:
            size = reader.exact(chunk.content.offset, 13)
            tables, stream = Tables(size), _Stream(raw_length(size))
            yield chunk.whole
            if header.orientation > 1:
                yield whole_chunk(b"eXIf", exif.orientation_block(header.orientation))
        elif chunk.type in (b"IDAT", b"fdAT"):
            yield from stream.cut(reader, chunk)
        elif chunk.type == b"fcTL" and chunk.content.length == 26:
            frame = reader.exact(chunk.content.offset + 4, 8) + size[8:]
            if b"IDAT" in seen:  # The first one may describe the default image.
                stream = _Stream(raw_length(frame))
            yield chunk.whole
        elif chunk.type == b"iCCP" and b"iCCP" not in seen:
            yield from _cut_profile(reader, chunk)
        elif _stays(reader, chunk, tables, seen):
            yield chunk.whole
        # Of the chunks about colours the next one may be the first that counts.
        seen |= {chunk.type} - png_color.LENGTHS.keys()
    yield IEND


def _stays(reader: ByteReader, chunk: Chunk, tables: Tables, seen: set[bytes]) -> bool:
    """Return True for a chunk without data streams that counts for the header reader, too."""
    if chunk.type in (b"PLTE", b"tRNS"):
        return b"IDAT" not in seen and tables.take(chunk.type, chunk.content.length)
    if chunk.type in seen:
        return False
    if chunk.type in png_color.LENGTHS:
        stays = png_color.read_content(reader, chunk) is not None
        seen |= {chunk.type} if stays else set()
        return stays
    return chunk.content.length in _LENGTHS.get(chunk.type, ())


class _Stream:
    """Compressed data, which may come in many chunks."""

    def __init__(self, raw_length: int | None) -> None:
        self._raw_left = raw_length
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._head, self._tail = _ZLIB_HEAD, _ZLIB_TAIL

    def cut(self, reader: ByteReader, chunk: Chunk) -> Iterator[Part]:
        """Yield a chunk of the stream as far as its data belong to it."""
        start = chunk.content.offset
        if chunk.type == b"fdAT":
            start += _SEQUENCE_BYTES
        end = chunk.content.offset + chunk.content.length
        kept = self._feed(reader, start, max(start, end))
        if start + kept >= end:
            yield chunk.whole
        elif kept or chunk.type == b"fdAT":  # whose numbers must have no gap
            content = Span(chunk.content.offset, start + kept - chunk.content.offset)
            yield from _rewritten(reader, chunk.type, content)

    def _feed(self, reader: ByteReader, start: int, end: int) -> int:
        """Inflate the bytes between two offsets; return how many belong to the stream."""
        at = start
        while at < end:
            if self._head:
                self._head, at = self._head - 1, at + 1
            elif self._inflater.eof:
                taken = min(self._tail, end - at)
                self._tail -= taken
                return at + taken - start
            else:
                piece = reader.upto(at, min(WINDOW, end - at))
                at += len(piece) - self._inflate(piece)
        return at - start

    def _inflate(self, piece: bytes) -> int:
        """Inflate a piece; return how many bytes of it lie behind the data."""
        while piece and not self._inflater.eof:
            try:
                raw = self._inflater.decompress(piece, WINDOW)
            except zlib.error as error:
                raise Undecodable(f"The data of the PNG are broken: {error}.") from error
            piece = self._inflater.unconsumed_tail
            if self._raw_left is not None:
                self._raw_left -= len(raw)
                if self._raw_left < 0:
                    raise NotStrippable(
                        "The PNG has bytes behind its last row. Save it again in an editor."
                    )
        return len(self._inflater.unused_data)


def _cut_profile(reader: ByteReader, chunk: Chunk) -> Iterator[Part]:
    """Yield a profile without bytes behind its data; nothing for one without a name."""
    name = reader.upto(chunk.content.offset, min(chunk.content.length, 81)).find(b"\0")
    if name < 0:
        return
    start = name + 2
    stream = _Stream(None)
    data = Chunk(
        chunk.type,
        Span(chunk.content.offset + start, max(0, chunk.content.length - start)),
        chunk.whole,
    )
    try:
        kept = stream._feed(reader, data.content.offset, sum(data.content))
    except Undecodable:
        return  # A broken profile changes no colour.
    if kept == data.content.length:
        yield chunk.whole
    else:
        yield from _rewritten(reader, chunk.type, Span(chunk.content.offset, start + kept))


def _rewritten(reader: ByteReader, type: bytes, content: Span) -> Iterator[Part]:
    """Yield a chunk with a part of the content that it had."""
    checksum = zlib.crc32(type)
    end = content.offset + content.length
    for at in range(content.offset, end, WINDOW):
        checksum = zlib.crc32(reader.upto(at, min(WINDOW, end - at)), checksum)
    yield content.length.to_bytes(4, "big") + type
    yield content
    yield checksum.to_bytes(4, "big")
