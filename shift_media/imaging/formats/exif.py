"""The one EXIF tag that matters, read by a reader that no broken EXIF can upset."""

from __future__ import annotations

from typing import Final, Literal

MAX_BYTES: Final = 65_536
"""How much of an EXIF block is looked at; in practice the first directory lies right in front."""

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 1_000


def orientation(block: bytes) -> int:
    """Read the orientation, 1 to 8, from an EXIF block; 1 where there is none or it is broken.

    TIFF 6.0, section 2: byte order, 42, offset of the first directory of 12-byte entries.
    """
    tiff = block.removeprefix(_PREFIX)
    order: Literal["little", "big"]
    if tiff[:4] == b"II*\0":
        order = "little"
    elif tiff[:4] == b"MM\0*":
        order = "big"
    else:
        return 1
    at = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[at : at + 2], order)
    for index in range(min(count, _MAX_ENTRIES)):
        entry = tiff[at + 2 + 12 * index :][:12]
        if len(entry) < 12:
            break
        if int.from_bytes(entry[:2], order) == _ORIENTATION:
            return _value(entry, order)
    return 1


def _value(entry: bytes, order: Literal["little", "big"]) -> int:
    length = {_SHORT: 2, _LONG: 4}.get(int.from_bytes(entry[2:4], order), 0)
    value = int.from_bytes(entry[8 : 8 + length], order)
    return value if 1 <= value <= 8 else 1
