"""PNG and APNG: the chunks (PNG third edition, sections 5 and 11)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
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

FORMAT: Final = BY_EXTENSION["png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IEND = b"\0\0\0\0IEND\xaeB`\x82"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bit depths by colour type (11.2.1)."""
_WITH_ALPHA = (4, 6)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ONE_PASS = ((0, 0, 1, 1),)
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Left, top and steps of the passes of an interlaced image (8.2)."""
_WINDOW = 1_000_000
_MAX_SIDE = 2**31 - 1
_MAX_CHUNKS = 100_000


class PngChunk(NamedTuple):
    """One chunk: its type, where its content lies, and where the whole of it lies."""

    type: bytes
    content: Span
    whole: Span


@dataclass(slots=True)
class _Found:
    """What the walk over the chunks has come across."""

    parts: list[Part]
    declared: int = 0
    counted: int = 0
    orientation: int = 1
    transparency: bool = False
    data: bool = False
    profile: tuple[Span, ...] = ()


def parse(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the header of a PNG; raises `Undecodable`, `TooManyPixels`, `TooManyFrames`."""
    walk = chunks(reader)
    first = next(walk)
    width, height, has_alpha = _image_header(reader, first)
    limits.check(FORMAT, width, height)
    found = _Found([SIGNATURE, first.whole])
    for chunk in walk:
        _sort(reader, chunk, found)
    if not found.data:
        raise Undecodable("The PNG has no image data.")
    parts = (*found.parts, IEND)
    frames = max(found.declared, found.counted) if found.declared else 1
    limits.check(FORMAT, width, height, frames)
    return Header(
        format=FORMAT,
        width=width,
        height=height,
        orientation=found.orientation,
        frames=frames,
        has_alpha=has_alpha or found.transparency,
        parts=parts,
        still=parts,
        profile=found.profile,
        deflated=True,
    )


def chunks(reader: ByteReader) -> Iterator[PngChunk]:
    """Walk the chunks to the end of the image, or of the file where image data came before."""
    at = len(SIGNATURE)
    data = False
    for _ in range(_MAX_CHUNKS):
        head = reader.upto(at, 8)
        if len(head) < 8:
            if data:
                return
            raise truncated(at)
        length, type = int.from_bytes(head[:4], "big"), head[4:]
        if not type.isalpha():
            if data:
                return
            raise Undecodable(f"There is no PNG chunk at byte {at}.")
        if at + 8 + length > reader.size and not data:
            raise truncated(at)
        data = data or type == b"IDAT"
        yield PngChunk(type, Span(at + 8, length), Span(at, length + 12))
        if type == b"IEND":
            return
        at += length + 12
    raise Undecodable(f"The PNG has more than {_MAX_CHUNKS} chunks.")


def complete(reader: ByteReader) -> bool:
    """Tell whether the image data inflate to all the rows that the header promises."""
    walk = chunks(reader)
    header = reader.exact(next(walk).content.offset, 13)
    missing = _raw_length(header)
    inflater = zlib.decompressobj()
    try:
        for chunk in walk:
            if chunk.type != b"IDAT":
                continue
            content = reader.upto(*chunk.content)
            while content and missing > 0:
                missing -= len(inflater.decompress(content, _WINDOW))
                content = inflater.unconsumed_tail
    except zlib.error:
        return False
    return missing <= 0


def _raw_length(header: bytes) -> int:
    """Tell how many bytes all scanlines have with their filter bytes (sections 7.2 and 8)."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS[header[9]]
    total = 0
    for left, top, step_x, step_y in _ADAM7 if header[12] else _ONE_PASS:
        columns = (width - left + step_x - 1) // step_x
        rows = (height - top + step_y - 1) // step_y
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _image_header(reader: ByteReader, chunk: PngChunk) -> tuple[int, int, bool]:
    content = reader.exact(chunk.content.offset - 4, min(chunk.content.length, 13) + 8)
    if chunk.type != b"IHDR" or chunk.content.length != 13:
        raise Undecodable("The PNG does not begin with its header.")
    if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "big"):
        raise Undecodable("The checksum of the PNG header is wrong.")
    width, height = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    depth, color = content[12], content[13]
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise Undecodable(f"The PNG header says {width}x{height}.")
    if depth not in _DEPTHS.get(color, ()):
        raise Undecodable(f"The PNG header says colour type {color} with {depth} bits.")
    return width, height, color in _WITH_ALPHA


def _sort(reader: ByteReader, chunk: PngChunk, found: _Found) -> None:
    """Take from a chunk what the decoder needs, the frames, the orientation and the profile.

    The frames of an animation are counted but not passed on: the default image is what is resized.
    """
    type, content, whole = chunk
    if type == b"IDAT":
        found.data = True
        _append(found.parts, whole)
    elif type == b"eXIf" and found.orientation == 1:
        block = reader.upto(content.offset, min(content.length, exif.MAX_BYTES))
        found.orientation = exif.orientation(block)
    elif type == b"fcTL":
        found.counted += 1
    elif found.data:
        return
    elif type in (b"PLTE", b"tRNS"):
        found.parts.append(whole)
        found.transparency |= type == b"tRNS"
    elif type == b"acTL":
        found.declared = reader.number(content.offset, 4)
    elif type == b"iCCP":
        found.profile = _profile(reader, content)


def _append(parts: list[Part], whole: Span) -> None:
    """Add a chunk, merged with the one before where they touch: data may come in single bytes."""
    last = parts[-1]
    if isinstance(last, Span) and last.offset + last.length == whole.offset:
        parts[-1] = Span(last.offset, last.length + whole.length)
    else:
        parts.append(whole)


def _profile(reader: ByteReader, content: Span) -> tuple[Span, ...]:
    """Find the deflated profile after its name and its method, which must be 0 (11.3.2.3)."""
    head = reader.upto(content.offset, min(content.length, 81))
    name = head.find(b"\0")
    if name < 0 or name + 2 > len(head):
        return ()
    if head[name + 1] != 0:
        raise Undecodable("The PNG has a profile of an unknown compression method.")
    return (Span(content.offset + name + 2, content.length - name - 2),)
