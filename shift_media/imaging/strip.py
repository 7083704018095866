"""Takes metadata out of an original and leaves its compressed pixels as they are.

What is kept is listed, format by format, and all else goes: GPS, camera and serial number,
author, dates, captions, embedded thumbnails, comments, and whatever lies behind the image's end.
What says how the pixels look stays: the colour profile, and the orientation as an EXIF block of
one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO, Final

from shift_media.core.formats import Format
from shift_media.imaging.formats import avif_strip, gif_strip, jpeg_strip, png_strip, webp_strip
from shift_media.imaging.formats.base import ByteReader, Header, Part, SourceLimits, Span
from shift_media.imaging.formats.segments import open_parts
from shift_media.imaging.probe import DEFAULT_LIMITS, read_header

_WRITERS: Final[Mapping[str, Callable[[ByteReader, Header], Iterable[Part]]]] = {
    "jpg": jpeg_strip.parts,
    "png": png_strip.parts,
    "gif": gif_strip.parts,
    "webp": webp_strip.parts,
    "avif": avif_strip.parts,
}


def can_strip(format: Format) -> bool:
    """Tell whether there is a way to take metadata out of a format: out of every image."""
    return format.extension in _WRITERS


def strip(source: BinaryIO, limits: SourceLimits = DEFAULT_LIMITS) -> BinaryIO:
    """Open an image without its metadata: as a file that reads from the original, not a copy.

    What is stripped already comes out byte for byte as it was. Raises `UnsupportedType` for what
    is no image, `Undecodable` where the structure is broken or cut short, so that nobody can tell
    what is picture and what is not, `NotStrippable`, `TooManyPixels` and `TooManyFrames`.
    """
    header = read_header(source, limits)
    reader = ByteReader(source)
    return open_parts(source, _joined(_WRITERS[header.format.extension](reader, header)))


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Join spans that touch, of which a file may have a hundred thousand."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            isinstance(part, Span)
            and isinstance(last, Span)
            and last.offset + last.length == part.offset
        ):
            joined[-1] = Span(last.offset, last.length + part.length)
        else:
            joined.append(part)
    return joined
