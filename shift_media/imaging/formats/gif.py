"""GIF: the blocks of the file, walked without decoding a pixel (GIF89a specification)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Frame,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    truncated,
)

_FORMAT: Final = BY_EXTENSION["gif"]

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_NETSCAPE = b"NETSCAPE2.0"
_LOOP_BYTES = 19
_TABLE_FLAG, _INTERLACE_FLAG, _TABLE_SIZE = 0x80, 0x40, 0x07
_SCREEN_BYTES = 13
"""Signature and logical screen descriptor."""
_CLEAR = 2
"""The disposal that leaves transparency behind (23.c.iv)."""
_WINDOW: Final = 65_536
_MAX_BLOCKS: Final = 100_000

_Box = tuple[int, int, int, int]


class _Control(NamedTuple):
    """A graphic control extension: how the next frame is shown."""

    delay: int = 0
    disposal: int = 0
    transparent: int | None = None


@dataclass(slots=True)
class _Facts:
    """The facts that blocks have added so far."""

    canvas: tuple[int, int]
    palette: Part
    palette_flags: int
    control: _Control = field(default_factory=_Control)
    frames: list[Frame] = field(default_factory=list)
    pixels: int = 0
    loop: int = 1


_TIMES: Final = 2
"""How many times as many pixels all frames may have together, which only take time."""
_HELD: Final = 2
"""Frames that are held at once: the canvas, and the one that is drawn on it."""


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the blocks; see `ImageFormat`.

    The image is as large as its canvas or its first frame, whichever reaches further; later frames
    are cut to that. The pixels of each frame count as the canvas and the frame together.
    """
    screen = reader.exact(6, 7)
    canvas = (_u16(screen, 0), _u16(screen, 2))
    at = _SCREEN_BYTES + _table_length(screen[4])
    palette = Span(_SCREEN_BYTES, at - _SCREEN_BYTES)
    facts = _Facts(canvas, palette, screen[4] & (_TABLE_FLAG | _TABLE_SIZE))
    if not all(canvas):
        raise Undecodable(f"The GIF has a canvas of {canvas[0]}x{canvas[1]}.")
    limits.check(_FORMAT, *canvas)
    _add_blocks(reader, at, facts, limits)
    if not facts.frames:
        raise Undecodable("The GIF has no frame.")
    return _header(facts)


def _header(facts: _Facts) -> Header:
    first = facts.frames[0]
    width, height = facts.canvas
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        frames=len(facts.frames),
        has_alpha=first.box != (0, 0, width, height)
        or any(frame.transparent or frame.disposal == _CLEAR for frame in facts.frames),
        parts=first.parts,
        still=first.parts,
        gif_frames=tuple(facts.frames),
        loop=facts.loop,
    )


def _add_blocks(reader: ByteReader, at: int, facts: _Facts, limits: SourceLimits) -> None:
    for _ in range(_MAX_BLOCKS):
        block = reader.upto(at, 1)
        if not block or block[0] == _TRAILER:
            return
        if block[0] == _EXTENSION:
            at = _add_extension(reader, at, facts)
        elif block[0] == _IMAGE:
            at = _add_frame(reader, at, facts, limits)
        elif facts.frames:
            return  # junk after the last frame, which all decoders allow
        else:
            raise Undecodable(f"There is no GIF block at byte {at}.")
    raise Undecodable(f"The GIF has more than {_MAX_BLOCKS} blocks.")


def _add_extension(reader: ByteReader, at: int, facts: _Facts) -> int:
    head = reader.upto(at + 1, _LOOP_BYTES)
    if head[:1] == bytes((_CONTROL,)) and len(head) >= 6 and head[1] >= 4:
        flags = head[2]
        transparent = head[5] if flags & 1 else None
        facts.control = _Control(10 * _u16(head, 3), flags >> 2 & 7, transparent)
    elif head[:2] == bytes((_APPLICATION, 11)) and head[2:13] == _NETSCAPE:
        repeats = _u16(head, 15) if head[13:15] == b"\x03\x01" else 0
        facts.loop = repeats + 1 if repeats else 0
    return _skip_blocks(reader, at + 2)


def _add_frame(reader: ByteReader, at: int, facts: _Facts, limits: SourceLimits) -> int:
    descriptor = reader.exact(at + 1, 9)
    left, top, width, height = (_u16(descriptor, offset) for offset in (0, 2, 4, 6))
    if not width or not height:
        raise Undecodable(f"The GIF has a frame of {width}x{height}.")
    box = (left, top, left + width, top + height)
    union = (max(box[2], facts.canvas[0]), max(box[3], facts.canvas[1]))
    facts.pixels += union[0] * union[1]
    frames = len(facts.frames) + 1
    limits.check_totals(_FORMAT, facts.pixels, frames, times=_TIMES)
    limits.check(_FORMAT, *union, frames=min(frames, _HELD))
    if not facts.frames:
        facts.canvas = union
    flags = descriptor[8]
    data = at + 10 + _table_length(flags)
    if data >= reader.size:
        raise truncated(data)
    end = _skip_blocks(reader, data + 1)
    table: Part = Span(at + 10, data - at - 10)
    facts.frames.append(_frame(facts, box, flags, table, Span(data, end - data)))
    facts.control = _Control()
    return end


def _frame(facts: _Facts, box: _Box, flags: int, table: Part, data: Span) -> Frame:
    """Build a frame as a GIF of its own, whose canvas and palette are the frame's."""
    size = (box[2] - box[0]).to_bytes(2, "little") + (box[3] - box[1]).to_bytes(2, "little")
    control = facts.control
    if flags & _TABLE_FLAG:
        palette, palette_flags = table, flags & (_TABLE_FLAG | _TABLE_SIZE)
    else:
        palette, palette_flags = facts.palette, facts.palette_flags
    screen = b"GIF89a" + size + bytes((palette_flags, 0, 0))
    extension = b""
    if control.transparent is not None:
        extension = bytes((_EXTENSION, _CONTROL, 4, 1, 0, 0, control.transparent, 0))
    descriptor = bytes((_IMAGE, 0, 0, 0, 0)) + size + bytes((flags & _INTERLACE_FLAG,))
    return Frame(
        box=box,
        delay=control.delay,
        disposal=control.disposal,
        transparent=control.transparent is not None,
        parts=(screen, palette, extension + descriptor, data, b";"),
        data=data,
    )


def _skip_blocks(reader: ByteReader, at: int) -> int:
    """Return the byte after the terminator of the sub-blocks that begin at a byte.

    Some encoders write no terminator before the end of the file; then that end is returned.
    """
    window, start = reader.upto(at, _WINDOW), at
    position = 0
    while True:
        try:
            while length := window[position]:
                position += length + 1
        except IndexError:
            start += position
            if start >= reader.size:
                return reader.size
            window, position = reader.upto(start, _WINDOW), 0
            continue
        return start + position + 1


def _table_length(flags: int) -> int:
    """Return the bytes of the colour table that a field of flags announces."""
    return 3 << (flags & _TABLE_SIZE) + 1 if flags & _TABLE_FLAG else 0


def _u16(content: bytes, at: int) -> int:
    if len(content) < at + 2:
        raise truncated(at)
    return content[at] | content[at + 1] << 8


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield screen, frames, times and loop; raise `Undecodable` if a block is cut short.

    Comments, texts and XMP are left out.
    """
    at = _SCREEN_BYTES + _table_length(reader.number(10, 1))
    yield Span(0, at)
    for _ in range(_MAX_BLOCKS):
        block = reader.upto(at, 1)
        if not block or block[0] not in (_IMAGE, _EXTENSION):
            yield bytes((_TRAILER,))  # also in place of junk after the last frame
            return
        if block[0] == _IMAGE:
            data = at + 10 + _table_length(reader.number(at + 9, 1)) + 1
            end = _blocks_end(reader, data)
            yield Span(at, end - at)
        else:
            end = _blocks_end(reader, at + 2)
            yield _stripped_extension(reader.upto(at, _LOOP_BYTES))
        at = end
    raise Undecodable(f"The GIF has more than {_MAX_BLOCKS} blocks.")


def split_blocks(data: bytes) -> Iterator[bytes]:
    """Yield the sub-blocks of the data of a frame, each with its length."""
    at = 1
    while at < len(data) and data[at]:
        yield data[at : at + 1 + data[at]]
        at += 1 + data[at]


def _blocks_end(reader: ByteReader, at: int) -> int:
    """Return the byte after the terminator of the sub-blocks at a byte, which must have one."""
    end = _skip_blocks(reader, at)
    if end == reader.size and _is_cut_short(reader, at):
        raise truncated(at)
    return end


def _is_cut_short(reader: ByteReader, at: int) -> bool:
    """Return True if the file ends before these sub-blocks do."""
    while at < reader.size and (length := reader.number(at, 1)):
        at += length + 1
    return at >= reader.size


def _stripped_extension(head: bytes) -> bytes:
    """Rewrite a graphic control extension or the loop; return nothing for other extensions."""
    control = bytes((_EXTENSION, _CONTROL))
    loop = bytes((_EXTENSION, _APPLICATION, 11)) + _NETSCAPE + b"\x03\x01"
    if head.startswith(control) and len(head) >= 7 and head[2] >= 4:
        return control + b"\x04" + head[3:7] + b"\0"
    if head.startswith(loop) and len(head) == _LOOP_BYTES:
        return head[:18] + b"\0"
    return b""


GIF: Final = ImageFormat(_FORMAT, "PIL.GifImagePlugin:GifImageFile", _read_header, _stripped_parts)
