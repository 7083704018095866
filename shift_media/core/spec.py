"""Specs: the parameters of a resize, and their one spelling inside a key.

``Spec.parse(text, extension)`` and ``str(spec)`` are exact inverses; `Spec.make` takes what a
developer writes (``"400x300"``, ``mode="fill"``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from shift_media.core import spec_arguments, spec_values
from shift_media.core.errors import InvalidSpec, LimitExceeded
from shift_media.core.spec_options import OPTION_PATTERN, read_options, write_options
from shift_media.core.spec_values import (
    CENTRE,
    COMPASS,
    DEFAULT_QUALITY,
    LOSSLESS,
    LOSSLESS_QUALITY,
    MAX_SIDE,
    MAYBE_ANIMATED,
    MAYBE_LOSSLESS,
    MODES,
    SIZE_PATTERN,
    WHITE,
    Crop,
    Focal,
    Mode,
)

__all__ = [
    "CENTRE",
    "COMPASS",
    "DEFAULT_QUALITY",
    "LOSSLESS",
    "LOSSLESS_QUALITY",
    "MAX_SIDE",
    "MAYBE_ANIMATED",
    "MAYBE_LOSSLESS",
    "MODES",
    "WHITE",
    "Crop",
    "Focal",
    "Limits",
    "Mode",
    "Spec",
]

_SPEC: Final = re.compile(
    rf"{SIZE_PATTERN}-({'|'.join(MODES)})-([1-9][0-9]?)-(upscale|noupscale){OPTION_PATTERN}"
)


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
    """One resize: size, mode, quality, upscale, format and options, all in canonical form.

    The options are those of `core.spec_options`. Crop and focal point refer to the picture after
    it is turned and mirrored.

    Args:
        width: of the box in pixels; None with ``fit`` if the height is given.
        height: of the box in pixels; None with ``fit`` if the width is given.
        mode: ``fit``, ``fill``, ``pad`` or ``stretch``.
        quality: 1 to 99; 99 for png and gif, and without loss.
        upscale: whether a smaller original is enlarged.
        format: ``jpg``, ``png``, ``webp``, ``avif`` or ``gif``.
        background: six hex digits, or None for the default (transparent, or white with jpg).
        crop: cut out of the upright original first.
        focal: with ``fill`` only; None is the centre.
        rotate: 0, 90, 180 or 270 degrees, clockwise.
        flip: ``"h"`` if it is mirrored after that, else None.
        gray: shades of grey.
        blur: 0 to 100.
        sharpen: 0 to 100.
        lossless: with webp only.
        animated: with avif only.
        page: of a document, from 1.
        digest: of the effects of a preset, eight hex digits; None without any.
        poster: of a video, the attempt that has made its new poster, eight hex digits; None for
            the first poster.

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
    rotate: int = 0
    flip: str | None = None
    gray: bool = False
    blur: int = 0
    sharpen: int = 0
    lossless: bool = False
    animated: bool = False
    page: int = 1
    digest: str | None = None
    poster: str | None = None

    def __post_init__(self) -> None:
        spec_values.check_sides(self.width, self.height, self.mode)
        spec_values.check_quality(self.quality, self.format, self.lossless)
        spec_values.check_background(self.background, self.mode, self.format)
        spec_values.check_crop(self.crop)
        spec_values.check_focal(self.focal, self.mode)
        spec_values.check_turn(self.rotate, self.flip)
        spec_values.check_strength("blur", self.blur)
        spec_values.check_strength("sharpen", self.sharpen)
        for name in ("gray", "lossless", "animated"):
            spec_values.check_flag(name, getattr(self, name))
        spec_values.check_format_options(
            self.format, lossless=self.lossless, animated=self.animated
        )
        spec_values.check_page(self.page)
        spec_values.check_digest(self.digest)
        spec_values.check_poster(self.poster)

    @classmethod
    def parse(cls, text: str, extension: str) -> Spec:
        """Parse the canonical text of a spec; raise `InvalidSpec` for every other spelling."""
        match = _SPEC.fullmatch(text)
        if match is None:
            raise InvalidSpec(
                f"{spec_values.quote(text)} is not size-mode-quality-upscale[-options]."
            )
        width, height, mode, quality, upscale = match.group(1, 2, 3, 4, 5)
        return cls(
            width=int(width) if width else None,
            height=int(height) if height else None,
            mode=spec_values.check_mode(mode),
            quality=int(quality),
            upscale=upscale == "upscale",
            format=extension,
            **read_options(match.groupdict()),
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
        focal: tuple[float, float] | str | None = None,
        rotate: int | None = None,
        flip: str | None = None,
        digest: str | None = None,
        qualities: Mapping[str, int] = DEFAULT_QUALITY,
        **effects: Any,
    ) -> Spec:
        """Build a spec from the arguments of a developer, with the defaults filled in.

        ``background`` may begin with a ``#``, ``focal`` is rounded to whole percent or a word of
        `COMPASS`, ``flip="v"`` is upside down, and `Effects` has the ``effects``. Raises
        `InvalidSpec`.
        """
        spec_values.check_format(format)
        known_mode = spec_values.check_mode("fit" if mode is None else mode)
        width, height = spec_arguments.make_size(size)
        turn, flipped = spec_arguments.make_turn(rotate, flip)
        made = spec_arguments.make_effects(format, **effects)
        return cls(
            width=width,
            height=height,
            mode=known_mode,
            quality=spec_arguments.make_quality(
                quality, format, qualities, lossless=made.lossless
            ),
            upscale=spec_arguments.make_flag("upscale", upscale),
            format=format,
            background=spec_arguments.make_background(background, format),
            crop=spec_arguments.make_crop(crop),
            focal=spec_arguments.make_focal(focal, known_mode),
            rotate=turn,
            flip=flipped,
            digest=digest,
            **made._asdict(),
        )

    def __str__(self) -> str:
        text = (
            f"{self.width or ''}x{self.height or ''}-{self.mode}-{self.quality}-"
            f"{'upscale' if self.upscale else 'noupscale'}"
        )
        return text + write_options(self)


def _set_state(spec: Spec, state: list[Any]) -> None:
    """Restore a pickle, also one that was made when there were fewer options."""
    values = dict(zip((field.name for field in fields(Spec)), state, strict=False))
    for field in fields(Spec):
        default = None if field.default is MISSING else field.default
        object.__setattr__(spec, field.name, values.get(field.name, default))


# Sites keep pickles of resizes in their caches. The dataclass's own method leaves fields unset.
Spec.__setstate__ = _set_state  # type: ignore[attr-defined]
