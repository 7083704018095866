"""Where a JPEG ends: its last scan, and whether one without an end marker misses nothing else.

A decoder cannot say so. It decodes no more than the rows above the last blocks without the marker,
and with one it reads missing data as zeros.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from shift_media.imaging.formats import jpeg, jpeg_scans
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span
from shift_media.imaging.formats.jpeg_scans import Component, Scan
from shift_media.imaging.formats.segments import open_parts

END: Final = b"\xff\xd9"
_COEFFICIENTS: Final = 64
_FILLER: Final = bytes(37 * i % 251 for i in range(6, 500))
"""Bytes that a scan reads as data if it needs more, and that are skipped if it is complete. They
begin with other bits than the zeros that a decoder puts in place of missing data."""
FILLED_END: Final = (_FILLER, END)


def ended_parts(header: Header) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return the parts of a file with an end marker, and the same with data before that.

    Both decode to the same pixels if the last scan of the file is complete.
    """
    return (*header.still, END), (*header.still, *FILLED_END)


def has_all_scans(reader: ByteReader) -> bool:
    """Return True if the scans of a file without an end marker cover all bits of the image.

    The data of the last scan counts as complete, unless it ends with half a marker: an encoder
    that writes no end marker writes no part of it, so that file was cut short.
    """
    if reader.upto(reader.size - 1, 1) == END[:1]:
        return False
    ended = ByteReader(open_parts(reader.file, [Span(0, reader.size), END]))
    frame, tables, start = jpeg_scans.before_scans(ended)
    if frame is None:
        return False
    scans = list(jpeg_scans.scans(ended, start, tables))
    if all((scan.first, scan.last) == (0, _COEFFICIENTS - 1) for scan in scans):  # sequential
        return {id for scan in scans for id in scan.components} == {c.id for c in frame.components}
    return _covers_all_bits(scans, frame.components)


def _covers_all_bits(scans: Iterable[Scan], components: Iterable[Component]) -> bool:
    missing: dict[int, dict[int, int]] = {c.id: {} for c in components}
    if not all(jpeg_scans.apply_scan(scan, missing) for scan in scans):
        return False
    return all(len(bits) == _COEFFICIENTS and not any(bits.values()) for bits in missing.values())


class LastScan(NamedTuple):
    """Where the data of the last scan begins, and where it ends at the latest.

    Attributes:
        single: it is the only scan.
        first_alone: it has data of the first component of the frame alone.
    """

    start: int
    end: int
    single: bool
    first_alone: bool


def last_scan(reader: ByteReader) -> LastScan:
    """Find the last scan of a JPEG, which has one."""
    first, scans = b"", []
    for segment in jpeg.all_segments(reader):
        if segment.marker in jpeg.FRAMES:
            first = reader.exact(segment.content.offset + 6, 1)
        if segment.marker == jpeg.SOS:
            scans.append(segment.span)
    at, length = scans[-1]
    components = reader.exact(at + 4, 2)
    start = at + 2 + reader.number(at + 2, 2)
    return LastScan(start, at + length, len(scans) == 1, components == b"\x01" + first)
