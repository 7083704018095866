"""AVIF and HEIC without metadata, blanked in place because offsets count from the file's start.

The file keeps its length. Boxes, items and properties that do not make the picture are filled with
zeros and called ``free``, and so is what no item of the picture refers to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from shift_media.core.errors import NotStrippable
from shift_media.imaging.formats import av1, heic_strip
from shift_media.imaging.formats.avif_meta import (
    HEVC_ITEMS,
    PICTURE_ITEMS,
    Meta,
    item_entries,
    read_meta,
)
from shift_media.imaging.formats.base import ByteReader, Change, Header, Part, Span, zeros
from shift_media.imaging.formats.bmff import Box, complete_boxes, inner_boxes
from shift_media.imaging.formats.segments import open_parts, spans_of
from shift_media.imaging.formats.units import UnitBudget

_META: Final = frozenset(b"hdlr pitm iloc iinf iprp iref idat dinf grpl".split())
_PROPERTIES: Final = frozenset(
    b"ispe pixi av1C hvcC colr auxC irot imir clap pasp "
    b"a1op lsel a1lx clli mdcv cclv amve reve ndwt".split()
)
_UNIT_TYPE: Final = 0x78
"""The bits of the type in the header of a unit of AV1 data."""
_TYPE_OFFSETS: Final = {2: 8, 3: 10}
"""Bytes of an item's entry before its type, by the version of the entry (14496-12, 8.11.6)."""


def stripped_parts(reader: ByteReader, header: Header) -> Iterator[Part]:
    """Yield the file to the end of its last box, with zeros in place of metadata.

    Raise `NotStrippable` for image sequences, and if metadata and picture share bytes.
    """
    top = complete_boxes(reader)
    at = 0
    for offset, length, content in sorted(set(_changes(reader, top))):
        if offset < at:
            raise NotStrippable("The file has items of which each uses a part of the other.")
        yield Span(at, offset - at)
        yield from (content,) if content else zeros(length)
        at = offset + length
    yield Span(at, top[-1].end - at)


def _changes(reader: ByteReader, top: list[Box]) -> Iterator[Change]:
    if any(box.type in (b"moov", b"moof") for box in top):
        raise NotStrippable("It is an image sequence: store it as a still image instead.")
    # The header was read before, so both boxes exist.
    meta_box = next(box for box in top if box.type == b"meta")
    brands = next(box for box in top if box.type == b"ftyp")
    meta = read_meta(reader, meta_box)
    items = _picture_items(reader, meta_box, meta)
    kept = _picture_extents(meta, items)
    data = [box.content for box in top if box.type == b"mdat"]
    for inner in inner_boxes(reader, meta_box, 4):
        if inner.type == b"idat":
            data.append(inner.content)
        else:
            yield from _changes_in_meta(reader, inner, items)
    for box in top:
        if box not in (brands, meta_box) and box.type != b"mdat":
            yield from _blank(box)
    placed = _place(kept, sorted(data))
    budget = UnitBudget()
    for item in items:
        yield from _changes_in_data(reader, meta, item, budget)
    for span in data:
        yield from _gaps(span, placed.get(span, []))


def _changes_in_data(
    reader: ByteReader, meta: Meta, item: int, budget: UnitBudget
) -> Iterator[Change]:
    """Blank what the data of an item holds besides its picture."""
    if meta.types.get(item) == b"av01":
        yield from _changes_in_av1(reader, meta.locations.get(item, []), budget)
    elif meta.types.get(item) in HEVC_ITEMS:
        yield from heic_strip.message_changes(reader, meta, item, budget)


def _changes_in_av1(reader: ByteReader, spans: list[Span], budget: UnitBudget) -> Iterator[Change]:
    """Blank the units of AV1 data that are not of the picture, as units of padding.

    A unit of padding ends with a bit that is set, behind which nothing but zeros stands
    (AV1 specification, 5.3.4).
    """
    data = ByteReader(open_parts(reader.file, spans))
    for type, head, content in av1.units(data, budget):
        if type in av1.PICTURE_UNITS:
            continue
        flags = data.number(head, 1) & ~_UNIT_TYPE
        changes = [(Span(head, 1), bytes((flags | av1.PADDING << 3,)))]
        if content.length:
            changes.append((Span(content.offset, 1), b"\x80"))
            changes.append((Span(content.offset + 1, content.length - 1), b""))
        for span, new in changes:
            for piece in spans_of(span, spans):
                yield (*piece, new)


def _picture_items(reader: ByteReader, meta_box: Box, meta: Meta) -> set[int]:
    """Return the items that make the picture: without metadata and thumbnails."""
    items = {item for item, type in meta.types.items() if type in PICTURE_ITEMS}
    for box in inner_boxes(reader, meta_box, 4):
        if box.type != b"iref":
            continue
        width = 4 if reader.number(box.content.offset, 1) else 2
        for reference in inner_boxes(reader, box, 4):
            if reference.type == b"thmb":
                items.discard(reader.number(reference.content.offset, width))
    return items | {meta.primary}


def _picture_extents(meta: Meta, items: set[int]) -> list[Span]:
    """Return where the items of the picture lie; raise `NotStrippable` if others overlap."""
    kept: list[Span] = []
    other: list[Span] = []
    for item, spans in meta.locations.items():
        (kept if item in items else other).extend(spans)
    if _share_bytes(kept, other):
        raise NotStrippable("The file has metadata that share their bytes with the picture.")
    return sorted(kept)


def _changes_in_meta(reader: ByteReader, box: Box, items: set[int]) -> Iterator[Change]:
    if box.type not in _META:
        yield from _blank(box)
    elif box.type == b"iinf":
        for entry in item_entries(reader, box):
            yield from _change_entry(reader, entry, items)
    elif box.type == b"iprp":
        for inner in inner_boxes(reader, box):
            if inner.type == b"ipco":
                for prop in inner_boxes(reader, inner):
                    yield from () if prop.type in _PROPERTIES else _blank(prop)
            elif inner.type != b"ipma":
                yield from _blank(inner)


def _change_entry(reader: ByteReader, entry: Box, items: set[int]) -> Iterator[Change]:
    """Blank the name of an item, and the type of one that is not of the picture."""
    offset, length = entry.content
    skip = _TYPE_OFFSETS.get(reader.number(offset, 1))
    if skip is None or length < skip + 4:
        raise NotStrippable("The file has an item of an unknown kind.")
    if reader.number(offset + 4, skip - 6) not in items:
        yield (offset + skip, 4, b"free")
    yield (offset + skip + 4, length - skip - 4, b"")


def _blank(box: Box) -> Iterator[Change]:
    yield (box.name, 4, b"free")
    yield (*box.content, b"")


def _gaps(span: Span, kept: Iterable[Span]) -> Iterator[Change]:
    """Blank the bytes between the extents that are kept."""
    at = span.offset
    for extent in kept:
        if extent.offset > at:
            yield (at, extent.offset - at, b"")
        at = max(at, extent.offset + extent.length)
    if at < span.offset + span.length:
        yield (at, span.offset + span.length - at, b"")


def _place(extents: Iterable[Span], data: Sequence[Span]) -> dict[Span, list[Span]]:
    """Return the extents by the one of the sorted data boxes that each is in."""
    starts = [span.offset for span in data]
    placed: dict[Span, list[Span]] = {}
    for offset, length in extents:
        index = bisect_right(starts, offset) - 1
        if index < 0 or offset + length > data[index].offset + data[index].length:
            raise NotStrippable("The file has image data outside of its data boxes.")
        placed.setdefault(data[index], []).append(Span(offset, length))
    return placed


def _share_bytes(kept: Iterable[Span], other: Iterable[Span]) -> bool:
    """Return True if one of the spans overlaps one of the other ones."""
    marked = [(*span, True) for span in kept] + [(*span, False) for span in other]
    ends = {True: 0, False: 0}
    for offset, length, is_kept in sorted(marked):
        if length and offset < ends[not is_kept]:
            return True
        ends[is_kept] = max(ends[is_kept], offset + length)
    return False
