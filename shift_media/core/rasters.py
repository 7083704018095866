"""Pictures that are drawn from a drawing or a page, which have no pixels of their own."""

from __future__ import annotations

from typing import Final

Size = tuple[int, int]

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

    It is a power of two, so that resizes of similar sizes are made from one picture. It may be too
    small for a resize that covers a box, which is drawn with `RASTER_SIDE` then.
    """
    asked = max(width or 1, height or 1)
    return min(RASTER_SIDE, max(256, 1 << (asked - 1).bit_length()))
