"""Originals without their metadata, but with the compressed pixels unchanged.

Each format lists what stays, and all other bytes are removed: GPS, camera and serial number,
author, dates, captions, embedded thumbnails, comments, and bytes after the image's end. Two things
stay because they change how the pixels look: the colour profile, and the orientation as an EXIF
block of one entry.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from shift_media.core.errors import NotStrippable
from shift_media.core.formats import Format
from shift_media.imaging.engine.data_end import cut_behind_data
from shift_media.imaging.formats import IMAGE_FORMATS
from shift_media.imaging.formats.base import (
    ByteReader,
    Part,
    SourceLimits,
    append_part,
    part_length,
)
from shift_media.imaging.formats.segments import open_parts
from shift_media.imaging.probe import DEFAULT_LIMITS, read_header

_SPARE: Final = 1_000_000
"""Bytes by which a file may grow: the numbers of a TIFF are written with more bytes."""


def can_strip(format: Format) -> bool:
    """Return True if metadata can be removed from images of this format."""
    image_format = IMAGE_FORMATS.get(format.extension)
    return image_format is not None and image_format.stripped_parts is not None


def strip(source: BinaryIO, limits: SourceLimits = DEFAULT_LIMITS) -> BinaryIO:
    """Open an image without its metadata, as a file that reads from the original without a copy.

    An image without metadata comes out byte for byte as it was. Raises `UnsupportedType` for
    files that are not images, `Undecodable` if the structure is broken or cut short so that
    picture and metadata cannot be distinguished, `NotStrippable`, `TooManyPixels` and
    `TooManyFrames`.
    """
    header = read_header(source, limits.whole)  # the end of its data is found by decoding it
    stripped_parts = IMAGE_FORMATS[header.format.extension].stripped_parts
    if stripped_parts is None:
        raise NotStrippable(f"Metadata cannot be removed from {header.format.name} images.")
    reader = ByteReader(source)
    parts: list[Part] = []
    length = 0
    for part in stripped_parts(reader, header):
        append_part(parts, part)
        length += part_length(part)
        if length > reader.size + _SPARE:
            raise NotStrippable("Its pictures share their bytes, which would each be written.")
    return cut_behind_data(source, header, open_parts(source, parts))
