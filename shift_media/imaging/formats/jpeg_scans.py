"""Progressive JPEG: which scans show in an image that is shrunk (ITU-T T.81, annex G).

Coarse scans come first. At a small scale only the few lowest coefficients of a block are visible,
and later scans add only their low bits. Scan headers and quantisation tables say from which scan
on that difference is too small to see: then the file is read as far as that scan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats import jpeg
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span

MAX_SCALE: Final = 1 / 2
"""Scale of width and height above which an image is always read whole."""
_COARSE_SCALE: Final = 1 / 4
_MEAN_TOLERANCE: Final = 12
_COARSE_TOLERANCE: Final = 24
_FINE_TOLERANCE: Final = 6
"""How far a dequantised coefficient may be off: the first of a block and the others, up to
`_COARSE_SCALE`; and all of them above it.

Measured on photographs of qualities 35 to 97 at 1/13 to 1/3 of their size: SSIM stays within .002
of a full decode, and most of that is lost by the shrinking itself. The mean of a block is off by
an eighth of the first at most.
"""

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
"""A Huffman table of fifteen 4-bit codes: code n is a run of 2ⁿ or more blocks that end here."""
_NO_RESTARTS: Final = b"\xff\xdd\x00\x04\x00\x00"
"""A DRI segment with an interval of 0."""


class Component(NamedTuple):
    """A component of the frame: sampling factors, quantisation table, size in blocks."""

    id: int
    horizontal: int
    vertical: int
    table: int


class Scan(NamedTuple):
    """One scan: the coefficients that it refines, and the bytes that decode it.

    Attributes:
        first, last: coefficients, in zigzag order (Ss, Se).
        before, after: how many low bits are missing before and after it (Ah, Al).
        parts: tables since the scan before, header and data.
        end: where the marker after it begins.
    """

    components: tuple[int, ...]
    first: int
    last: int
    before: int
    after: int
    parts: tuple[Span, ...]
    end: int


class ScanSelection(NamedTuple):
    """The scans of a file that show at a scale.

    Attributes:
        parts: the file as its decoder reads it.
        end: how many bytes from the beginning of the file that reads.
    """

    parts: tuple[Part, ...]
    end: int


class _Frame(NamedTuple):
    width: int
    height: int
    components: tuple[Component, ...]


def select_scans(
    reader: ByteReader, header: Header, scale: tuple[float, float]
) -> ScanSelection | None:
    """Return the scans that show at ``scale`` × the width and height.

    None if all of the file is needed: for a JPEG that is not progressive, or that is broken, and
    if the last visible bits come with its last scan.
    """
    frame, tables, start = before_scans(reader)
    if frame is None or max(scale) > MAX_SCALE:
        return None
    visible = {c.id: _visible_coefficients(c, frame, scale) for c in frame.components}
    tolerances = _tolerances(scale)
    missing: dict[int, dict[int, int]] = {c.id: {} for c in frame.components}
    usable: list[Scan] = []
    for scan in scans(reader, start, tables):
        if not apply_scan(scan, missing):
            return None
        usable.append(scan)
        if all(
            _is_exact_enough(tables.get(c.table, b""), visible[c.id], missing[c.id], tolerances)
            for c in frame.components
        ):
            if reader.upto(scan.end, 2) == _END:
                return None
            kept = [part for scan in _drop_invisible(usable, visible) for part in scan.parts]
            return ScanSelection((*header.still[:-1], *kept, _ending(frame)), scan.end + 2)
    return None


def before_scans(reader: ByteReader) -> tuple[_Frame | None, dict[int, bytes], int]:
    """Read the frame header and the quantisation tables in front of the first scan."""
    frame = None
    tables: dict[int, bytes] = {}
    at = 0
    for marker, span in jpeg.segments(reader):
        at = span.offset
        if marker in jpeg.FRAMES:
            frame = _parse_frame(reader.exact(at + 4, span.length - 4))
        elif marker == jpeg.DQT:
            _add_tables(reader.exact(at + 4, span.length - 4), tables)
    return frame, tables, at


def _parse_frame(content: bytes) -> _Frame | None:
    """Parse a frame header (B.2.2); None if its components or sampling factors are invalid."""
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


def _add_tables(content: bytes, tables: dict[int, bytes]) -> None:
    """Add the quantisation tables of one segment; values of 16 bits count as 255 at most."""
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


def _visible_coefficients(
    component: Component, frame: _Frame, scale: tuple[float, float]
) -> set[int]:
    """Return the coefficients of a component whose frequency shows at a scale."""
    most = [max(c.horizontal for c in frame.components), max(c.vertical for c in frame.components)]
    across = math.ceil(8 * scale[0] * most[0] / component.horizontal)
    down = math.ceil(8 * scale[1] * most[1] / component.vertical)
    return {k for k, (u, v) in enumerate(_ZIGZAG) if u < across and v < down}


def scans(reader: ByteReader, at: int, tables: dict[int, bytes]) -> Iterator[Scan]:
    """Yield the scans whose ends are in the file; add quantisation tables between them."""
    parts: list[Span] = []
    for _ in range(_MAX_SCANS * _MAX_TABLES):
        try:
            at, marker = jpeg.next_marker(reader, at)
            if marker == jpeg.EOI:
                return
            span = Span(at, reader.number(at + 2, 2) + 2)
            content = (
                reader.exact(at + 4, span.length - 4) if marker in (jpeg.SOS, jpeg.DQT) else b""
            )
        except Undecodable:
            return
        at += span.length
        if marker == jpeg.DQT:
            _add_tables(content, tables)
        if marker != jpeg.SOS:
            parts += [span] if jpeg.is_needed(marker) else []
            continue
        end = jpeg.scan_end(reader, at)
        if end is None or len(content) < 6 or len(content) != 4 + 2 * content[0]:
            return
        ids = tuple(content[1:-3:2])
        first, last, bits = content[-3:]
        parts.append(Span(span.offset, end - span.offset))
        yield Scan(ids, first, last, bits >> 4, bits & 15, tuple(parts), end)
        parts, at = [], end


def apply_scan(scan: Scan, missing: dict[int, dict[int, int]]) -> bool:
    """Update the missing bits of each coefficient; return False for a scan out of order (G.1.1.1).

    ``missing`` maps components to coefficients to the number of low bits that are still missing.
    """
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


def _tolerances(scale: tuple[float, float]) -> tuple[int, int]:
    """Return how far the first coefficient and the others may be off."""
    if max(scale) <= _COARSE_SCALE:
        return _MEAN_TOLERANCE, _COARSE_TOLERANCE
    return _FINE_TOLERANCE, _FINE_TOLERANCE


def _is_exact_enough(
    table: bytes, visible: set[int], missing: dict[int, int], tolerances: tuple[int, int]
) -> bool:
    """Return True if the missing bits of the visible coefficients make no visible difference."""
    if len(table) < 64 or not visible <= missing.keys():
        return False
    return all(((1 << missing[k]) - 1) * table[k] <= tolerances[k > 0] for k in visible)


def _drop_invisible(scans: list[Scan], visible: dict[int, set[int]]) -> list[Scan]:
    """Return the scans without those that show nothing: at an eighth, the finer coefficients.

    A scan that refines can only be decoded after the scans that it refines, so these stay too.
    """
    needed = {id: set(coefficients) for id, coefficients in visible.items()}
    kept = []
    for scan in reversed(scans):
        band = set(range(scan.first, scan.last + 1))
        if any(needed[id] & band for id in scan.components):
            kept.append(scan)
            for id in scan.components:
                needed[id] |= band
    return kept[::-1]


def _ending(frame: _Frame) -> bytes:
    """Return an empty scan for each component that declares all bits known, and the end marker.

    Without it libjpeg takes an image with missing bits for one that is still arriving, and smooths
    its blocks (`do_block_smoothing`), which takes long and shows at no small scale.
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
    return _NO_RESTARTS + _RUN_TABLE + b"".join(scans) + _END


def _empty_scan(id: int, blocks: int) -> bytes:
    """Return a scan of coefficients 1 to 63 in which every block ends at once (G.1.2.2)."""
    bits = ""
    while blocks:
        size = min(blocks.bit_length() - 1, 14)
        run = min(blocks, (2 << size) - 1)
        bits += f"{size:04b}" + (f"{run - (1 << size):0{size}b}" if size else "")
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    content = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"\xff\xda\x00\x08\x01" + bytes((id, 0, 1, 63, 0)) + content
