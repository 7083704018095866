"""WebP: the chunks of the RIFF container (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import (
    ByteReader,
    Chunk,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    check_byte_count,
    part_length,
    truncated,
)

_FORMAT: Final = BY_EXTENSION["webp"]

_PROFILE, _ALPHA, _EXIF, _ANIMATION = 0x20, 0x10, 0x08, 0x02
"""Flags of the extended format (2.7)."""
_IMAGES: Final = (b"ALPH", b"VP8 ", b"VP8L")
_VP8_MARK = b"\x9d\x01\x2a"
_VP8L_MARK = 0x2F
_FIRST_CHUNK = 12
_FRAME_HEAD = 16
_DISPOSE = 0x01
_MAX_CHUNKS: Final = 100_000


@dataclass(slots=True)
class _Facts:
    """The facts that chunks have added so far."""

    size: tuple[int, int] | None = None
    flags: int = 0
    alpha: bool = False
    frames: int = 0
    orientation: int = 1
    loop: int = 0
    profile: tuple[Span, ...] = ()
    images: list[Span] = field(default_factory=list)
    animation: list[Span] = field(default_factory=list)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the chunks; see `ImageFormat`."""
    facts = _Facts()
    for chunk in _chunks(reader, _FIRST_CHUNK, _riff_end(reader)):
        _add_chunk(reader, chunk, facts, limits)
        if facts.images and not facts.flags:
            break  # the simple format: one image, and nothing after it counts
    if facts.size is None or not facts.images:
        raise Undecodable("The WebP has no image data.")
    width, height = facts.size
    pixels = width * height * max(1, facts.frames)
    check_byte_count(_FORMAT, sum(span.length for span in facts.images), pixels)
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        orientation=facts.orientation,
        frames=max(1, facts.frames),
        has_alpha=facts.alpha,
        parts=_container(facts, facts.images),
        still=_container(facts, facts.images[:1] if facts.frames else facts.images),
        profile=facts.profile,
        loop=facts.loop,
    )


def _riff_end(reader: ByteReader) -> int:
    return min(8 + reader.number(4, 4, "little"), reader.size)


def _chunks(reader: ByteReader, at: int, end: int) -> Iterator[Chunk]:
    """Yield the chunks between two bytes; raise `Undecodable` if one reaches past the end."""
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        head = reader.exact(at, 8)
        length = int.from_bytes(head[4:], "little")
        if at + 8 + length > reader.size:
            raise truncated(at)
        padded = min(8 + length + length % 2, reader.size - at)
        yield Chunk(head[:4], Span(at + 8, length), Span(at, padded))
        at += padded
    raise Undecodable(f"The WebP has more than {_MAX_CHUNKS} chunks.")


def _add_chunk(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    type, content, whole = chunk
    if type == b"VP8X" and facts.size is None:
        head = reader.exact(content.offset, 10)
        facts.flags = head[0]
        facts.size = (_u24(head, 4) + 1, _u24(head, 7) + 1)
        facts.alpha = bool(head[0] & _ALPHA)
        limits.check(_FORMAT, *facts.size)
    elif type in (b"VP8 ", b"VP8L") and not facts.flags & _ANIMATION:
        _add_still(reader, chunk, facts, limits)
    elif type == b"ALPH" and not facts.flags & _ANIMATION:
        facts.images.append(whole)
        facts.alpha = True
    elif type == b"ANIM":
        facts.animation = [whole]
        facts.loop = reader.number(content.offset + 4, 2, "little")
    elif type == b"ANMF" and facts.flags & _ANIMATION:
        _add_frame(reader, chunk, facts, limits)
    elif type == b"ICCP":
        facts.profile = (content,)
    elif type == b"EXIF" and facts.orientation == 1:
        facts.orientation = exif.read_orientation(reader, exif.skip_prefix(reader, content))


def _add_still(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    width, height, alpha = _read_bitstream(reader, chunk)
    if facts.size is not None and facts.size != (width, height):
        raise Undecodable(f"The WebP canvas is not of its image's size, {width}x{height}.")
    limits.check(_FORMAT, width, height)
    facts.size = (width, height)
    facts.alpha |= alpha
    facts.images.append(chunk.whole)


def _add_frame(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    assert facts.size is not None  # noqa: S101 (the animation flag stands in VP8X, like the size)
    head = reader.exact(chunk.content.offset, _FRAME_HEAD)
    left, top = 2 * _u24(head, 0), 2 * _u24(head, 3)
    width, height = _u24(head, 6) + 1, _u24(head, 9) + 1
    if left + width > facts.size[0] or top + height > facts.size[1]:
        raise Undecodable("The WebP has a frame that reaches over its canvas.")
    # Canvas that a frame leaves uncovered is transparent, whatever the flags say.
    facts.alpha |= head[15] & _DISPOSE != 0 or (not facts.frames and (width, height) != facts.size)
    for inner in _frame_chunks(reader, chunk):
        bitstream = inner.type in (b"VP8 ", b"VP8L")
        if bitstream and _read_bitstream(reader, inner)[:2] != (width, height):
            raise Undecodable("The WebP has a frame that is not of its image's size.")
    facts.frames += 1
    limits.check(_FORMAT, *facts.size, facts.frames)
    facts.images.append(chunk.whole)


def _frame_chunks(reader: ByteReader, chunk: Chunk) -> Iterator[Chunk]:
    """Yield the chunks inside a frame of an animation."""
    start, length = chunk.content
    return _chunks(reader, start + _FRAME_HEAD, start + length)


def _read_bitstream(reader: ByteReader, chunk: Chunk) -> tuple[int, int, bool]:
    """Read width, height and alpha in the first bytes of a VP8 (RFC 6386, 9.1) or VP8L image."""
    head = reader.exact(chunk.content.offset, min(chunk.content.length, 10))
    if chunk.type == b"VP8 " and head[3:6] == _VP8_MARK and len(head) == 10:
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        width, height, alpha = size[0] & 0x3FFF, size[1] & 0x3FFF, False
    elif chunk.type == b"VP8L" and len(head) >= 5 and head[0] == _VP8L_MARK:
        bits = int.from_bytes(head[1:5], "little")
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    else:
        raise Undecodable("The WebP image data does not begin like VP8 or VP8L.")
    if not width or not height:
        raise Undecodable(f"The WebP image says {width}x{height}.")
    return width, height, alpha


def _container(facts: _Facts, images: list[Span]) -> tuple[Part, ...]:
    """Write the RIFF file of the images alone, without metadata and its flags."""
    assert facts.size is not None  # noqa: S101 (checked by the caller)
    parts: list[Part] = []
    if facts.flags or len(images) > 1:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in facts.size)
        flags = (facts.flags | (_ALPHA if facts.alpha else 0)) & (_ALPHA | _ANIMATION)
        parts = [b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + sides, *facts.animation]
    for image in images:
        parts.append(image)
        if image.length % 2:
            parts.append(b"\0")
    return _riff(parts)


def _riff(parts: list[Part]) -> tuple[Part, ...]:
    """Put the header of the container, which holds its length, before the chunks."""
    length = 4 + sum(map(part_length, parts))
    return (b"RIFF" + length.to_bytes(4, "little") + b"WEBP", *parts)


def _u24(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little")


def _stripped_parts(reader: ByteReader, header: Header) -> tuple[Part, ...]:
    """Return image data, animation, profile and orientation in a container of their own."""
    return _riff(list(_stripped_chunks(reader, header)))


def _stripped_chunks(reader: ByteReader, header: Header) -> Iterator[Part]:
    extended = False
    for chunk in _chunks(reader, _FIRST_CHUNK, _riff_end(reader)):
        if chunk.type == b"VP8X" and not extended:
            extended = True
            yield _stripped_vp8x(reader, chunk, header.orientation)
        elif chunk.type in (b"ICCP", b"ANIM"):
            yield from _padded(chunk)
        elif chunk.type == b"ANMF":
            yield from _stripped_frame(reader, chunk)
        elif chunk.type in _IMAGES:
            yield from _padded(chunk)
            if not extended:
                return  # the simple format: one image, and nothing after it counts
    if header.orientation > 1:
        content = exif.orientation_block(header.orientation)
        yield b"EXIF" + len(content).to_bytes(4, "little") + content


def _stripped_vp8x(reader: ByteReader, chunk: Chunk, orientation: int) -> bytes:
    """Write the header of the extended format, with the flags of what stays."""
    head = reader.exact(chunk.content.offset, 10)
    flags = head[0] & (_PROFILE | _ALPHA | _ANIMATION) | (_EXIF if orientation > 1 else 0)
    return b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + head[4:]


def _stripped_frame(reader: ByteReader, chunk: Chunk) -> Iterator[Part]:
    """Write a frame of an animation with its image alone."""
    inner: list[Part] = [reader.exact(chunk.content.offset, _FRAME_HEAD)]
    for part in _frame_chunks(reader, chunk):
        if part.type in _IMAGES:
            inner += _padded(part)
    yield b"ANMF" + sum(map(part_length, inner)).to_bytes(4, "little")
    yield from inner


def _padded(chunk: Chunk) -> Iterator[Part]:
    """Yield a chunk, and the byte that makes its length even."""
    yield Span(chunk.whole.offset, 8 + chunk.content.length)
    if chunk.content.length % 2:
        yield b"\0"


WEBP: Final = ImageFormat(
    _FORMAT, "PIL.WebPImagePlugin:WebPImageFile", _read_header, _stripped_parts
)
