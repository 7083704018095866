"""JPEG: the segments of the file (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    truncated,
)

_FORMAT: Final = BY_EXTENSION["jpg"]

SOF2: Final = 0xC2
"""The frame header of a progressive JPEG."""
EOI, SOS, DQT = 0xD9, 0xDA, 0xDB
_SOI, _COM = 0xD8, 0xFE
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The frame headers of all kinds of JPEG."""
_LOSSLESS: Final = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_BASELINE: Final = frozenset((0xC0, 0xC1))
"""Sequential, with Huffman codes."""
_TABLES: Final = frozenset((0xC4, 0xCC, DQT, 0xDC, 0xDD))
"""DHT, DAC, DQT, DNL and DRI."""
_TEM: Final = 0x01
_BARE: Final = frozenset((_TEM, *range(0xD0, 0xD8)))
"""Markers without a segment: TEM and the restarts."""
_RESERVED: Final = range(0x02, 0xC0)

_ICC = b"ICC_PROFILE\0"
_ICC_HEAD = len(_ICC) + 2
"""Bytes before the profile in its segment, after the length: name, number and count."""
_EXIF: Final = b"Exif\0"
_EXIF_HEAD: Final = len(_EXIF) + 1
"""Bytes before the EXIF block in its segment, after the length: name and one byte."""
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_JFIF_BYTES = _ADOBE_BYTES = 12
_CMYK = 4
"""Components of a CMYK image, whose pixels count 4/3: a progressive one needs that much memory."""

_MAX_SEGMENTS: Final = 5_000
"""Before the first scan; twice as many in the whole file."""
_MAX_JUNK: Final = 65_536
"""Bytes between two segments over which a marker is looked for, as decoders do."""
_WINDOW: Final = 65_536
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that is neither a stuffed byte, a fill byte nor a restart."""


class Segment(NamedTuple):
    """One marker segment: its marker byte, and where it lies with its marker and length."""

    marker: int
    span: Span

    @property
    def content(self) -> Span:
        """Where the content lies, after marker and length."""
        return Span(self.span.offset + 4, self.span.length - 4)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the segments before the first scan; see `ImageFormat`."""
    frame = None
    is_single = False
    orientation = None
    profile: dict[int, Span] = {}
    parts: list[Part] = [b"\xff\xd8"]
    for segment in segments(reader):
        marker, span = segment
        if marker == SOS:
            components = reader.upto(segment.content.offset, 1)
            is_single = frame is not None and components == bytes((frame.components,))
            break
        if marker in FRAMES:
            if frame is not None:
                raise Undecodable("The JPEG has two frame headers.")
            frame = _read_frame(reader, segment)
            _check_size(frame, limits, is_single=True)  # at best
        elif marker == _APP1 and orientation is None:
            orientation = _read_orientation(reader, segment.content)
        elif marker == _APP2:
            _collect_profile(reader, segment.content, profile)
        if is_needed(marker):
            parts.append(span)
    if frame is None:
        raise Undecodable("The JPEG has a scan before its frame header.")
    parts.append(Span(span.offset, reader.size - span.offset))
    width, height, kind, _ = frame
    _check_size(frame, limits, is_single=is_single)
    return Header(
        format=_FORMAT,
        width=width,
        height=height,
        orientation=orientation or 1,
        parts=tuple(parts),
        still=tuple(parts),
        profile=tuple(profile[number] for number in sorted(profile)),
        shrinks=kind not in _LOSSLESS,
        progressive=kind == SOF2,
    )


def segments(reader: ByteReader) -> Iterator[Segment]:
    """Yield the segments from the start of the image to its first start of scan, which is last."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at, marker = next_marker(reader, at)
        if marker in (_SOI, EOI):
            raise Undecodable("The JPEG has no scan.")
        if marker in _BARE:
            at += 2
            continue
        length = reader.number(at + 2, 2)
        if length < 2:
            raise Undecodable(f"The JPEG segment at byte {at} is shorter than its length field.")
        yield Segment(marker, Span(at, length + 2))
        if marker == SOS:
            return
        at += length + 2
    raise Undecodable(f"The JPEG has more than {_MAX_SEGMENTS} segments before its first scan.")


def scan_end(reader: ByteReader, at: int) -> int | None:
    """Return where the next marker after entropy-coded data begins; None if there is none."""
    while content := reader.upto(at, _WINDOW):
        if match := _MARKER.search(content):
            return at + match.start()
        if len(content) < _WINDOW:
            break
        at += len(content) - 1  # a marker may begin with the last byte of the window
    return None


def next_marker(reader: ByteReader, at: int) -> tuple[int, int]:
    """Return the offset of the next marker, over fill bytes and a little junk, and the marker."""
    pair = reader.exact(at, 2)
    if pair[0] == 0xFF and pair[1] not in (0x00, 0xFF):
        return at, pair[1]
    window = reader.upto(at, _MAX_JUNK)
    match = _MARKER.search(window)
    if match is None:
        raise Undecodable(f"There is no JPEG marker after byte {at}.")
    return at + match.start(), window[match.start() + 1]


def is_needed(marker: int) -> bool:
    """Return True if a decoder needs a segment: tables, frames, JFIF, Adobe's colour transform."""
    return marker in (_APP0, _APP14) or not (_APP0 <= marker <= _COM)


class _Frame(NamedTuple):
    """Width, height, the marker of the frame header, and the number of components."""

    width: int
    height: int
    kind: int
    components: int


def _read_frame(reader: ByteReader, segment: Segment) -> _Frame:
    content = reader.exact(*segment.content)
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
    return _Frame(width, height, segment.marker, components)


def _check_size(frame: _Frame, limits: SourceLimits, *, is_single: bool) -> None:
    """Raise `TooManyPixels` for a JPEG that takes too much memory.

    A decoder holds no more than a few rows of a baseline JPEG whose first scan has all components.
    Of all others it holds each coefficient, because later scans may add to it.
    """
    area = frame.width * frame.height
    weighted = area if frame.components < _CMYK else area * 4 // 3
    times = limits.shrinking if is_single and frame.kind in _BASELINE else 1
    limits.check_totals(_FORMAT, weighted, 1, times=times)


def _read_orientation(reader: ByteReader, content: Span) -> int | None:
    """Return the orientation in a segment; None if it holds no EXIF block.

    Browsers read the first block alone, even a broken one, and take any byte as the last of the
    prefix.
    """
    if not reader.upto(content.offset, min(content.length, len(_EXIF))).startswith(_EXIF):
        return None
    block = Span(content.offset + _EXIF_HEAD, content.length - _EXIF_HEAD)
    return exif.read_orientation(reader, block) if block.length > 0 else None


def _collect_profile(reader: ByteReader, content: Span, profile: dict[int, Span]) -> None:
    """Add one part of the ICC profile by its number, if this segment holds one (ICC.1, B.4)."""
    head = reader.upto(content.offset, _ICC_HEAD)
    if head.startswith(_ICC) and len(head) == _ICC_HEAD < content.length:
        part = Span(content.offset + _ICC_HEAD, content.length - _ICC_HEAD)
        profile.setdefault(head[_ICC_HEAD - 2], part)


def _stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield tables, frames and scans, and the application segments that decoding needs."""
    yield b"\xff\xd8"
    block = _orientation_segment(header.orientation)
    for segment in all_segments(reader):
        marker, span = segment
        if block and marker != _APP0:  # JFIF stands first
            yield block
            block = b""
        if marker in FRAMES or marker in _TABLES or marker == SOS:
            yield span
        elif marker in (_APP0, _APP14):
            yield _color_segment(marker, reader.exact(*segment.content))
        elif marker == _APP2 and _is_profile(segment, header):
            yield span
    yield b"\xff\xd9"


def has_end(reader: ByteReader) -> bool:
    """Return True if an end marker follows the segments of a JPEG."""
    *_, (_, last) = all_segments(reader)
    return last.offset + last.length < reader.size


def all_segments(reader: ByteReader) -> Iterator[Segment]:
    """Yield all segments to the end of the image, or of the file if its end marker is missing.

    The span of a scan includes its data.
    """
    at, marker = 2, 0
    for _ in range(2 * _MAX_SEGMENTS):
        is_behind_scan = marker == SOS
        if is_behind_scan and at == reader.size:
            return  # the end marker is missing
        at, marker = next_marker(reader, at)
        if marker == EOI:
            return
        # With restarts a decoder skips TEM and goes on with the data of the scan behind it.
        if marker == _SOI or marker in _RESERVED or (is_behind_scan and marker == _TEM):
            raise Undecodable(f"The JPEG has a marker {marker:#x} at byte {at}, out of place.")
        if marker in _BARE:
            at += 2
            continue
        end = at + 2 + reader.number(at + 2, 2)
        if end < at + 4 or end > reader.size:
            raise truncated(at)
        if marker == SOS:
            end = scan_end(reader, end) or reader.size
        yield Segment(marker, Span(at, end - at))
        at = end
    raise Undecodable(f"The JPEG has more than {2 * _MAX_SEGMENTS} segments.")


def _color_segment(marker: int, content: bytes) -> bytes:
    """Rewrite JFIF without its thumbnail, and Adobe's; return nothing for other segments."""
    if marker == _APP0 and content.startswith(_JFIF) and len(content) >= _JFIF_BYTES:
        content = content[:_JFIF_BYTES] + b"\0\0"
    elif marker == _APP14 and content.startswith(_ADOBE) and len(content) >= _ADOBE_BYTES:
        content = content[:_ADOBE_BYTES]
    else:
        return b""
    return _segment(marker, content)


def _is_profile(segment: Segment, header: Header) -> bool:
    start = segment.content.offset + _ICC_HEAD
    return any(part.offset == start for part in header.profile)


def _orientation_segment(orientation: int) -> bytes:
    if orientation == 1:
        return b""
    return _segment(_APP1, b"Exif\0\0" + exif.orientation_block(orientation))


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


JPEG: Final = ImageFormat(
    _FORMAT, "PIL.JpegImagePlugin:JpegImageFile", _read_header, _stripped_parts
)
