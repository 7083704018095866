"""Colour spaces as ICC profiles, so that one converter handles all originals (ICC.1:2022)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from shift_media.imaging.formats.colors import (
    BRADFORD,
    ColorSpace,
    Curve,
    Matrix,
    Vector,
    apply_matrix,
    to_xyz,
    white_responses,
)

_D50: Final[Vector] = (0.9642, 1.0, 0.8249)
_VERSION: Final = 0x04400000
_MAX: Final = 32767.0
"""The largest number of 16 bits before the binary point."""
_HEADER_BYTES: Final = 128


@lru_cache(maxsize=64)
def rgb_profile(space: ColorSpace) -> bytes:
    """Return the profile of RGB pixels in a colour space."""
    columns = _adapted_primaries(space)
    curve = _curve(space.curve)
    tags = {b"wtpt": _xyz(_D50), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags |= {name: _xyz(xyz) for name, xyz in zip(names, columns, strict=True)}
    return _profile(b"RGB ", tags)


@lru_cache(maxsize=64)
def grey_profile(curve: Curve) -> bytes:
    """Return the profile of grey pixels with a curve."""
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _curve(curve)})


def _adapted_primaries(space: ColorSpace) -> list[Vector]:
    """Return the primaries in XYZ, so bright that they add up to white, adapted to D50."""
    primaries = [to_xyz(point, 1.0) for point in (space.red, space.green, space.blue)]
    white = to_xyz(space.white, space.white[1])
    shares = apply_matrix(_inverse(_transposed(primaries)), white)
    responses = white_responses(space.white)
    wanted = apply_matrix(BRADFORD, _D50)
    gains = [new / old for new, old in zip(wanted, responses, strict=True)]
    back = _inverse(BRADFORD)
    adapted = []
    for primary, share in zip(primaries, shares, strict=True):
        light = (primary[0] * share, primary[1] * share, primary[2] * share)
        x, y, z = apply_matrix(BRADFORD, light)
        adapted.append(apply_matrix(back, (x * gains[0], y * gains[1], z * gains[2])))
    return adapted


def _transposed(rows: list[Vector]) -> Matrix:
    return tuple((rows[0][i], rows[1][i], rows[2][i]) for i in range(3))


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    return tuple((x / determinant, y / determinant, z / determinant) for x, y, z in rows)


def _number(value: float) -> bytes:
    """Return a number as s15Fixed16Number (4.6)."""
    return struct.pack(">i", round(max(-_MAX, min(value, _MAX)) * 65536))


def _xyz(vector: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_number, vector))


def _curve(curve: Curve) -> bytes:
    """Return a parametricCurveType of the most general function (10.18)."""
    return b"para\0\0\0\0\0\4\0\0" + b"".join(map(_number, curve))


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Return a display profile (7.2, 7.3) with these tags."""
    at = _HEADER_BYTES + 4 + 12 * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    size = _HEADER_BYTES + len(table) + len(contents)
    header = struct.pack(">I4xI", size, _VERSION) + b"mntr" + space + b"XYZ " + bytes(12)
    header += b"acsp" + bytes(28) + b"".join(map(_number, _D50))
    return header.ljust(_HEADER_BYTES, b"\0") + table + contents
