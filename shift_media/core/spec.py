"""Specs: the parameters of a resize, and their one spelling inside a key.

``Spec.parse(text, extension)`` and ``str(spec)`` are exact inverses; `Spec.make` takes what a
developer writes (``"400x300"``, ``mode="fill"``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from shift_media.core.errors import InvalidSpec, LimitExceeded
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
MAX_SIDE: Final = 9999
WHITE: Final = "ffffff"

_NUMBER = r"(?:0|[1-9][0-9]{0,4})"
_POSITIVE = r"[1-9][0-9]{0,4}"
_PERCENT = r"(?:0|[1-9][0-9]?|100)"
_SIDE = r"[1-9][0-9]{0,3}"
_SPEC = re.compile(
    rf"({_SIDE})?x({_SIDE})?-({'|'.join(MODES)})-([1-9][0-9]?)-(upscale|noupscale)"
    rf"(?:-b([0-9a-f]{{6}}))?"
    rf"(?:-c({_NUMBER})\.({_NUMBER})\.({_POSITIVE})\.({_POSITIVE}))?"
    rf"(?:-f({_PERCENT})\.({_PERCENT}))?"
)
_SIZE = re.compile(rf"({_SIDE})?x({_SIDE})?")
_COLOR = re.compile(r"[0-9a-f]{6}")


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


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest resize: each side in pixels, and the area in pixels."""

    side: int = 5000
    area: int = 16_000_000

    def check(self, width: int | None, height: int | None) -> None:
        """Raise `LimitExceeded` if a side or the area is over the limits; None is an open side."""
        if max(width or 0, height or 0) > self.side or (width or 1) * (height or 1) > self.area:
            raise LimitExceeded(
                f"A resize of {width or ''}x{height or ''} is over the limits: sides up to "
                f'{self.side}, area up to {self.area} pixels (SHIFT_MEDIA["MAX_OUTPUT"]).'
            )


@dataclass(frozen=True, slots=True)
class Spec:
    """One resize: size, mode, quality, upscale, options and format, all in canonical form.

    Args:
        width, height: sides of the box in pixels; one may be None with ``fit``.
        mode: ``fit``, ``fill``, ``pad`` or ``stretch``.
        quality: 1 to 99; 99 for png and gif.
        upscale: whether a smaller original is enlarged.
        format: ``jpg``, ``png``, ``webp``, ``avif`` or ``gif``.
        background: six hex digits, or None for the default (transparent, or white with jpg).
        crop: cut out of the upright original first.
        focal: with ``fill`` only; None is the centre.

    Raises `InvalidSpec` for parameters that have no spelling.
    """

    width: int | None
    height: int | None
    mode: Mode
    quality: int
    upscale: bool
    format: str
    background: str | None = None
    crop: Crop | None = None
    focal: Focal | None = None

    def __post_init__(self) -> None:
        _check_sides(self.width, self.height, self.mode)
        _check_quality(self.quality, self.format)
        _check_options(self)

    @classmethod
    def parse(cls, text: str, extension: str) -> Spec:
        """Parse the canonical text of a spec; raise `InvalidSpec` for every other spelling."""
        match = _SPEC.fullmatch(text)
        if match is None:
            raise InvalidSpec(f"{_quote(text)} is not size-mode-quality-upscale[-options].")
        width, height, mode, quality, upscale, background = match.group(1, 2, 3, 4, 5, 6)
        crop, focal = match.group(7, 8, 9, 10), match.group(11, 12)
        return cls(
            width=int(width) if width else None,
            height=int(height) if height else None,
            mode=_mode(mode),
            quality=int(quality),
            upscale=upscale == "upscale",
            format=extension,
            background=background,
            crop=Crop(*map(int, crop)) if crop[0] else None,
            focal=Focal(*map(int, focal)) if focal[0] else None,
        )

    @classmethod
    def make(
        cls,
        size: str,
        *,
        format: str,
        mode: str | None = None,
        quality: int | None = None,
        upscale: bool | None = None,
        background: str | None = None,
        crop: tuple[int, int, int, int] | None = None,
        focal: tuple[float, float] | None = None,
        qualities: Mapping[str, int] = DEFAULT_QUALITY,
    ) -> Spec:
        """Build a spec from the arguments of a developer, with the defaults filled in.

        ``size`` is ``"400x300"``, ``"400x"`` or ``"x300"``; ``background`` may begin with a ``#``
        and be in capitals; ``focal`` is rounded to whole percent. Raises `InvalidSpec`.
        """
        _check_format(format)
        known_mode = _mode("fit" if mode is None else mode)
        width, height = _parse_size(size)
        return cls(
            width=width,
            height=height,
            mode=known_mode,
            quality=_make_quality(quality, format, qualities),
            upscale=_make_upscale(upscale),
            format=format,
            background=_make_background(background, format),
            crop=_make_crop(crop),
            focal=_make_focal(focal, known_mode),
        )

    def __str__(self) -> str:
        text = (
            f"{self.width or ''}x{self.height or ''}-{self.mode}-{self.quality}-"
            f"{'upscale' if self.upscale else 'noupscale'}"
        )
        if self.background is not None:
            text += f"-b{self.background}"
        if self.crop is not None:
            text += "-c" + ".".join(map(str, self.crop))
        if self.focal is not None:
            text += f"-f{self.focal.x}.{self.focal.y}"
        return text


def _is_int(value: object) -> bool:
    return type(value) is int


def _quote(value: object) -> str:
    """Return a refused value for a message; `repr` alone fails on integers of 4,300 digits."""
    try:
        return repr(value)[:100]
    except ValueError:
        return "a number of thousands of digits"


def _mode(text: str) -> Mode:
    for mode in MODES:
        if mode == text:
            return mode
    raise InvalidSpec(f"{_quote(text)} is not a mode: use one of {', '.join(MODES)}.")


def _check_format(format: str) -> None:
    if format not in RESIZE_FORMATS:
        formats = ", ".join(RESIZE_FORMATS)
        raise InvalidSpec(f"{_quote(format)} is not a format: use one of {formats}.")


def _is_opaque(format: str) -> bool:
    """Return True for a format without alpha, which has white behind it by default."""
    return not RESIZE_FORMATS[format].alpha


def _check_sides(width: int | None, height: int | None, mode: str) -> None:
    _mode(mode)
    for side in (width, height):
        if side is not None and not (_is_int(side) and 1 <= side <= MAX_SIDE):
            raise InvalidSpec(
                f"{_quote(side)} is not a side: use a whole number from 1 to {MAX_SIDE}."
            )
    if width is None and height is None:
        raise InvalidSpec('A size needs at least one side, such as "400x".')
    if mode != "fit" and (width is None or height is None):
        raise InvalidSpec(f'Mode {mode!r} needs both sides, such as "400x300".')


def _check_quality(quality: int, format: str) -> None:
    _check_format(format)
    if not (_is_int(quality) and 1 <= quality <= 99):
        raise InvalidSpec(f"{_quote(quality)} is not a quality: use a whole number from 1 to 99.")
    if format in LOSSLESS and quality != LOSSLESS_QUALITY:
        raise InvalidSpec(f"{format} has no quality: leave it out.")


def _check_options(spec: Spec) -> None:
    background, crop, focal = spec.background, spec.crop, spec.focal
    if background is not None:
        if not _COLOR.fullmatch(background):
            raise InvalidSpec(
                f'{_quote(background)} is not a colour: write six hex digits, "ff8800".'
            )
        opaque = _is_opaque(spec.format)
        if spec.mode != "pad" and not opaque:
            raise InvalidSpec("A background goes with mode pad, or with jpg, which has no alpha.")
        if opaque and background == WHITE:
            raise InvalidSpec(f"White is {spec.format}'s background already: leave it out.")
    if crop is not None and not _crop_in_range(crop):
        raise InvalidSpec(
            f"{_quote(tuple(crop))} is not a crop: write (x, y, width, height) in whole pixels, "
            "x and y from 0, width and height from 1, all up to 99999."
        )
    if focal is None:
        return
    if spec.mode != "fill":
        raise InvalidSpec("A focal point goes with mode fill only.")
    if not all(_is_int(value) and 0 <= value <= 100 for value in focal) or focal == CENTRE:
        raise InvalidSpec(
            f"{_quote(tuple(focal))} is not a focal point: write (x, y) in percent, 0 to 100, "
            "and leave 50, 50 out."
        )


def _crop_in_range(crop: Crop) -> bool:
    lowest = (0, 0, 1, 1)
    return all(_is_int(v) and low <= v <= 99999 for v, low in zip(crop, lowest, strict=True))


def _parse_size(size: object) -> tuple[int | None, int | None]:
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise InvalidSpec(
            f'{_quote(size)} is not a size: write "400x300", "400x" or "x300", '
            f"with sides from 1 to {MAX_SIDE}."
        )
    return (int(match[1]) if match[1] else None, int(match[2]) if match[2] else None)


def _make_quality(quality: int | None, format: str, qualities: Mapping[str, int]) -> int:
    if format in LOSSLESS:
        return LOSSLESS_QUALITY
    return qualities.get(format, DEFAULT_QUALITY[format]) if quality is None else quality


def _make_upscale(upscale: object) -> bool:
    if upscale not in (None, False, True):  # The words "False" and "no" are true in Python.
        raise InvalidSpec(f"{_quote(upscale)} is not a value of upscale: use True or False.")
    return bool(upscale)


def _make_background(background: object, format: str) -> str | None:
    if background is None:
        return None
    text = background if isinstance(background, str) else _quote(background)
    color = text.removeprefix("#").lower()
    return None if _is_opaque(format) and color == WHITE else color


def _make_crop(crop: tuple[int, int, int, int] | None) -> Crop | None:
    if crop is None:
        return None
    try:
        return Crop(*crop)
    except TypeError as error:
        raise InvalidSpec(f"{_quote(crop)} is not a crop: write (x, y, width, height).") from error


def _make_focal(focal: tuple[float, float] | None, mode: str) -> Focal | None:
    if focal is None:
        return None
    try:
        x, y = focal
        point = Focal(math.floor(x + 0.5), math.floor(y + 0.5))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidSpec(
            f"{_quote(focal)} is not a focal point: write (x, y) in percent."
        ) from error
    return None if point == CENTRE and mode == "fill" else point
