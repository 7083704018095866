"""WebP without metadata: image data, animation, profile and orientation, in a new container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import ByteReader, Chunk, Header, Part, Span, part_length
from shift_media.imaging.formats.webp_chunks import (
    ALPHA,
    ANIMATION,
    BITSTREAMS,
    EXIF,
    FIRST_CHUNK,
    FRAME_HEAD,
    IMAGES,
    PROFILE,
    chunks,
    frame_chunks,
    read_bitstream,
    riff,
    riff_end,
)

_ANIM_BYTES: Final = 6


def stripped_parts(reader: ByteReader, header: Header) -> tuple[Part, ...]:
    """Return image data, animation, profile and orientation in a container of their own."""
    return riff(list(_stripped_chunks(reader, header)))


def _stripped_chunks(reader: ByteReader, header: Header) -> Iterator[Part]:
    seen: set[bytes] = set()
    flags = 0
    for chunk in chunks(reader, FIRST_CHUNK, riff_end(reader)):
        if chunk.type == b"ANMF" and flags & ANIMATION:
            yield from _stripped_frame(reader, chunk)
        elif chunk.type in seen:
            continue
        elif chunk.type == b"VP8X":
            flags = reader.number(chunk.content.offset, 1)
            seen.clear()  # What stands before it was not announced, and does not count.
            yield _stripped_vp8x(reader, chunk, header.orientation)
        elif chunk.type == b"ICCP" and flags & PROFILE:
            yield from _padded(chunk)
        elif chunk.type == b"ANIM" and flags & ANIMATION:
            yield from _padded(chunk, min(chunk.content.length, _ANIM_BYTES))
        elif chunk.type in IMAGES and not flags & ANIMATION and _is_next(chunk, seen):
            yield from _padded(chunk)
            if not flags:
                return  # the simple format: one image, and nothing after it counts
        seen.add(chunk.type)
    if header.orientation > 1:
        content = exif.orientation_block(header.orientation)
        yield b"EXIF" + len(content).to_bytes(4, "little") + content


def _stripped_vp8x(reader: ByteReader, chunk: Chunk, orientation: int) -> bytes:
    """Write the header of the extended format, with the flags of what stays."""
    head = reader.exact(chunk.content.offset, 10)
    flags = head[0] & (PROFILE | ALPHA | ANIMATION) | (EXIF if orientation > 1 else 0)
    return b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + head[4:]


def _stripped_frame(reader: ByteReader, chunk: Chunk) -> Iterator[Part]:
    """Write a frame of an animation with its image alone."""
    inner: list[Part] = [reader.exact(chunk.content.offset, FRAME_HEAD)]
    seen: set[bytes] = set()
    for part in frame_chunks(reader, chunk):
        if part.type in IMAGES and _is_next(part, seen):
            inner += _padded(part)
            seen.add(part.type)
    yield b"ANMF" + sum(map(part_length, inner)).to_bytes(4, "little")
    yield from inner


def _is_next(chunk: Chunk, seen: set[bytes]) -> bool:
    """Return True for the image, and for its alpha before it, but for no second one."""
    return chunk.type not in seen and seen.isdisjoint(BITSTREAMS)


def _padded(chunk: Chunk, length: int | None = None) -> Iterator[Part]:
    """Yield a chunk, or its beginning, and the byte that makes its length even."""
    kept = chunk.content.length if length is None else length
    if kept == chunk.content.length:
        yield Span(chunk.whole.offset, 8 + kept)
    else:
        yield chunk.type + kept.to_bytes(4, "little")
        yield Span(chunk.content.offset, kept)
    if kept % 2:
        yield b"\0"


def pictures(reader: ByteReader) -> Iterator[Sequence[Chunk]]:
    """Yield the chunks of each picture of a stripped file: perhaps its alpha, and itself."""
    still = []
    for chunk in chunks(reader, FIRST_CHUNK, reader.size):
        if chunk.type == b"ANMF":
            yield list(frame_chunks(reader, chunk))
        elif chunk.type in IMAGES:
            still.append(chunk)
    if still:
        yield still


def picture_parts(
    reader: ByteReader, picture: Sequence[Chunk], lengths: Mapping[int, int]
) -> tuple[Part, ...]:
    """Return a WebP of one picture, of whose chunks only so many bytes are there."""
    parts: list[Part] = []
    if len(picture) > 1:
        width, height, _ = read_bitstream(reader, picture[-1])
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        parts = [b"VP8X\x0a\0\0\0" + bytes((ALPHA, 0, 0, 0)) + sides]
    for chunk in picture:
        parts += _padded(chunk, lengths.get(chunk.content.offset))
    return riff(parts)


def with_lengths(reader: ByteReader, lengths: Mapping[int, int]) -> tuple[Part, ...]:
    """Return a stripped file whose chunks have these lengths, by where their content begins."""
    parts: list[Part] = []
    for chunk in chunks(reader, FIRST_CHUNK, reader.size):
        if chunk.type != b"ANMF":
            parts += _padded(chunk, lengths.get(chunk.content.offset))
            continue
        inner: list[Part] = [reader.exact(chunk.content.offset, FRAME_HEAD)]
        for part in frame_chunks(reader, chunk):
            inner += _padded(part, lengths.get(part.content.offset))
        parts += [b"ANMF" + sum(map(part_length, inner)).to_bytes(4, "little"), *inner]
    return riff(parts)
