"""The parts that all formats share: the object of a module, headers, limits and exact reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, NamedTuple

from shift_media.core.errors import StorageError, TooManyFrames, TooManyPixels, Undecodable
from shift_media.core.formats import Format
from shift_media.imaging.formats.colors import ColorSpace

_WINDOW: Final = 4096
"""Bytes read at once for the many small reads of a header."""
_BLOCK: Final = bytes(65_536)
_BYTES_PER_PIXEL: Final = 8
_FREE_BYTES: Final = 1_000_000
"""A picture has at most 1 MB and 8 bytes a pixel. A decoder would hold all of a larger file."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The largest original that is decoded.

    Attributes:
        pixels: width × height, over all frames.
        frames: frames of an animation.
        shrinking: how many times as many pixels a JPEG may have whose decoder shrinks it while it
            loads, so that the pixels are never held.
    """

    pixels: int = 50_000_000
    frames: int = 500
    shrinking: int = 4

    @property
    def whole(self) -> SourceLimits:
        """The limits for work that needs all pixels at once."""
        return replace(self, shrinking=1)

    def max_pixels(self, format: Format) -> int:
        """Return how many pixels an original of this format may have."""
        return int(self.pixels * format.pixel_share)

    def check(self, format: Format, width: int, height: int, frames: int = 1) -> None:
        """Raise `TooManyFrames` or `TooManyPixels` if an image is over the limits."""
        self.check_totals(format, width * height * frames, frames)

    def check_totals(self, format: Format, pixels: int, frames: int, *, times: int = 1) -> None:
        """Raise `TooManyFrames` or `TooManyPixels` for sums over all frames.

        ``times`` as many pixels are allowed for originals whose pixels are not held at once.
        """
        if frames > self.frames:
            raise TooManyFrames(
                f"The animation has {frames} frames or more, the limit is {self.frames} "
                '(SHIFT_MEDIA["MAX_FRAMES"]).'
            )
        most = self.max_pixels(format) * times
        if pixels > most:
            error = TooManyPixels(
                f"The {format.name} image has {pixels} pixels or more over {frames} frame(s), "
                f'the limit for such {format.name} is {most} (SHIFT_MEDIA["MAX_PIXELS"]).'
            )
            error.limit = most
            raise error


class Span(NamedTuple):
    """A run of bytes of the original."""

    offset: int
    length: int


class Chunk(NamedTuple):
    """One chunk of PNG or RIFF: its type, where its content lies, and where all of it lies."""

    type: bytes
    content: Span
    whole: Span


Part = bytes | Span
"""Bytes as they are, or bytes of the original."""


Change = tuple[int, int, bytes]
"""Offset, length, and the bytes in place of these; empty for zeros."""


def part_length(part: Part) -> int:
    """Return the length of a part in bytes."""
    return len(part) if isinstance(part, bytes) else part.length


def append_part(parts: list[Part], part: Part) -> None:
    """Append a part, joined with the last one if both are spans that touch.

    So the parts of a file stay few, although its data may come in 100,000 chunks.
    """
    last = parts[-1] if parts else None
    if (
        isinstance(part, Span)
        and isinstance(last, Span)
        and last.offset + last.length == part.offset
    ):
        parts[-1] = Span(last.offset, last.length + part.length)
    else:
        parts.append(part)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a GIF, and the GIF of one frame that its decoder reads.

    Attributes:
        box: left, top, right, bottom in pixels of the canvas.
        delay: milliseconds.
        disposal: what happens to it before the next frame (GIF89a, 23.c.iv).
        transparent: whether one of its colours is.
        parts: a whole GIF that holds nothing but this frame.
        data: its compressed data, from the size of the first code to the last sub-block.
    """

    box: tuple[int, int, int, int]
    delay: int
    disposal: int
    transparent: bool
    parts: tuple[Part, ...]
    data: Span


@dataclass(frozen=True, slots=True)
class Tile:
    """One coded image of several that a picture is made of, and the file that its decoder reads.

    Attributes:
        box: left, top, right, bottom in pixels of the picture, over whose edges it may reach.
        parts: a whole file that holds nothing but this image.
    """

    box: tuple[int, int, int, int]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The facts in the header of an original, and the bytes that its decoder needs.

    Metadata is not among these bytes: what a decoder never sees costs no memory and cannot leak.

    Attributes:
        width, height: pixels, as stored: not yet upright.
        orientation: 1 to 8, as in EXIF.
        parts: the file as its decoder reads it.
        still: the same for the first frame alone.
        profile: where the ICC profile lies; empty without one.
        deflated: whether the profile is compressed.
        color_space: the colours of an original without a usable profile; None for sRGB.
        shrinks: whether its decoder can shrink while decoding.
        skips: whether it reads less of the data then.
        progressive: whether a JPEG comes in scans, coarse ones first.
        gif_frames: the frames of a GIF; ``parts`` and ``still`` are then those of its first.
        loop: how often an animation plays; 0 is for ever.
        tiles: the images that a HEIC is made of; ``parts`` and ``still`` are then empty.
        alpha_tiles: those that its transparency is made of.
        decoder: of this file, if it is not the format's; see `ImageFormat`.
    """

    format: Format
    width: int
    height: int
    orientation: int = 1
    frames: int = 1
    has_alpha: bool = False
    parts: tuple[Part, ...]
    still: tuple[Part, ...]
    profile: tuple[Span, ...] = ()
    deflated: bool = False
    color_space: ColorSpace | None = None
    shrinks: bool = False
    skips: bool = False
    progressive: bool = False
    gif_frames: tuple[Frame, ...] = ()
    loop: int = 0
    tiles: tuple[Tile, ...] = ()
    alpha_tiles: tuple[Tile, ...] = ()
    decoder: str = ""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height in pixels once the orientation is applied."""
        size = (self.width, self.height)
        return size if self.orientation < 5 else (size[1], size[0])


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """How originals of one format are read: the one object that a format's module exposes.

    Attributes:
        format: its row of the format table.
        decoder: the Pillow plugin that decodes it, as ``"module:Class"``. It is imported by the
            engine alone, so that headers can be read without it.
        read_header: reads the header; raises `Undecodable`, `UnsupportedType`, `TooManyPixels`
            and `TooManyFrames`.
        stripped_parts: returns the parts of the file without metadata, from its header; raises
            `Undecodable` and `NotStrippable`. None: metadata cannot be removed from this format.
    """

    format: Format
    decoder: str
    read_header: Callable[[ByteReader, SourceLimits], Header]
    stripped_parts: Callable[[ByteReader, Header], Iterable[Part]] | None = None


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read at most ``length`` bytes; raise `StorageError` if the file itself cannot be read.

    A failure to read says nothing about the picture, so it must not look like a broken picture.
    """
    try:
        file.seek(offset)
        return file.read(length)
    except OSError as error:
        raise StorageError(f"The original cannot be read at byte {offset}: {error}") from error


class ByteReader:
    """Exact reads at offsets of a seekable file, of which small ones are served from a window.

    Attributes:
        boxes: how many boxes of the file were read, by parsers of files that are made of boxes.
    """

    __slots__ = ("_start", "_window", "boxes", "file", "size")

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, 2)
        self.boxes = 0
        self._start = 0
        self._window = b""

    def upto(self, offset: int, length: int) -> bytes:
        """Read at most ``length`` bytes at ``offset``; fewer at the end of the file."""
        if length > _WINDOW // 4:
            return self._read(offset, length)
        at = offset - self._start
        if not 0 <= at <= len(self._window) - length:
            self._start, self._window, at = offset, self._read(offset, _WINDOW), 0
        return self._window[at : at + length]

    def _read(self, offset: int, length: int) -> bytes:
        # Offsets and lengths of 64 bits, which a header may hold, are more than files can take.
        # A byte behind the end is asked for, so that a storage notices what it did not deliver.
        length = min(length, self.size - offset + 1)
        if length <= 0:
            return b""
        content = read_at(self.file, offset, length)
        while len(content) < length:
            more = read_at(self.file, offset + len(content), length - len(content))
            if not more:
                break
            content += more
        return content

    def exact(self, offset: int, length: int) -> bytes:
        """Read exactly ``length`` bytes at ``offset``; raise `Undecodable` if the file ends."""
        content = self.upto(offset, length)
        if len(content) < length:
            raise truncated(offset)
        return content

    def number(self, offset: int, length: int, order: str = "big") -> int:
        """Read an unsigned number of ``length`` bytes."""
        return int.from_bytes(self.exact(offset, length), "little" if order == "little" else "big")


def kept_parts(spans: Iterable[Span]) -> Iterator[Part]:
    """Yield these parts of a file where they are, and zeros in place of what lies between them."""
    at = 0
    for offset, length in sorted(spans):
        if offset > at:
            yield from zeros(offset - at)
        start = max(at, offset)
        at = max(at, offset + length)
        yield Span(start, at - start)


def zeros(length: int) -> Iterator[bytes]:
    """Yield zeros in blocks."""
    for _ in range(length // len(_BLOCK)):
        yield _BLOCK
    yield _BLOCK[: length % len(_BLOCK)]


def truncated(offset: int) -> Undecodable:
    """Return the error for a file that ends too early."""
    return Undecodable(f"The file ends early, at or after byte {offset}.")


def check_byte_count(format: Format, count: int, pixels: int) -> None:
    """Raise `Undecodable` if an image has far more encoded bytes than its pixels can need."""
    if count > _FREE_BYTES + _BYTES_PER_PIXEL * pixels:
        raise Undecodable(f"The {format.name} has far more bytes than its pixels can need.")
