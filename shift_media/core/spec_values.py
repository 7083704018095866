"""The values in a spec, and the one place where each is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

from shift_media.core.errors import InvalidSpec
from shift_media.core.formats import RESIZE_FORMATS

Mode = Literal["fit", "fill", "pad", "stretch"]

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
DEFAULT_QUALITY: Final[Mapping[str, int]] = {
    extension: format.quality
    for extension, format in RESIZE_FORMATS.items()
    if format.quality is not None
}
LOSSLESS: Final = frozenset(RESIZE_FORMATS) - DEFAULT_QUALITY.keys()
"""Formats without a quality: theirs is always written as `LOSSLESS_QUALITY`."""
LOSSLESS_QUALITY: Final = 99
MAYBE_LOSSLESS: Final = frozenset(("webp",))
"""Formats with a quality that can do without loss. Pillow's AVIF rounds colours even at 100."""
MAYBE_ANIMATED: Final = frozenset(("avif",))
"""Formats that hold an animation only if the option says so, because their URLs were stills."""
MAX_SIDE: Final = 9999
MAX_PAGE: Final = 99_999
WHITE: Final = "ffffff"
TURNS: Final = (0, 90, 180, 270)

_SIDE = r"[1-9][0-9]{0,3}"
SIZE_PATTERN: Final = rf"({_SIDE})?x({_SIDE})?"
_COLOR = re.compile(r"[0-9a-f]{6}")
_DIGEST = _TOKEN = re.compile(r"[0-9a-f]{8}")


class Crop(NamedTuple):
    """A box in pixels of the upright original, cut out before resizing."""

    x: int
    y: int
    width: int
    height: int


class Focal(NamedTuple):
    """A point in percent of the width and height, from the top left, that `fill` keeps in view."""

    x: int
    y: int


CENTRE: Final = Focal(50, 50)
COMPASS: Final[Mapping[str, Focal]] = {
    "northwest": Focal(0, 0),
    "north": Focal(50, 0),
    "northeast": Focal(100, 0),
    "west": Focal(0, 50),
    "center": CENTRE,
    "east": Focal(100, 50),
    "southwest": Focal(0, 100),
    "south": Focal(50, 100),
    "southeast": Focal(100, 100),
}
"""The words for focal points, which sharp, ImageMagick and Cloudinary have too."""


def quote(value: object) -> str:
    """Return a refused value for a message; `repr` alone fails on integers of 4,300 digits."""
    try:
        return repr(value)[:100]
    except ValueError:
        return "a number of thousands of digits"


def _is_int(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def check_mode(text: str) -> Mode:
    """Return a mode; raise `InvalidSpec` for any other text."""
    for mode in MODES:
        if mode == text:
            return mode
    raise InvalidSpec(f"{quote(text)} is not a mode: use one of {', '.join(MODES)}.")


def check_format(format: str) -> None:
    """Raise `InvalidSpec` for what is not the extension of a format of resizes."""
    if format not in RESIZE_FORMATS:
        formats = ", ".join(RESIZE_FORMATS)
        raise InvalidSpec(f"{quote(format)} is not a format: use one of {formats}.")


def check_sides(width: int | None, height: int | None, mode: str) -> None:
    """Raise `InvalidSpec` for sides that a mode does not have."""
    check_mode(mode)
    for side in (width, height):
        if side is not None and not _is_int(side, 1, MAX_SIDE):
            raise InvalidSpec(
                f"{quote(side)} is not a side: use a whole number from 1 to {MAX_SIDE}."
            )
    if width is None and height is None:
        raise InvalidSpec('A size needs at least one side, such as "400x".')
    if mode != "fit" and (width is None or height is None):
        raise InvalidSpec(f'Mode {mode!r} needs both sides, such as "400x300".')


def check_quality(quality: int, format: str, lossless: bool) -> None:
    """Raise `InvalidSpec` for a quality that a format does not have."""
    check_format(format)
    if not _is_int(quality, 1, 99):
        raise InvalidSpec(f"{quote(quality)} is not a quality: use a whole number from 1 to 99.")
    if format in LOSSLESS and quality != LOSSLESS_QUALITY:
        raise InvalidSpec(f"{format} has no quality: leave it out.")
    if lossless and quality != LOSSLESS_QUALITY:
        raise InvalidSpec("A resize without loss has no quality: leave it out.")


def check_background(background: str | None, mode: str, format: str) -> None:
    """Raise `InvalidSpec` for a colour that has no place in a mode and a format."""
    if background is None:
        return
    if not _COLOR.fullmatch(background):
        raise InvalidSpec(f'{quote(background)} is not a colour: write six hex digits, "ff8800".')
    opaque = not RESIZE_FORMATS[format].alpha
    if mode != "pad" and not opaque:
        raise InvalidSpec("A background goes with mode pad, or with jpg, which has no alpha.")
    if opaque and background == WHITE:
        raise InvalidSpec(f"White is {format}'s background already: leave it out.")


def check_crop(crop: Crop | None) -> None:
    """Raise `InvalidSpec` for a box with other numbers than keys have."""
    lowest = (0, 0, 1, 1)
    if crop is not None and not all(map(_is_int, crop, lowest, (99999,) * 4)):
        raise InvalidSpec(
            f"{quote(tuple(crop))} is not a crop: write (x, y, width, height) in whole pixels, "
            "x and y from 0, width and height from 1, all up to 99999."
        )


def check_focal(focal: Focal | None, mode: str) -> None:
    """Raise `InvalidSpec` for a focal point outside the picture, or without ``fill``."""
    if focal is None:
        return
    if mode != "fill":
        raise InvalidSpec("A focal point goes with mode fill only.")
    if not all(_is_int(value, 0, 100) for value in focal) or focal == CENTRE:
        raise InvalidSpec(
            f"{quote(tuple(focal))} is not a focal point: write (x, y) in percent, 0 to 100, "
            "and leave 50, 50 out."
        )


def check_turn(rotate: int, flip: str | None) -> None:
    """Raise `InvalidSpec` for a turn that is not one of the eight."""
    if type(rotate) is not int or rotate not in TURNS:
        raise InvalidSpec(f"{quote(rotate)} is not a turn: use 90, 180 or 270 degrees, clockwise.")
    if flip not in (None, "h"):
        raise InvalidSpec(f'{quote(flip)} is not a flip: use "h" or "v".')


def check_strength(name: str, value: int) -> None:
    """Raise `InvalidSpec` for a strength of an effect beyond 0 to 100."""
    if not _is_int(value, 0, 100):
        raise InvalidSpec(f"{quote(value)} is no value of {name}: use a whole number, 1 to 100.")


def check_flag(name: str, value: object) -> None:
    """Raise `InvalidSpec` for anything but True and False."""
    if type(value) is not bool:  # The words "False" and "no" are true in Python.
        raise InvalidSpec(f"{quote(value)} is not a value of {name}: use True or False.")


def check_page(page: int) -> None:
    """Raise `InvalidSpec` for what is not the number of a page."""
    if not _is_int(page, 1, MAX_PAGE):
        raise InvalidSpec(f"{quote(page)} is not a page: use a whole number from 1.")


def check_digest(digest: str | None) -> None:
    """Raise `InvalidSpec` for what is not a digest of effects."""
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise InvalidSpec(f"{quote(digest)} is not a digest of eight hex digits.")


def check_poster(poster: str | None) -> None:
    """Raise `InvalidSpec` for what is not the name of an attempt that has made a poster."""
    if poster is not None and not _TOKEN.fullmatch(poster):
        raise InvalidSpec(f"{quote(poster)} is not a poster: expected eight hex digits.")


def check_format_options(format: str, *, lossless: bool, animated: bool) -> None:
    """Raise `InvalidSpec` for an option that a format does not have, or always has."""
    if lossless and format not in MAYBE_LOSSLESS:
        formats = ", ".join(sorted(MAYBE_LOSSLESS))
        raise InvalidSpec(f"lossless goes with {formats}; png has no loss without it.")
    if animated and format not in MAYBE_ANIMATED:
        raise InvalidSpec(f"animated goes with {', '.join(sorted(MAYBE_ANIMATED))}.")
