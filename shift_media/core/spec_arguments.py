"""The values of a spec from what a developer writes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shift_media.core.errors import InvalidSpec
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec_values import (
    CENTRE,
    COMPASS,
    DEFAULT_QUALITY,
    LOSSLESS,
    LOSSLESS_QUALITY,
    MAX_SIDE,
    MAYBE_ANIMATED,
    SIZE_PATTERN,
    WHITE,
    Crop,
    Focal,
    check_flag,
    check_turn,
    quote,
)

_SIZE: Final = re.compile(SIZE_PATTERN)


def make_size(size: object) -> tuple[int | None, int | None]:
    """Return the sides of ``"400x300"``, ``"400x"`` or ``"x300"``; raise `InvalidSpec`."""
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise InvalidSpec(
            f'{quote(size)} is not a size: write "400x300", "400x" or "x300", '
            f"with sides from 1 to {MAX_SIDE}."
        )
    return (int(match[1]) if match[1] else None, int(match[2]) if match[2] else None)


def make_quality(
    quality: int | None, format: str, qualities: Mapping[str, int], *, lossless: bool
) -> int:
    """Return the quality, or the default of the format."""
    if format in LOSSLESS:
        return LOSSLESS_QUALITY
    if quality is not None:
        return quality
    return LOSSLESS_QUALITY if lossless else qualities.get(format, DEFAULT_QUALITY[format])


def make_flag(name: str, value: object) -> bool:
    """Return a value that is True or False; None is False. Raises `InvalidSpec`."""
    if value is None:
        return False
    if value not in (False, True):
        check_flag(name, value)
    return bool(value)


class Effects(NamedTuple):
    """The options that say how a resize looks, beside its size and its turn."""

    gray: bool
    blur: int
    sharpen: int
    lossless: bool
    animated: bool
    page: int


def make_effects(
    format: str,
    *,
    gray: bool | None = None,
    blur: int | None = None,
    sharpen: int | None = None,
    lossless: bool | None = None,
    animated: bool | None = None,
    page: int | None = None,
) -> Effects:
    """Return the effects of a resize, without those that its format always or never has.

    A png has no loss in any case, and gif and webp are animated without the option.
    """
    return Effects(
        make_flag("gray", gray),
        0 if blur is None else blur,
        0 if sharpen is None else sharpen,
        make_flag("lossless", lossless) and format != "png",
        make_flag("animated", animated) and format in MAYBE_ANIMATED,
        1 if page is None else page,
    )


def make_background(background: object, format: str) -> str | None:
    """Return six hex digits, from a text that may begin with a ``#``; None for the default."""
    if background is None:
        return None
    text = background if isinstance(background, str) else quote(background)
    color = text.removeprefix("#").lower()
    return None if not RESIZE_FORMATS[format].alpha and color == WHITE else color


def make_crop(crop: tuple[int, int, int, int] | None) -> Crop | None:
    """Return a crop box; raise `InvalidSpec` for what has not four numbers."""
    if crop is None:
        return None
    try:
        return Crop(*crop)
    except TypeError as error:
        raise InvalidSpec(f"{quote(crop)} is not a crop: write (x, y, width, height).") from error


def make_focal(focal: Any, mode: str) -> Focal | None:
    """Return a focal point in whole percent; None for the centre with ``fill``."""
    if focal is None:
        return None
    point = find_point(focal)
    return None if point == CENTRE and mode == "fill" else point


def find_point(focal: Any) -> Focal:
    """Return the point of a compass word or of two numbers; raise `InvalidSpec`."""
    if isinstance(focal, str):
        if focal in COMPASS:
            return COMPASS[focal]
        raise InvalidSpec(
            f"{quote(focal)} is not a focal point: write (x, y) in percent, or one of "
            f"{', '.join(COMPASS)}."
        )
    try:
        x, y = focal
        return Focal(math.floor(x + 0.5), math.floor(y + 0.5))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidSpec(
            f"{quote(focal)} is not a focal point: write (x, y) in percent."
        ) from error


def make_turn(rotate: int | None, flip: str | None) -> tuple[int, str | None]:
    """Return a turn and a flip as keys have them: mirrored upside down is turned by 180 more."""
    turn = 0 if rotate is None else rotate
    if flip != "v":
        return turn, flip
    check_turn(turn, None)
    return (turn + 180) % 360, "h"
