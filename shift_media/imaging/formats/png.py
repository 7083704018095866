"""PNG and APNG: the chunks of the file (PNG third edition, sections 5 and 11)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif, png_color, png_strip
from shift_media.imaging.formats.base import (
    ByteReader,
    Chunk,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    append_part,
)
from shift_media.imaging.formats.png_chunks import IEND, SIGNATURE, WINDOW, chunks, raw_length
from shift_media.imaging.formats.png_tables import Tables

_FORMAT: Final = BY_EXTENSION["png"]

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bit depths by colour type (11.2.1)."""
_WITH_ALPHA = (4, 6)
_MAX_TABLE: Final = 768
"""Bytes of a palette of 256 colours."""
_MAX_SIDE: Final = 2**31 - 1
_CONTROL_BYTES: Final = 8
_FRAME_CONTROL_BYTES: Final = 26
"""Bytes of acTL and fcTL (11.3.6)."""


@dataclass(slots=True)
class _Facts:
    """The facts that chunks have added so far."""

    parts: list[Part]
    tables: Tables
    declared: int | None = None
    counted: int = 0
    orientation: int | None = None
    data: bool = False
    profile: tuple[Span, ...] | None = None
    color: dict[bytes, bytes] = field(default_factory=dict)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the chunks; see `ImageFormat`."""
    walk = chunks(reader)
    first = next(walk)
    width, height, has_alpha = _read_ihdr(reader, first)
    limits.check(_FORMAT, width, height)
    tables = Tables(reader.exact(*first.content))
    facts = _Facts([SIGNATURE, first.whole], tables)
    for chunk in walk:
        _add_chunk(reader, chunk, facts)
    if not facts.data:
        raise Undecodable("The PNG has no image data.")
    tables.require_palette()
    parts = (*facts.parts, IEND)
    frames = max(facts.declared, facts.counted) if facts.declared else 1
    limits.check(_FORMAT, width, height, frames)
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        orientation=facts.orientation or 1,
        frames=frames,
        has_alpha=has_alpha or tables.is_transparent,
        parts=parts,
        still=parts,
        profile=() if png_color.has_cicp(facts.color) else facts.profile or (),
        deflated=True,
        color_space=png_color.read_color_space(facts.color),
    )


def _read_ihdr(reader: ByteReader, chunk: Chunk) -> tuple[int, int, bool]:
    """Return width, height and whether the colour type has alpha (11.2.1)."""
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


def _add_chunk(reader: ByteReader, chunk: Chunk, facts: _Facts) -> None:
    """Add what a chunk says: data for the decoder, frames, orientation or profile.

    The frames of an animation are counted but not passed on: the default image is what is resized.
    """
    type, content, whole = chunk
    if type == b"IDAT":
        facts.data = True
        append_part(facts.parts, whole)
    elif type == b"eXIf" and facts.orientation is None and not facts.data:
        facts.orientation = _read_orientation(reader, content)
    elif type == b"fcTL" and content.length == _FRAME_CONTROL_BYTES:
        facts.counted += 1
    elif facts.data:
        return
    elif type in (b"PLTE", b"tRNS"):
        _add_table(reader, chunk, facts)
    elif type == b"acTL" and facts.declared is None:
        is_valid = content.length == _CONTROL_BYTES  # decoders and stripping ignore any other
        facts.declared = reader.number(content.offset, 4) if is_valid else 0
    elif type == b"iCCP" and facts.profile is None:
        facts.profile = _find_profile(reader, content)
    elif type in png_color.LENGTHS and type not in facts.color:
        known = png_color.read_content(reader, chunk)
        if known is not None:
            facts.color[type] = known


def _add_table(reader: ByteReader, chunk: Chunk, facts: _Facts) -> None:
    """Add a palette or its transparency if it counts; raise `Undecodable` if it is damaged."""
    if chunk.content.length > _MAX_TABLE:
        raise Undecodable(f"The PNG has a table of {chunk.content.length} bytes.")
    content = reader.exact(chunk.content.offset - 4, chunk.content.length + 8)
    if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "big"):
        raise Undecodable("The checksum of a PNG table is wrong.")
    if facts.tables.take(chunk.type, chunk.content.length):
        facts.parts.append(chunk.whole)


def _read_orientation(reader: ByteReader, content: Span) -> int | None:
    """Return the orientation in a chunk; None if its checksum is wrong.

    Browsers read the first chunk with a right checksum alone, if it stands before the image data.
    """
    checksum = zlib.crc32(b"eXIf")
    end = content.offset + content.length
    for at in range(content.offset, end, WINDOW):
        checksum = zlib.crc32(reader.upto(at, min(WINDOW, end - at)), checksum)
    if reader.upto(end, 4) != checksum.to_bytes(4, "big"):
        return None
    return exif.read_orientation(reader, content)


def _find_profile(reader: ByteReader, content: Span) -> tuple[Span, ...]:
    """Find the deflated profile after its name and its method, which must be 0 (11.3.2.3)."""
    head = reader.upto(content.offset, min(content.length, 81))
    name = head.find(b"\0")
    if name < 0 or name + 2 > len(head):
        return ()
    if head[name + 1] != 0:
        raise Undecodable("The PNG has a profile of an unknown compression method.")
    return (Span(content.offset + name + 2, content.length - name - 2),)


def is_complete(reader: ByteReader) -> bool:
    """Return True if the image data inflates to all the rows that the header promises."""
    walk = chunks(reader)
    header = reader.exact(next(walk).content.offset, 13)
    missing = raw_length(header)
    inflater = zlib.decompressobj()
    try:
        for chunk in walk:
            if chunk.type != b"IDAT":
                continue
            content = reader.upto(*chunk.content)
            while content and missing > 0:
                missing -= len(inflater.decompress(content, WINDOW))
                content = inflater.unconsumed_tail
    except zlib.error:
        return False
    return missing <= 0


PNG: Final = ImageFormat(
    _FORMAT, "PIL.PngImagePlugin:PngImageFile", _read_header, png_strip.stripped_parts
)
