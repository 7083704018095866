"""Progressive JPEG: which scans a shrunken image can see (ITU-T T.81, annex G).

Scans come coarse first. What is seen of a block at a small scale is its few lowest coefficients,
and what is missing of them are low bits: the scan headers and the quantisation tables tell when
that is too little to be seen. The front of the file up to there is then enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats import jpeg
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span

MOST: Final = 1 / 2
"""Share of the width and height above which an image is always read whole."""
_COARSE: Final = 1 / 4
_MEAN_TOLERANCE: Final = 12
_COARSE_TOLERANCE: Final = 24
_FINE_TOLERANCE: Final = 6
"""How far a coefficient may be off, dequantised: the first, others up to `_COARSE`, and above it.

Measured on photographs of qualities 35 to 97 at 1/13 to 1/3 of their size: SSIM stays within .002
of what a full decode gives, most of which is the shrinking itself. An eighth of the first is by
how much the mean of a block is off at most.
"""

_PROGRESSIVE, _SOS, _DQT, _EOI = 0xC2, 0xDA, 0xDB, 0xD9
_END: Final = b"\xff\xd9"
_MAX_SCANS = 64
_MAX_TABLES = 16
_ZIGZAG: Final = tuple(
    sorted(
        ((u, v) for u in range(8) for v in range(8)),
        key=lambda at: (sum(at), at[1] if sum(at) % 2 else at[0]),
    )
)
"""Horizontal and vertical frequency of each coefficient, in the order of the file."""
_RUN_TABLE: Final = bytes.fromhex("ffc4 0022 10 0000000f 000000000000000000000000") + bytes(
    range(0, 0xF0, 0x10)
)
"""A Huffman table of fifteen 4-bit codes: code n is a run of 2ⁿ blocks and more that end here."""
_NO_RESTARTS: Final = b"\xff\xdd\x00\x04\x00\x00"


class Component(NamedTuple):
    """A component of the frame: sampling factors, quantisation table, size in blocks."""

    id: int
    horizontal: int
    vertical: int
    table: int


class Scan(NamedTuple):
    """One scan: what it refines of which components, and the bytes that decode it.

    Attributes:
        first, last: coefficients, in zigzag order (Ss, Se).
        before, after: how many low bits are missing before and after it (Ah, Al).
        parts: tables since the scan before, header and data.
        end: where the marker begins that ends it.
    """

    components: tuple[int, ...]
    first: int
    last: int
    before: int
    after: int
    parts: tuple[Span, ...]
    end: int


class Front(NamedTuple):
    """The scans that are enough: what the decoder gets, and how much of the file that reads."""

    parts: tuple[Part, ...]
    end: int


class _Frame(NamedTuple):
    width: int
    height: int
    components: tuple[Component, ...]


def front(reader: ByteReader, header: Header, wanted: tuple[float, float]) -> Front | None:
    """Find the scans that are enough at ``wanted`` × the width and height.

    None where the file is no progressive JPEG, is broken, or does not promise enough before its
    end: then only the whole file will do.
    """
    frame, tables, start = _before_scans(reader)
    if frame is None or max(wanted) > MOST:
        return None
    seen = {c.id: _visible(c, frame, wanted) for c in frame.components}
    tolerances = _tolerances(wanted)
    missing: dict[int, dict[int, int]] = {c.id: {} for c in frame.components}
    scans: list[Scan] = []
    for scan in _scans(reader, start, tables):
        if not _follows(scan, missing):
            return None
        scans.append(scan)
        if all(
            _enough(tables.get(c.table, b""), seen[c.id], missing[c.id], tolerances)
            for c in frame.components
        ):
            if reader.upto(scan.end, 2) == _END:
                return None
            kept = [part for scan in _needed(scans, seen) for part in scan.parts]
            return Front((*header.still[:-1], *kept, *_settled(frame)), scan.end + 2)
    return None


def _before_scans(reader: ByteReader) -> tuple[_Frame | None, dict[int, bytes], int]:
    """Read the frame header and the quantisation tables in front of the first scan."""
    frame = None
    tables: dict[int, bytes] = {}
    at = 0
    for marker, span in jpeg.segments(reader):
        at = span.offset
        if marker == _PROGRESSIVE:
            frame = _frame(reader.exact(at + 4, span.length - 4))
        elif marker == _DQT:
            _define(reader.exact(at + 4, span.length - 4), tables)
    return frame, tables, at


def _frame(content: bytes) -> _Frame | None:
    components = tuple(
        Component(content[at], content[at + 1] >> 4, content[at + 1] & 15, content[at + 2])
        for at in range(6, len(content) - 2, 3)
    )
    if len({c.id for c in components}) != content[5]:
        return None
    if not all(1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4 for c in components):
        return None
    height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    return _Frame(width, height, components)


def _define(content: bytes, tables: dict[int, bytes]) -> None:
    """Take the tables of one segment; those of 16 bits at what they are, at most 255."""
    at = 0
    while at < len(content):
        wide, number = content[at] >> 4, content[at] & 15
        values = content[at + 1 : at + 65 + 64 * bool(wide)]
        if wide:
            values = bytes(
                min(255, int.from_bytes(values[i : i + 2], "big")) for i in range(0, 128, 2)
            )
        tables[number] = values
        at += 65 + 64 * bool(wide)


def _visible(component: Component, frame: _Frame, wanted: tuple[float, float]) -> set[int]:
    """Tell which coefficients of a component have a frequency that the result can show."""
    most = [max(c.horizontal for c in frame.components), max(c.vertical for c in frame.components)]
    wide = math.ceil(8 * wanted[0] * most[0] / component.horizontal)
    high = math.ceil(8 * wanted[1] * most[1] / component.vertical)
    return {k for k, (u, v) in enumerate(_ZIGZAG) if u < wide and v < high}


def _scans(reader: ByteReader, at: int, tables: dict[int, bytes]) -> Iterator[Scan]:
    """Walk the scans whose ends are in the file; quantisation tables between them are taken."""
    parts: list[Span] = []
    for _ in range(_MAX_SCANS * _MAX_TABLES):
        try:
            at, marker = jpeg.next_marker(reader, at)
            if marker == _EOI:
                return
            span = Span(at, reader.number(at + 2, 2) + 2)
            content = reader.exact(at + 4, span.length - 4) if marker in (_SOS, _DQT) else b""
        except Undecodable:
            return
        at += span.length
        if marker == _DQT:
            _define(content, tables)
        if marker != _SOS:
            parts += [span] if jpeg.needed(marker) else []
            continue
        end = jpeg.scan_end(reader, at)
        if end is None or len(content) < 6 or len(content) != 4 + 2 * content[0]:
            return
        ids = tuple(content[1:-3:2])
        first, last, bits = content[-3:]
        parts.append(Span(span.offset, end - span.offset))
        yield Scan(ids, first, last, bits >> 4, bits & 15, tuple(parts), end)
        parts, at = [], end


def _follows(scan: Scan, missing: dict[int, dict[int, int]]) -> bool:
    """Note what a scan brings; tell whether it may come here (G.1.1.1)."""
    if scan.last > 63 or (scan.first > 0 and len(scan.components) != 1):
        return False
    if scan.first > scan.last or (scan.first == 0 and scan.last > 0):
        return False
    if scan.before and scan.after != scan.before - 1:
        return False
    for id in scan.components:
        known = missing.get(id)
        if known is None or (scan.first > 0 and 0 not in known):
            return False
        for k in range(scan.first, scan.last + 1):
            if known.get(k, 0) != scan.before or (k in known and scan.before == 0):
                return False
            known[k] = scan.after
    return True


def _tolerances(wanted: tuple[float, float]) -> tuple[int, int]:
    """Choose how far the first coefficient and the others may be off."""
    if max(wanted) <= _COARSE:
        return _MEAN_TOLERANCE, _COARSE_TOLERANCE
    return _FINE_TOLERANCE, _FINE_TOLERANCE


def _enough(
    table: bytes, seen: set[int], missing: dict[int, int], tolerances: tuple[int, int]
) -> bool:
    """Tell whether what is missing of the visible coefficients is too little to be seen."""
    if len(table) < 64 or not seen <= missing.keys():
        return False
    return all(((1 << missing[k]) - 1) * table[k] <= tolerances[k > 0] for k in seen)


def _needed(scans: list[Scan], seen: dict[int, set[int]]) -> list[Scan]:
    """Leave out scans that show nothing: at an eighth, those of the finer coefficients.

    A scan that refines reads differently after what has come before, so it keeps that.
    """
    needed = {id: set(coefficients) for id, coefficients in seen.items()}
    kept = []
    for scan in reversed(scans):
        band = set(range(scan.first, scan.last + 1))
        if any(needed[id] & band for id in scan.components):
            kept.append(scan)
            for id in scan.components:
                needed[id] |= band
    return kept[::-1]


def _settled(frame: _Frame) -> tuple[bytes, ...]:
    """End the file with a scan of each component that brings nothing and says that all is known.

    Without it libjpeg takes an image of which something is missing for one that is still coming,
    and smooths its blocks (`do_block_smoothing`), which no small scale can show and takes long.
    """
    across = max(c.horizontal for c in frame.components)
    down = max(c.vertical for c in frame.components)
    scans = [
        _empty_scan(
            c.id,
            math.ceil(math.ceil(frame.width * c.horizontal / across) / 8)
            * math.ceil(math.ceil(frame.height * c.vertical / down) / 8),
        )
        for c in frame.components
    ]
    return (_NO_RESTARTS + _RUN_TABLE + b"".join(scans) + _END,)


def _empty_scan(id: int, blocks: int) -> bytes:
    """Write a scan of coefficients 1 to 63 in which every block ends at once (G.1.2.2)."""
    bits = ""
    while blocks:
        size = min(blocks.bit_length() - 1, 14)
        run = min(blocks, (2 << size) - 1)
        bits += f"{size:04b}" + (f"{run - (1 << size):0{size}b}" if size else "")
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    content = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"\xff\xda\x00\x08\x01" + bytes((id, 0, 1, 63, 0)) + content
