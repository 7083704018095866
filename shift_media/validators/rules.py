"""Rules for the facts of a file: its sides, ratio, duration, sound and pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, cast

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from shift_media.core.formats import Format
from shift_media.core.metadata import Metadata
from shift_media.validators.errors import InvalidMedia, too_small

Sides = tuple[int | None, int | None]
Ratio = str | float | tuple[float, float]
Pages = int | tuple[int, int]

TOLERANCE: Final = 0.01
"""The share by which a ratio may differ, unless another is given: 1280 × 721 is still 16:9."""

_HUNDREDTHS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """Rules for a file, besides its type and its largest size in bytes.

    A rule holds for the files that can have the fact: sides and ratio for images and videos, a
    duration for videos and audio, sound for videos, pages for PDF. If the fact of such a file is
    not known, because it cannot be read or the package that reads it is missing, the file is
    refused.

    Attributes:
        min_bytes: the smallest size.
        min_size, max_size: sides in pixels of the upright picture; None is an open side.
        ratio: of width to height: ``"16:9"``, a number, or a number and the share by which it may
            differ, by default `TOLERANCE`.
        min_duration, max_duration: seconds.
        with_audio: True if a video must have sound, False if it must have none.
        pages: the most pages, or the fewest and the most.
    """

    min_bytes: int | None = None
    min_size: Sides | None = None
    max_size: Sides | None = None
    ratio: Ratio | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    with_audio: bool | None = None
    pages: Pages | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> FileRules:
        """Return the rules among keyword arguments, and remove them from these.

        A pair may be given as a list.
        """
        taken: dict[str, Any] = {n: options.pop(n) for n in RULES if n in options}
        for name, value in taken.items():
            taken[name] = tuple(value) if isinstance(value, list) else value
        return cls(**taken)

    @property
    def given(self) -> dict[str, Any]:
        """The rules that are not None, by their names."""
        return {name: getattr(self, name) for name in RULES if getattr(self, name) is not None}

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each rule with a wrong value, and what was expected."""
        for name, value in self.given.items():
            is_right, expected = _EXPECTED[name]
            if not is_right(value):
                yield name, expected
        if any(self.problems_of_order):
            yield from self.problems_of_order

    @property
    def problems_of_order(self) -> list[tuple[str, str]]:
        """The rules that no file can meet, because the least is more than the most."""
        pairs = [("min_duration", self.min_duration, self.max_duration)]
        if _is_sides(self.min_size) and _is_sides(self.max_size):
            low, high = cast("Sides", self.min_size), cast("Sides", self.max_size)
            pairs += [("min_size", low[0], high[0]), ("min_size", low[1], high[1])]
        return [
            (name, f"at most {most!r}, because more is not allowed")
            for name, least, most in pairs
            if _is_number(least) and _is_number(most) and least > most  # type: ignore[operator]
        ]

    def check_values(self) -> None:
        """Raise ``ValueError`` for a rule with a wrong value, where no system check reports it."""
        for name, expected in self.problems():
            raise ValueError(f"{name!r} must be {expected}, got {getattr(self, name)!r}.")

    def check_bytes(self, size: int) -> None:
        """Raise `InvalidMedia` for a file of ``size`` bytes that is too small."""
        if self.min_bytes is not None and size < self.min_bytes:
            raise too_small(size, self.min_bytes)

    def check(self, format: Format, metadata: Metadata) -> None:
        """Raise `InvalidMedia` for a file whose facts break a rule."""
        self.check_bytes(metadata.size)
        if format.kind in ("image", "video"):
            self._check_sides(metadata)
        if format.kind in ("video", "audio"):
            self._check_duration(metadata)
        if format.kind == "video":
            self._check_audio(metadata)
        if format.extension == "pdf":
            self._check_pages(metadata)

    def _check_sides(self, metadata: Metadata) -> None:
        if self.min_size is None and self.max_size is None and self.ratio is None:
            return
        width, height = metadata.width, metadata.height
        if not width or not height:
            raise _unknown(_("size in pixels"))
        low, high = self.min_size or (None, None), self.max_size or (None, None)
        seen = sides_text((width, height))
        if width < (low[0] or 0) or height < (low[1] or 0):
            raise InvalidMedia("picture_too_small", seen=seen, limit=sides_text(low))
        if width > (high[0] or width) or height > (high[1] or height):
            raise InvalidMedia("picture_too_large", seen=seen, limit=sides_text(high))
        if self.ratio is not None:
            wanted, tolerance = parse_ratio(self.ratio)
            if abs(width / height - wanted) > wanted * tolerance:
                raise InvalidMedia("wrong_ratio", seen=seen, ratio=ratio_text(self.ratio))

    def _check_duration(self, metadata: Metadata) -> None:
        least, most = self.min_duration, self.max_duration
        if least is None and most is None:
            return
        seconds = metadata.duration
        if seconds is None:
            raise _unknown(_("duration"))
        # Rounded away from the limit, so that no message says "10 seconds; at least 10".
        if least is not None and seconds < least:
            seen = math.floor(seconds * _HUNDREDTHS) / _HUNDREDTHS
            raise InvalidMedia("too_short", seen=seconds_text(seen), limit=seconds_text(least))
        if most is not None and seconds > most:
            seen = math.ceil(seconds * _HUNDREDTHS) / _HUNDREDTHS
            raise InvalidMedia("too_long", seen=seconds_text(seen), limit=seconds_text(most))

    def _check_audio(self, metadata: Metadata) -> None:
        if self.with_audio is None:
            return
        if metadata.channels is None:
            raise _unknown(_("sound"))
        if self.with_audio and not metadata.channels:
            raise InvalidMedia("no_audio")
        if not self.with_audio and metadata.channels:
            raise InvalidMedia("has_audio")

    def _check_pages(self, metadata: Metadata) -> None:
        if self.pages is None:
            return
        if metadata.pages is None:
            raise _unknown(_("number of pages"))
        least, most = self.pages if isinstance(self.pages, tuple) else (1, self.pages)
        seen = number_format(metadata.pages)
        if metadata.pages < least:
            raise InvalidMedia("too_few_pages", seen=seen, limit=number_format(least))
        if metadata.pages > most:
            raise InvalidMedia("too_many_pages", seen=seen, limit=number_format(most))


RULES: Final = tuple(field.name for field in fields(FileRules))
"""The names of the rules, which are those of the options of a `MediaField`."""


NO_RULES: Final = FileRules()


def parse_ratio(ratio: Ratio) -> tuple[float, float]:
    """Return a ratio as a number, and its tolerance; raise ``ValueError`` for a wrong one."""
    value, tolerance = ratio if isinstance(ratio, tuple) else (ratio, TOLERANCE)
    if isinstance(value, str):
        width, _colon, height = value.partition(":")
        value = float(width) / float(height or 1)
    if not 0 < value < math.inf or not 0 <= tolerance < 1:
        raise ValueError(f"{ratio!r} is not a ratio.")
    return value, tolerance


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(cast("float", value))


def _is_positive(value: object) -> bool:
    return type(value) is int and value > 0


def _is_sides(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and value != (None, None)
        and all(side is None or _is_positive(side) for side in value)
    )


def _is_ratio(value: object) -> bool:
    try:
        parse_ratio(cast("Ratio", value))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return False
    return not isinstance(value, bool)


def _is_seconds(value: object) -> bool:
    return _is_number(value) and cast("float", value) > 0


def _is_pages(value: object) -> bool:
    least_and_most = value if isinstance(value, tuple) else (1, value)
    return (
        len(least_and_most) == 2
        and all(map(_is_positive, least_and_most))
        and least_and_most[0] <= least_and_most[1]
    )


_SIDES_EXPECTED = "a pair of whole numbers, one of which may be None, such as (800, 600)"
_SECONDS_EXPECTED = "a positive number of seconds, such as 90"
_EXPECTED: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "min_bytes": (_is_positive, "a positive whole number, such as 10_000 for 10 kB"),
    "min_size": (_is_sides, _SIDES_EXPECTED),
    "max_size": (_is_sides, _SIDES_EXPECTED),
    "ratio": (_is_ratio, 'a ratio such as "16:9", or a number and a tolerance: (16 / 9, 0.01)'),
    "min_duration": (_is_seconds, _SECONDS_EXPECTED),
    "max_duration": (_is_seconds, _SECONDS_EXPECTED),
    "with_audio": (lambda value: isinstance(value, bool), "True, False or None"),
    "pages": (_is_pages, "the most pages, such as 20, or the fewest and the most: (2, 20)"),
}


def _unknown(fact: str) -> InvalidMedia:
    return InvalidMedia("unknown_fact", fact=gettext(fact))


def sides_text(sides: Sides) -> str:
    """Return sides as text: ``"800 × 600 pixels"``, ``"800 pixels in width"``."""
    width, height = sides
    if width is None:
        return gettext("%s pixels in height") % number_format(height or 0)
    if height is None:
        return gettext("%s pixels in width") % number_format(width)
    # A space as a separator of thousands, which some languages have, would be hard to read here.
    return gettext("%(width)s × %(height)s pixels") % {"width": width, "height": height}


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio as text: ``"16:9"``, ``"1.5:1"``."""
    value = ratio[0] if isinstance(ratio, tuple) else ratio
    return value if isinstance(value, str) else f"{number_format(round(value, 3))}:1"


def seconds_text(seconds: float) -> str:
    """Return a duration as text: ``"90 seconds"``."""
    whole = float(seconds).is_integer()
    return gettext("%s seconds") % number_format(int(seconds) if whole else seconds)
