"""WebP: the chunks of the RIFF container (RFC 9649)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    Part,
    SourceLimits,
    Span,
    truncated,
)

FORMAT: Final = BY_EXTENSION["webp"]

_ALPHA, _ANIMATION = 0x10, 0x02
_VP8_MARK = b"\x9d\x01\x2a"
_VP8L_MARK = 0x2F
_FRAME_HEAD = 16
_DISPOSE = 0x01
_MAX_CHUNKS = 100_000
_BYTES_PER_PIXEL = 8
_FREE_BYTES = 1_000_000
"""More encoded bytes than 1 MB and 8 a pixel are no picture, and the decoder holds them all."""


class RiffChunk(NamedTuple):
    """One RIFF chunk: its type, where its content lies, and where the whole of it lies."""

    type: bytes
    content: Span
    whole: Span


@dataclass(slots=True)
class _Found:
    """What the walk over the chunks has come across."""

    size: tuple[int, int] | None = None
    flags: int = 0
    alpha: bool = False
    frames: int = 0
    orientation: int = 1
    loop: int = 0
    profile: tuple[Span, ...] = ()
    images: list[Span] = field(default_factory=list)
    animation: list[Span] = field(default_factory=list)


def parse(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the header of a WebP; raises `Undecodable`, `TooManyPixels`, `TooManyFrames`."""
    found = _Found()
    end = min(8 + reader.number(4, 4, "little"), reader.size)
    for chunk in chunks(reader, 12, end):
        _sort(reader, chunk, found, limits)
        if found.images and not found.flags:
            break  # the simple format: one image, and nothing after it counts
    if found.size is None or not found.images:
        raise Undecodable("The WebP has no image data.")
    width, height = found.size
    pixels = width * height * max(1, found.frames)
    if sum(span.length for span in found.images) > _FREE_BYTES + _BYTES_PER_PIXEL * pixels:
        raise Undecodable("The WebP has far more bytes than its pixels can need.")
    return Header(
        format=FORMAT,
        width=width,
        height=height,
        orientation=found.orientation,
        frames=max(1, found.frames),
        has_alpha=found.alpha,
        parts=_container(found, found.images),
        still=_container(found, found.images[:1] if found.frames else found.images),
        profile=found.profile,
        loop=found.loop,
    )


def chunks(reader: ByteReader, at: int, end: int) -> Iterator[RiffChunk]:
    """Walk the chunks between two bytes; raises `Undecodable` where one reaches past the end."""
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        head = reader.exact(at, 8)
        length = int.from_bytes(head[4:], "little")
        if at + 8 + length > reader.size:
            raise truncated(at)
        padded = min(8 + length + length % 2, reader.size - at)
        yield RiffChunk(head[:4], Span(at + 8, length), Span(at, padded))
        at += padded
    raise Undecodable(f"The WebP has more than {_MAX_CHUNKS} chunks.")


def _sort(reader: ByteReader, chunk: RiffChunk, found: _Found, limits: SourceLimits) -> None:
    type, content, whole = chunk
    if type == b"VP8X" and found.size is None:
        head = reader.exact(content.offset, 10)
        found.flags = head[0]
        found.size = (_u24(head, 4) + 1, _u24(head, 7) + 1)
        found.alpha = bool(head[0] & _ALPHA)
        limits.check(FORMAT, *found.size)
    elif type in (b"VP8 ", b"VP8L") and not found.flags & _ANIMATION:
        _still(reader, chunk, found, limits)
    elif type == b"ALPH" and not found.flags & _ANIMATION:
        found.images.append(whole)
        found.alpha = True
    elif type == b"ANIM":
        found.animation = [whole]
        found.loop = reader.number(content.offset + 4, 2, "little")
    elif type == b"ANMF" and found.flags & _ANIMATION:
        _animated(reader, chunk, found, limits)
    elif type == b"ICCP":
        found.profile = (content,)
    elif type == b"EXIF" and found.orientation == 1:
        found.orientation = exif.orientation(
            reader.upto(content.offset, min(content.length, exif.MAX_BYTES))
        )


def _still(reader: ByteReader, chunk: RiffChunk, found: _Found, limits: SourceLimits) -> None:
    width, height, alpha = _bitstream(reader, chunk)
    if found.size is not None and found.size != (width, height):
        raise Undecodable(f"The WebP canvas is not of its image's size, {width}x{height}.")
    limits.check(FORMAT, width, height)
    found.size = (width, height)
    found.alpha |= alpha
    found.images.append(chunk.whole)


def _animated(reader: ByteReader, chunk: RiffChunk, found: _Found, limits: SourceLimits) -> None:
    assert found.size is not None  # noqa: S101 (the animation flag stands in VP8X, like the size)
    head = reader.exact(chunk.content.offset, _FRAME_HEAD)
    left, top = 2 * _u24(head, 0), 2 * _u24(head, 3)
    width, height = _u24(head, 6) + 1, _u24(head, 9) + 1
    if left + width > found.size[0] or top + height > found.size[1]:
        raise Undecodable("The WebP has a frame that reaches over its canvas.")
    # Where a frame leaves canvas uncovered, that is transparent, whatever the flags say.
    found.alpha |= head[15] & _DISPOSE != 0 or (not found.frames and (width, height) != found.size)
    start = chunk.content.offset + _FRAME_HEAD
    for inner in chunks(reader, start, chunk.content.offset + chunk.content.length):
        if inner.type in (b"VP8 ", b"VP8L") and _bitstream(reader, inner)[:2] != (width, height):
            raise Undecodable("The WebP has a frame that is not of its image's size.")
    found.frames += 1
    limits.check(FORMAT, *found.size, found.frames)
    found.images.append(chunk.whole)


def _bitstream(reader: ByteReader, chunk: RiffChunk) -> tuple[int, int, bool]:
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


def _container(found: _Found, images: list[Span]) -> tuple[Part, ...]:
    """Write the RIFF file of the images alone, without metadata and its flags."""
    assert found.size is not None  # noqa: S101 (checked by the caller)
    parts: list[Part] = []
    if found.flags or len(images) > 1:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in found.size)
        flags = (found.flags | (_ALPHA if found.alpha else 0)) & (_ALPHA | _ANIMATION)
        parts = [b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + sides, *found.animation]
    for image in images:
        parts.append(image)
        if image.length % 2:
            parts.append(b"\0")
    length = 4 + sum(len(part) if isinstance(part, bytes) else part.length for part in parts)
    return (b"RIFF" + length.to_bytes(4, "little") + b"WEBP", *parts)


def _u24(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little")
