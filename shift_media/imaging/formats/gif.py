"""GIF: the blocks of the file, walked without decoding a pixel (GIF89a specification)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Frame,
    Header,
    Part,
    SourceLimits,
    Span,
    truncated,
)

FORMAT: Final = BY_EXTENSION["gif"]

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_TABLE_FLAG, _INTERLACE_FLAG, _TABLE_SIZE = 0x80, 0x40, 0x07
_WINDOW = 65_536
_MAX_BLOCKS = 100_000

Box = tuple[int, int, int, int]


class _Control(NamedTuple):
    """A graphic control extension: how the next frame is shown."""

    delay: int = 0
    disposal: int = 0
    transparent: int | None = None


@dataclass(slots=True)
class _State:
    """What the walk has seen so far."""

    canvas: tuple[int, int]
    palette: Part
    palette_flags: int
    control: _Control = field(default_factory=_Control)
    frames: list[Frame] = field(default_factory=list)
    pixels: int = 0
    loop: int = 1


def parse(reader: ByteReader, limits: SourceLimits) -> Header:
    """Walk a GIF; raises `Undecodable`, `TooManyPixels`, `TooManyFrames`.

    The image is as large as its canvas or its first frame, whichever reaches further; later frames
    are cut to that. The pixels of each frame count as the canvas and the frame together.
    """
    screen = reader.exact(6, 7)
    canvas = (_u16(screen, 0), _u16(screen, 2))
    at = 13 + table_length(screen[4])
    palette = Span(13, at - 13)
    state = _State(canvas, palette, screen[4] & (_TABLE_FLAG | _TABLE_SIZE))
    if not all(canvas):
        raise Undecodable(f"The GIF has a canvas of {canvas[0]}x{canvas[1]}.")
    limits.check(FORMAT, *canvas)
    _walk(reader, at, state, limits)
    if not state.frames:
        raise Undecodable("The GIF has no frame.")
    return _header(state)


def _header(state: _State) -> Header:
    first = state.frames[0]
    width, height = state.canvas
    return Header(
        format=FORMAT,
        width=width,
        height=height,
        frames=len(state.frames),
        has_alpha=first.box != (0, 0, width, height)
        or any(frame.transparent or frame.disposal == 2 for frame in state.frames),
        parts=first.parts,
        still=first.parts,
        gif_frames=tuple(state.frames),
        loop=state.loop,
    )


def _walk(reader: ByteReader, at: int, state: _State, limits: SourceLimits) -> None:
    for _ in range(_MAX_BLOCKS):
        block = reader.upto(at, 1)
        if not block or block[0] == _TRAILER:
            return
        if block[0] == _EXTENSION:
            at = _extension(reader, at, state)
        elif block[0] == _IMAGE:
            at = _image(reader, at, state, limits)
        elif state.frames:
            return  # junk after the last frame, as decoders everywhere allow
        else:
            raise Undecodable(f"There is no GIF block at byte {at}.")
    raise Undecodable(f"The GIF has more than {_MAX_BLOCKS} blocks.")


def _extension(reader: ByteReader, at: int, state: _State) -> int:
    head = reader.upto(at + 1, 19)
    if head[:1] == bytes((_CONTROL,)) and len(head) >= 6 and head[1] >= 4:
        flags = head[2]
        transparent = head[5] if flags & 1 else None
        state.control = _Control(10 * _u16(head, 3), flags >> 2 & 7, transparent)
    elif head[:2] == bytes((_APPLICATION, 11)) and head[2:13] == b"NETSCAPE2.0":
        repeats = _u16(head, 15) if head[13:15] == b"\x03\x01" else 0
        state.loop = repeats + 1 if repeats else 0
    return skip_blocks(reader, at + 2)


def _image(reader: ByteReader, at: int, state: _State, limits: SourceLimits) -> int:
    descriptor = reader.exact(at + 1, 9)
    left, top, width, height = (_u16(descriptor, offset) for offset in (0, 2, 4, 6))
    if not width or not height:
        raise Undecodable(f"The GIF has a frame of {width}x{height}.")
    box = (left, top, left + width, top + height)
    union = (max(box[2], state.canvas[0]), max(box[3], state.canvas[1]))
    state.pixels += union[0] * union[1]
    limits.check_totals(FORMAT, state.pixels, len(state.frames) + 1)
    if not state.frames:
        state.canvas = union
    flags = descriptor[8]
    data = at + 10 + table_length(flags)
    end = skip_blocks(reader, data + 1)
    table: Part = Span(at + 10, data - at - 10)
    state.frames.append(_frame(state, box, flags, table, Span(data, end - data)))
    state.control = _Control()
    return end


def _frame(state: _State, box: Box, flags: int, table: Part, data: Span) -> Frame:
    """Write the frame as a GIF of its own, with its size for canvas and its palette for all."""
    size = (box[2] - box[0]).to_bytes(2, "little") + (box[3] - box[1]).to_bytes(2, "little")
    control = state.control
    if flags & _TABLE_FLAG:
        palette, palette_flags = table, flags & (_TABLE_FLAG | _TABLE_SIZE)
    else:
        palette, palette_flags = state.palette, state.palette_flags
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
    )


def skip_blocks(reader: ByteReader, at: int) -> int:
    """Step over the sub-blocks at a byte; gives the byte after their terminator.

    At the end of the file, which some encoders reach without a terminator, gives the end.
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


def table_length(flags: int) -> int:
    """Tell how many bytes the colour table has that a field of flags announces."""
    return 3 << (flags & _TABLE_SIZE) + 1 if flags & _TABLE_FLAG else 0


def _u16(content: bytes, at: int) -> int:
    if len(content) < at + 2:
        raise truncated(at)
    return content[at] | content[at + 1] << 8
