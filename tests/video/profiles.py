"""ICC profiles that tests write by hand (ICC.1:2001-04), since Pillow makes none but sRGB."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

_D50 = (0.9642, 1.0, 0.8249)
_P3 = {
    "rXYZ": (0.51512, 0.24120, -0.00105),
    "gXYZ": (0.29198, 0.69225, 0.04189),
    "bXYZ": (0.15710, 0.06657, 0.78407),
}
"""The primaries of Display P3, adapted to D50."""


def display_p3() -> bytes:
    """Write Display P3 with a plain gamma of 2.2."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {name: _xyz(value) for name, value in {**_P3, "wtpt": _D50}.items()}
    return _profile(
        "mntr", "RGB ", "XYZ ", {**tags, **dict.fromkeys(("rTRC", "gTRC", "bTRC"), curve)}
    )


def grey(gamma: float) -> bytes:
    """Write a grey profile with a plain gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return _profile("mntr", "GRAY", "XYZ ", {"wtpt": _xyz(_D50), "kTRC": curve})


def press(inks: Mapping[tuple[int, int, int, int], tuple[float, float, float]]) -> bytes:
    """Write a CMYK profile: Lab of the corners given, as (C, M, Y, K) of 0 and 1; others black."""
    table = bytearray()
    for index in range(16):
        corner = (index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1)
        lightness, a, b = inks.get(corner, (0.0, 0.0, 0.0))
        table += bytes((round(lightness * 2.55), round(a + 128), round(b + 128)))
    identity = struct.pack(">9i", *(0x10000 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes(table) + ramp * 3
    return _profile("prtr", "CMYK", "Lab ", {"wtpt": _xyz(_D50), "A2B0": lut})


def _xyz(value: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in value))


def _profile(kind: str, space: str, connection: str, tags: Mapping[str, bytes]) -> bytes:
    tags = {"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78), **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name.encode() + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = struct.pack(">I", offset + len(body))
    names = kind.encode() + space.encode() + connection.encode()
    head = size + bytes(4) + b"\x02\x40\0\0" + names + bytes(12) + b"acsp"
    return (
        head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + body
    )
