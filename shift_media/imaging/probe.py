"""The facts of an image, read from its header by parsers of this package before any decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from shift_media.core.errors import UnsupportedType
from shift_media.core.formats import HEAD_BYTES, Format, detect
from shift_media.imaging.formats import IMAGE_FORMATS
from shift_media.imaging.formats.base import ByteReader, Header, SourceLimits

__all__ = ["DEFAULT_LIMITS", "ImageFacts", "SourceLimits", "probe", "read_header"]

DEFAULT_LIMITS: Final = SourceLimits()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The facts in the header of an image.

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
    """Return the facts of an image from its header alone, whatever the file's position.

    Nothing is decoded, and metadata and image data are read only as far as necessary. Raises
    `UnsupportedType`, `Undecodable`, `TooManyPixels` and `TooManyFrames`.
    """
    header = read_header(file, limits)
    width, height = header.upright_size
    return ImageFacts(
        header.format, width, height, header.orientation, header.frames, header.has_alpha
    )


def read_header(file: BinaryIO, limits: SourceLimits = DEFAULT_LIMITS) -> Header:
    """Return the header of an image with what its decoder needs; raise as `probe` does."""
    reader = ByteReader(file)
    format = detect(reader.upto(0, HEAD_BYTES))
    image_format = IMAGE_FORMATS.get(format.extension)
    if image_format is None:
        raise UnsupportedType(f"A file of type {format.name} is not an image that can be resized.")
    return image_format.read_header(reader, limits)
