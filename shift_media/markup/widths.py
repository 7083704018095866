"""The widths to offer of a picture, given by hand or found from how wide it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from shift_media.core.errors import InvalidSpec

AUTO: Final = "auto"

LADDER: Final = (160, 240, 320, 480, 640, 800, 960, 1280, 1600, 1920, 2560, 3200, 3840)
"""Automatic widths in pixels. They are the same on all pages, so that pages share resizes."""

_DENSITY: Final = 2
"""Pixels of the screen for one of the page. Eyes see no more, although some phones have three."""

_NARROWEST, _WIDEST = 320, 1920
"""The widths of pages, in pixels, for which automatic widths are meant."""

_PIXELS: Final = {"px": 1.0, "rem": 16.0, "em": 16.0}
"""Pixels of a unit; of ``em`` and ``rem`` with the font size that browsers begin with."""

_CLAUSE: Final = re.compile(
    r"(?:\(min-width: ?(\d{1,5})px\) )?(\d{1,5}(?:\.\d{1,4})?)(vw|px|rem|em)"
)


def parse_widths(given: object, sizes: str | None) -> list[int]:
    """Return the widths in ``"320 640 1280"``, a list of numbers, a single number or ``"auto"``.

    Args:
        given: the widths, in pixels.
        sizes: the value of the attribute ``sizes``, which ``"auto"`` follows.

    Raises `InvalidSpec`.
    """
    if given == AUTO:
        return automatic_widths(sizes)
    try:
        words = [given] if isinstance(given, int) else split_words(given)
        widths = [int(word) for word in words]
    except (TypeError, ValueError):
        widths = []
    if not widths or min(widths) < 1:
        raise InvalidSpec(
            f'widths is {given!r}: write "auto" or whole numbers, such as "320 640 1280".'
        )
    return widths


def automatic_widths(sizes: str | None) -> list[int]:
    """Return the part of `LADDER` for pictures that are shown as wide as ``sizes`` says.

    It goes from the narrowest picture on a plain screen to the widest on a dense one, for pages of
    320 to 1920 pixels. Without ``sizes``, or with a formula in it, a picture may be as wide as
    the page.
    """
    shown = list(_shown_widths(sizes or "")) or [_NARROWEST, _WIDEST]
    least, most = min(shown), max(shown) * _DENSITY
    first = max([index for index, width in enumerate(LADDER) if width <= least], default=0)
    last = min(
        [index for index, width in enumerate(LADDER) if width >= most], default=len(LADDER) - 1
    )
    return list(LADDER[first : last + 1])


def _shown_widths(sizes: str) -> Iterator[float]:
    """Yield the widths at both ends of each range of pages; nothing for what cannot be parsed."""
    clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in sizes.split(",")]
    if not all(clauses):
        return
    end = _WIDEST
    for clause in filter(None, clauses):
        start = max(int(clause[1] or 0), _NARROWEST)
        if start <= end:
            yield from (_in_pixels(float(clause[2]), clause[3], page) for page in (start, end))
        end = min(end, start - 1)


def _in_pixels(number: float, unit: str, page: int) -> float:
    return number * (page / 100 if unit == "vw" else _PIXELS[unit])


def split_words(given: Any) -> Sequence[Any]:
    """Return the words of a text, or the items of a list."""
    return given.split() if isinstance(given, str) else list(given)
