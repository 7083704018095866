"""Facts of a photograph in its EXIF block: the camera, the time and the place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, BinaryIO, Final

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shift_media.core.formats import Format

# EXIF 3.0, tables 4 to 15.
_MAKE, _MODEL = 0x010F, 0x0110
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_TIMES: Final = ((0x9003, 0x9011), (0x9004, 0x9012))
"""The tags of the time of exposure and of digitizing, each with that of its offset from UTC."""
_LATITUDE_SIDE, _LATITUDE, _LONGITUDE_SIDE, _LONGITUDE = 1, 2, 3, 4

_MOST_CHARACTERS: Final = 100
_MOST_BYTES: Final = 1 << 20
"""Of a block that is parsed; a JPEG has at most 64 KB of it."""
_DIGITS: Final = 6
"""Of a degree, behind the point: 11 cm."""

_READERS: Final[Mapping[str, Callable[[BinaryIO], Any]]] = {
    "jpg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "avif": AvifImageFile,
}


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """The facts in an EXIF block; empty where it has none, or none that is possible.

    Attributes:
        camera: maker and model.
        taken_at: the local time in ISO 8601, with its offset from UTC if that is known.
        gps: latitude and longitude in degrees.
    """

    camera: str = ""
    taken_at: str = ""
    gps: tuple[float, float] | None = None


def read_exif_facts(file: BinaryIO, format: Format) -> ExifFacts:
    """Return the facts in the EXIF block of an image; none of a block that is broken."""
    try:
        exif = _read_exif(file, format)
        details, place = exif.get_ifd(_EXIF_DIRECTORY), exif.get_ifd(_GPS_DIRECTORY)
        return ExifFacts(_camera(exif), _taken_at(details), _position(place))
    except Exception:
        return ExifFacts()


def _read_exif(file: BinaryIO, format: Format) -> Image.Exif:
    file.seek(0)
    exif = Image.Exif()
    if format.extension == "heic":
        # The extra of the format, without which it is not accepted.
        block = import_module("pi_heif").open_heif(file).info.get("exif") or b""
    else:
        block = _READERS[format.extension](file).info.get("exif") or b""
    if len(block) <= _MOST_BYTES:
        exif.load(block)
    return exif


def _camera(exif: Image.Exif) -> str:
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    first = make.partition(" ")[0].lower()
    both = model if first and model.lower().startswith(first) else f"{make} {model}".strip()
    return both[:_MOST_CHARACTERS]


def _taken_at(details: Mapping[int, Any]) -> str:
    for tag, offset_tag in _TIMES:
        text, offset = _text(details.get(tag)), _text(details.get(offset_tag))
        for candidate, layout in ((text + offset, "%Y:%m:%d %H:%M:%S%z"), (text, _LOCAL)):
            try:
                return datetime.strptime(candidate, layout).isoformat()  # noqa: DTZ007 (local)
            except ValueError:
                continue
    return ""


_LOCAL: Final = "%Y:%m:%d %H:%M:%S"


def _position(place: Mapping[int, Any]) -> tuple[float, float] | None:
    if not place:
        return None
    latitude = _degrees(place[_LATITUDE], _text(place[_LATITUDE_SIDE]), "NS", 90)
    longitude = _degrees(place[_LONGITUDE], _text(place[_LONGITUDE_SIDE]), "EW", 180)
    return latitude, longitude


def _degrees(parts: Any, side: str, sides: str, most: int) -> float:
    """Return degrees, minutes and seconds as degrees; raise ``ValueError`` if impossible."""
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value) or not 0 <= value <= most or side not in tuple(sides):
        raise ValueError(f"{parts!r} {side!r} is no position.")
    return round(value if side == sides[0] else -value, _DIGITS)


def _text(value: object) -> str:
    """Return a text without what follows its end, and without control characters."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return "".join(c for c in text.partition("\0")[0] if c.isprintable()).strip()
