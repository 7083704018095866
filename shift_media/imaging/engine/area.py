"""The part of an original that a resize shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shift_media.core.geometry import Box, Size

_DIGITS: Final = 6
"""Of a coordinate in pixels, after the point."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of some pixels, and its size once it is resized.

    Attributes:
        box: the part that is shown.
        region: the part that filters may read around it.
        size: of the box once resized, not yet upright.
    """

    box: Box
    region: Box
    size: Size

    @classmethod
    def of_all(cls, width: int, height: int, size: Size) -> Area:
        """Return the area of a resize that shows all pixels of an original."""
        whole = (0.0, 0.0, float(width), float(height))
        return cls(whole, whole, size)

    @property
    def ratios(self) -> tuple[float, float]:
        """How many pixels across and down become one."""
        left, top, right, bottom = self.box
        return (right - left) / self.size[0], (bottom - top) / self.size[1]

    @property
    def enlarges(self) -> bool:
        """True if the resize is larger than the part of the original that it shows."""
        return min(self.ratios) < 1

    def scaled(self, scale: tuple[float, float]) -> Area:
        """Return the same area of pixels of which ``scale`` are one pixel of these."""
        return Area(scale_box(self.box, scale), scale_box(self.region, scale), self.size)


def scale_box(box: Box, scale: tuple[float, float]) -> Box:
    """Scale a box; whole pixels stay whole, although the scale is a rounded fraction."""
    left, top, right, bottom = box
    sides = (left * scale[0], top * scale[1], right * scale[0], bottom * scale[1])
    left, top, right, bottom = (round(side, _DIGITS) for side in sides)
    return left, top, right, bottom
