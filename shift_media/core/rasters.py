"""Pictures that are drawn from a drawing or a page, which have no pixels of their own."""

from __future__ import annotations

from typing import Final

Size = tuple[int, int]

_LEAST_SIDE: Final = 256
_STEP: Final = 64
_SPARE: Final = 2
"""Pixels more than asked, because sides are rounded."""

RASTER_SIDE: Final = 4096
"""The longer side in pixels of the largest picture that is drawn: what counts as the original's
size where a resize is planned. It limits a resize, a crop box is in its pixels."""


def scaled_size(size: Size, side: int) -> Size:
    """Return a size with the same ratio whose longer side is ``side``, each side at least 1."""
    longer = max(size)
    width, height = ((each * side * 2 + longer) // (longer * 2) for each in size)
    return max(1, width), max(1, height)


def raster_side(width: int | None, height: int | None) -> int:
    """Return the longer side of the picture to draw for a resize of a size.

    An open side is taken for 1.5 times the other one, which is enough for paper. For a resize that
    needs more, such as one that covers a box, a larger picture is drawn afterwards.
    """
    sides = (width or 0, height or 0)
    asked = max(sides) if min(sides) else max(sides) * 3 // 2
    return min(RASTER_SIDE, max(_LEAST_SIDE, -(-(asked + _SPARE) // _STEP) * _STEP))
