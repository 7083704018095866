"""WebP: the chunks of the RIFF container (RFC 9649)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif, webp_strip
from shift_media.imaging.formats.base import (
    ByteReader,
    Chunk,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    check_byte_count,
)
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

_FORMAT: Final = BY_EXTENSION["webp"]

_DISPOSE = 0x01


@dataclass(slots=True)
class _Facts:
    """The facts that chunks have added so far."""

    size: tuple[int, int] | None = None
    flags: int = 0
    alpha: bool = False
    has_still: bool = False
    frames: int = 0
    orientation: int = 1
    loop: int = 0
    profile: tuple[Span, ...] = ()
    images: list[Span] = field(default_factory=list)
    animation: list[Span] = field(default_factory=list)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the chunks; see `ImageFormat`."""
    facts = _Facts()
    for chunk in chunks(reader, FIRST_CHUNK, riff_end(reader)):
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


def _add_chunk(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    type, content, whole = chunk
    if type == b"VP8X" and facts.size is None:
        head = reader.exact(content.offset, 10)
        facts.flags = head[0]
        facts.size = (_u24(head, 4) + 1, _u24(head, 7) + 1)
        facts.alpha = bool(head[0] & ALPHA)
        limits.check(_FORMAT, *facts.size)
    elif type in IMAGES and (facts.has_still or facts.flags & ANIMATION):
        return  # Decoders take the first picture, and the alpha in front of it.
    elif type in BITSTREAMS:
        facts.has_still = True
        _add_still(reader, chunk, facts, limits)
    elif type == b"ALPH" and not facts.images:
        facts.images.append(whole)
        facts.alpha = True
    elif type == b"ANIM" and facts.flags & ANIMATION and not facts.animation:
        facts.animation = [whole]
        facts.loop = reader.number(content.offset + 4, 2, "little")
    elif type == b"ANMF" and facts.flags & ANIMATION:
        _add_frame(reader, chunk, facts, limits)
    # Decoders ignore what the flags of the extended format do not announce, and repetitions.
    elif type == b"ICCP" and facts.flags & PROFILE and not facts.profile:
        facts.profile = (content,)
    elif type == b"EXIF" and facts.flags & EXIF and facts.orientation == 1:
        facts.orientation = exif.read_orientation(reader, exif.skip_prefix(reader, content))


def _add_still(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    width, height, alpha = read_bitstream(reader, chunk)
    if facts.size is not None and facts.size != (width, height):
        raise Undecodable(f"The WebP canvas is not of its image's size, {width}x{height}.")
    limits.check(_FORMAT, width, height)
    facts.size = (width, height)
    facts.alpha |= alpha
    facts.images.append(chunk.whole)


def _add_frame(reader: ByteReader, chunk: Chunk, facts: _Facts, limits: SourceLimits) -> None:
    assert facts.size is not None  # noqa: S101 (the animation flag stands in VP8X, like the size)
    head = reader.exact(chunk.content.offset, FRAME_HEAD)
    left, top = 2 * _u24(head, 0), 2 * _u24(head, 3)
    width, height = _u24(head, 6) + 1, _u24(head, 9) + 1
    if left + width > facts.size[0] or top + height > facts.size[1]:
        raise Undecodable("The WebP has a frame that reaches over its canvas.")
    # Canvas that a frame leaves uncovered is transparent, whatever the flags say.
    facts.alpha |= head[15] & _DISPOSE != 0 or (not facts.frames and (width, height) != facts.size)
    for inner in frame_chunks(reader, chunk):
        bitstream = inner.type in (b"VP8 ", b"VP8L")
        if bitstream and read_bitstream(reader, inner)[:2] != (width, height):
            raise Undecodable("The WebP has a frame that is not of its image's size.")
    facts.frames += 1
    limits.check(_FORMAT, *facts.size, facts.frames)
    facts.images.append(chunk.whole)


def _container(facts: _Facts, images: list[Span]) -> tuple[Part, ...]:
    """Write the RIFF file of the images alone, without metadata and its flags."""
    assert facts.size is not None  # noqa: S101 (checked by the caller)
    parts: list[Part] = []
    if facts.flags or len(images) > 1:
        sides = b"".join((side - 1).to_bytes(3, "little") for side in facts.size)
        flags = (facts.flags | (ALPHA if facts.alpha else 0)) & (ALPHA | ANIMATION)
        parts = [b"VP8X\x0a\0\0\0" + bytes((flags, 0, 0, 0)) + sides, *facts.animation]
    for image in images:
        parts.append(image)
        if image.length % 2:
            parts.append(b"\0")
    return riff(parts)


def _u24(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little")


WEBP: Final = ImageFormat(
    _FORMAT, "PIL.WebPImagePlugin:WebPImageFile", _read_header, webp_strip.stripped_parts
)
