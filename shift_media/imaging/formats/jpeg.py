"""JPEG: the segments before the first scan (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import ByteReader, Header, Part, SourceLimits, Span

FORMAT: Final = BY_EXTENSION["jpg"]

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2
_LOSSLESS = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_BARE = frozenset((0x01, *range(0xD0, 0xD8)))
_ICC = b"ICC_PROFILE\0"
_ICC_HEAD = len(_ICC) + 2
_CMYK = 4
"""Components of a CMYK image, whose pixels count 4/3: a progressive one needs that much memory."""
_MAX_SEGMENTS = 5_000
_MAX_JUNK = 65_536
_WINDOW = 65_536
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Segment(NamedTuple):
    """One marker segment: its marker byte, and where it lies with its marker and length."""

    marker: int
    span: Span


def parse(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the header of a JPEG; raises `Undecodable`, `UnsupportedType`, `TooManyPixels`."""
    frame = None
    turn = 1
    icc: dict[int, Span] = {}
    parts: list[Part] = [b"\xff\xd8"]
    for segment in segments(reader):
        marker, span = segment
        if marker == _SOS:
            break
        if marker in _FRAMES:
            if frame is not None:
                raise Undecodable("The JPEG has two frame headers.")
            frame = _frame(reader, segment, limits)
        elif marker == _APP1 and turn == 1:
            turn = exif.orientation(reader.exact(span.offset + 4, span.length - 4))
        elif marker == _APP2:
            _collect_profile(reader, span, icc)
        if needed(marker):
            parts.append(span)
    if frame is None:
        raise Undecodable("The JPEG has a scan before its frame header.")
    parts.append(Span(span.offset, reader.size - span.offset))
    width, height, kind = frame
    return Header(
        format=FORMAT,
        width=width,
        height=height,
        orientation=turn,
        parts=tuple(parts),
        still=tuple(parts),
        profile=tuple(icc[number] for number in sorted(icc)),
        shrinks=kind not in _LOSSLESS,
        progressive=kind == _PROGRESSIVE,
    )


def segments(reader: ByteReader) -> Iterator[Segment]:
    """Walk the segments from the start of image to the first start of scan, which is the last."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at, marker = next_marker(reader, at)
        if marker in (_SOI, _EOI):
            raise Undecodable("The JPEG has no scan.")
        if marker in _BARE:
            at += 2
            continue
        length = reader.number(at + 2, 2)
        if length < 2:
            raise Undecodable(f"The JPEG segment at byte {at} is shorter than its length field.")
        yield Segment(marker, Span(at, length + 2))
        if marker == _SOS:
            return
        at += length + 2
    raise Undecodable(f"The JPEG has more than {_MAX_SEGMENTS} segments before its first scan.")


def scan_end(reader: ByteReader, at: int) -> int | None:
    """Find the first marker in entropy-coded data that is neither stuffing nor a restart."""
    while content := reader.upto(at, _WINDOW):
        if match := _MARKER.search(content):
            return at + match.start()
        if len(content) < _WINDOW:
            break
        at += len(content) - 1
    return None


def next_marker(reader: ByteReader, at: int) -> tuple[int, int]:
    """Find the next marker at or after a byte, over fill bytes and a little junk."""
    pair = reader.exact(at, 2)
    if pair[0] == 0xFF and pair[1] not in (0x00, 0xFF):
        return at, pair[1]
    window = reader.upto(at, _MAX_JUNK)
    match = _MARKER.search(window)
    if match is None:
        raise Undecodable(f"There is no JPEG marker after byte {at}.")
    return at + match.start(), window[match.start() + 1]


def _frame(reader: ByteReader, segment: Segment, limits: SourceLimits) -> tuple[int, int, int]:
    content = reader.exact(segment.span.offset + 4, segment.span.length - 4)
    if len(content) < 6:
        raise Undecodable("The JPEG frame header is too short.")
    precision, components = content[0], content[5]
    height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    if precision != 8 or components not in (1, 3, 4):
        raise UnsupportedType(
            f"A JPEG of {precision} bits and {components} components is not supported."
        )
    if not width or not height:
        raise Undecodable(f"The JPEG frame header says {width}x{height}.")
    area = width * height
    limits.check_totals(FORMAT, area if components < _CMYK else area * 4 // 3, 1)
    return width, height, segment.marker


def _collect_profile(reader: ByteReader, span: Span, icc: dict[int, Span]) -> None:
    head = reader.upto(span.offset + 4, _ICC_HEAD)
    if head.startswith(_ICC) and span.length - 4 > _ICC_HEAD:
        skip = 4 + _ICC_HEAD
        icc.setdefault(head[_ICC_HEAD - 2], Span(span.offset + skip, span.length - skip))


def needed(marker: int) -> bool:
    """Tell whether a decoder needs a segment: tables, frames, JFIF, Adobe's colour transform."""
    return marker in (_APP0, _APP14) or not (_APP0 <= marker <= _COM)
