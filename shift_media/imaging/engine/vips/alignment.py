"""Where libvips must start for its filter to hit a box of fractions of a pixel.

``reduce`` by a factor makes as many pixels as fit, and centres them on those it is given: of n
pixels it makes m of ``step`` each, the first of which begins at (n - m × step) / 2. So a box that
begins anywhere is met by reading some pixels more than it has, and leaving out some of those that
are made. A decoder that shrinks, and a box filter, leave a part of a pixel at the edge, by which
the picture would be shifted otherwise: up to .007 of SSIM.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MARGIN: Final = 3
"""Pixels that are made beside a box at least, where others may be read: LANCZOS reaches as far."""
_MAX_EXTRA: Final = 24
"""Pixels that are made in addition to those that are kept, at most."""
_TOLERANCE: Final = 0.02
"""Pixels of the source by which a box may be missed."""
_MAX_MISSED: Final = 0.06
"""The same, as a share of a made pixel, where no window within the tolerance exists."""
_SURE: Final = 0.49
"""Parts of a pixel; libvips rounds the number of pixels that it makes."""


@dataclass(frozen=True, slots=True)
class Window:
    """The pixels that one axis of the filter of libvips reads and makes.

    Attributes:
        start, length: pixels that are read; some may lie beyond the edges of the source.
        step: the factor.
        skipped: pixels that are made before the first that is kept.
        missed: by how many pixels of the source the box is missed.
    """

    start: int
    length: int
    step: float
    skipped: int
    missed: float


def align(start: float, length: float, size: int, margin: int) -> Window | None:
    """Return the window of which ``size`` pixels are those of a box.

    ``margin`` is how many pixels are made on each side at least. None if no window is exact
    enough, or if the box is enlarged.
    """
    step = length / size
    if step < 1:
        return None
    best: Window | None = None
    for extra in range(2 * margin, _MAX_EXTRA + 1):
        for skipped in range(margin, extra - margin + 1):
            window = _fit(start, step, size + extra, skipped)
            if window is not None and (best is None or window.missed < best.missed):
                best = window
        if best is not None and best.missed <= _TOLERANCE:
            return best
    return best if best is not None and best.missed <= _MAX_MISSED * step else None


def _fit(start: float, step: float, made: int, skipped: int) -> Window | None:
    """Return the window of ``made`` pixels; None if libvips would make another number of them."""
    first = start - skipped * step
    ends = 2 * first + made * step  # the sum of both ends of the window, which its centre is half
    whole = math.floor(ends + 0.5)
    length = whole - 2 * math.floor((whole - made * step) / 2 + 0.5)
    if length < 1 or abs(length / step - made) > _SURE:
        return None
    return Window((whole - length) // 2, length, step, skipped, abs(ends - whole) / 2)
