"""What an image is by its header: read by parsers of our own, before any decoder is entered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from shift_media.core.errors import UnsupportedType
from shift_media.core.formats import HEAD_BYTES, Format, detect
from shift_media.imaging.formats import avif, gif, jpeg, png, webp
from shift_media.imaging.formats.base import ByteReader, Header, SourceLimits

__all__ = ["DEFAULT_LIMITS", "ImageFacts", "SourceLimits", "probe", "read_header"]

DEFAULT_LIMITS: Final = SourceLimits()

_PARSERS: Final[Mapping[str, Callable[[ByteReader, SourceLimits], Header]]] = {
    "jpg": jpeg.parse,
    "png": png.parse,
    "gif": gif.parse,
    "webp": webp.parse,
    "avif": avif.parse,
}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the header of an image says.

    Attributes:
        format: its row of the format table.
        width, height: pixels, upright.
        orientation: 1 to 8 as in EXIF: how the stored pixels are turned.
        frames: 1 for a still image.
        has_alpha: whether any transparency is possible.
    """

    format: Format
    width: int
    height: int
    orientation: int
    frames: int
    has_alpha: bool


def probe(file: BinaryIO, limits: SourceLimits = DEFAULT_LIMITS) -> ImageFacts:
    """Read the facts of an image from its header alone, wherever the file stands.

    Decodes nothing, and reads metadata and image data only as far as it must. Raises
    `UnsupportedType`, `Undecodable`, `TooManyPixels` and `TooManyFrames`.
    """
    header = read_header(file, limits)
    width, height = header.upright
    return ImageFacts(
        header.format, width, height, header.orientation, header.frames, header.has_alpha
    )


def read_header(file: BinaryIO, limits: SourceLimits = DEFAULT_LIMITS) -> Header:
    """Read the header of an image together with what its decoder needs; raises as `probe` does."""
    reader = ByteReader(file)
    format = detect(reader.upto(0, HEAD_BYTES))
    parser = _PARSERS.get(format.extension)
    if parser is None:
        raise UnsupportedType(f"A file of type {format.name} is not an image that can be resized.")
    return parser(reader, limits)
