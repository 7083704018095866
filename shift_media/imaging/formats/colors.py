"""Colour spaces that are given by numbers instead of a profile (ITU-T H.273)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shift_media.core.errors import UnsupportedType

Point = tuple[float, float]
"""x and y of a colour in the CIE 1931 diagram."""

Curve = tuple[float, float, float, float, float, float, float]
"""From coded values to light: (a·x + b)^g + e from d on, c·x + f below, as g, a, b, c, d, e, f."""


def power(exponent: float, scale: float = 1.0) -> Curve:
    """Return the curve ``scale`` · x^``exponent``."""
    return (exponent, scale ** (1 / exponent), 0.0, 0.0, 0.0, 0.0, 0.0)


Matrix = tuple[tuple[float, float, float], ...]
Vector = tuple[float, float, float]

BRADFORD: Final[Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
"""From XYZ to the responses of the eye by which a white is adapted (ICC.1, annex E)."""


def to_xyz(point: Point, unit: float) -> Vector:
    """Return a colour in XYZ that is as bright as ``y / unit``."""
    x, y = point
    return x / unit, y / unit, (1 - x - y) / unit


def apply_matrix(matrix: Matrix, vector: Vector) -> Vector:
    """Return the product of a matrix and a vector."""
    x, y, z = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def white_responses(white: Point) -> Vector:
    """Return the responses of the eye to a white, by which colours are divided."""
    return apply_matrix(BRADFORD, to_xyz(white, white[1]))


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """A colour space: its white, its primaries, and the curve that all of them have."""

    white: Point
    red: Point
    green: Point
    blue: Point
    curve: Curve


SRGB_CURVE: Final[Curve] = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)
_SMPTE_240M: Final[Curve] = (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913, 0.0, 0.0)
_SMPTE_428: Final = power(2.6, 52.37 / 48)

_D65: Final[Point] = (0.3127, 0.3290)
_C: Final[Point] = (0.310, 0.316)
_DCI: Final[Point] = (0.314, 0.351)

Gamut = tuple[Point, Point, Point, Point]
"""White, red, green and blue."""
SRGB_GAMUT: Final[Gamut] = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_SMPTE_C: Final[Gamut] = (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
GAMUTS: Final[Mapping[int, Gamut]] = {
    1: SRGB_GAMUT,
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE_C,
    7: _SMPTE_C,
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    10: ((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: (_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
"""By colour primaries (H.273, table 2)."""

_BT_1886: Final = power(2.4)
CURVES: Final[Mapping[int, Curve]] = {
    1: _BT_1886,
    4: power(2.2),
    5: power(2.8),
    6: _BT_1886,
    7: _SMPTE_240M,
    8: power(1.0),
    11: _BT_1886,
    13: SRGB_CURVE,
    14: _BT_1886,
    15: _BT_1886,
    17: _SMPTE_428,
}
"""By transfer characteristics (H.273, table 3). Those of video are shown by BT.1886."""

_HDR: Final[Mapping[int, str]] = {16: "PQ", 18: "HLG"}


def refuse_hdr(format: str, transfer: int) -> None:
    """Raise `UnsupportedType` for colours of a high dynamic range.

    Each browser maps them to a screen in its own way, which no resize in sRGB can follow.
    """
    if transfer in _HDR:
        raise UnsupportedType(
            f"The {format} has colours of a high dynamic range ({_HDR[transfer]}). "
            "Export it with the colours of sRGB or Display P3."
        )


def color_space(gamut: Gamut, curve: Curve) -> ColorSpace | None:
    """Return the colour space of a gamut and a curve; None for sRGB, which needs no conversion."""
    if (gamut, curve) == (SRGB_GAMUT, SRGB_CURVE):
        return None
    return ColorSpace(*gamut, curve)
