"""AVIF: the boxes of the container (ISO/IEC 14496-12, 23008-12, AVIF 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import TooManyPixels, Undecodable
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats import av1
from shift_media.imaging.formats.base import ByteReader, Header, Part, SourceLimits, Span
from shift_media.imaging.formats.bmff import Box, Fields, boxes, inner_boxes
from shift_media.imaging.formats.segments import open_parts

FORMAT: Final = BY_EXTENSION["avif"]

_MAX_META = 8_000_000
_BYTES_PER_PIXEL = 8
_FREE_BYTES = 1_000_000
_LAYERS = 3
"""Main image, alpha and gain map: how many times its own pixels an image may hold in items."""
_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_METADATA = (b"Exif", b"mime", b"uri ")

_TURNED = (1, 8, 3, 6)
_MIRRORED = ((4, 2), (5, 7), (2, 4), (7, 5))
"""EXIF orientation by `irot` angle, and by `imir` axis on top of it: the turn comes first."""


@dataclass(slots=True)
class Meta:
    """What the meta box says, and where in it the types of the items with metadata stand."""

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    hidden: list[int] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    locations: dict[int, list[Span]] = field(default_factory=dict)
    data_offset: int = 0


def parse(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the header of an AVIF; raises `Undecodable`, `TooManyPixels`, `TooManyFrames`.

    The primary item is what is resized, also of an image sequence, whose frames are only counted.
    """
    brands, meta, tracks, frames = _top(reader)
    properties = _of_primary(meta)
    if b"ispe" not in properties:
        raise Undecodable("The AVIF says nothing of its size.")
    width, height = _extent(reader, properties[b"ispe"])
    limits.check(FORMAT, width, height, frames)
    pixels = width * height
    if reader.size > _FREE_BYTES + _BYTES_PER_PIXEL * pixels * frames:
        raise Undecodable("The AVIF has far more bytes than its pixels can need.")
    _check_items(reader, meta, limits, pixels)
    parts = _patched(reader, brands, [*meta.hidden, *tracks])
    return Header(
        format=FORMAT,
        width=width,
        height=height,
        orientation=_orientation(reader, properties),
        frames=frames,
        has_alpha=any(_is_alpha(reader, box) for box in meta.properties),
        parts=parts,
        still=parts,
        profile=_profile(reader, meta),
    )


def _top(reader: ByteReader) -> tuple[Span, Meta, list[int], int]:
    """Find the file type box, the meta box, the tracks that a decoder must not see, and frames."""
    brands, meta, tracks, frames = None, None, [], 1
    for box in boxes(reader, 0, reader.size):
        if box.type == b"ftyp" and brands is None:
            brands = box.content
        elif box.type == b"meta" and meta is None:
            meta = read_meta(reader, box)
        elif box.type in (b"moov", b"moof"):
            tracks.append(box.name)
            frames = max(frames, _samples(reader, box, depth=0))
    if brands is None or meta is None:
        raise Undecodable("The AVIF has no primary item.")
    return brands, meta, tracks, frames


def _samples(reader: ByteReader, box: Box, depth: int) -> int:
    """Find the largest sample count of any track."""
    most = 0
    for inner in inner_boxes(reader, box):
        if inner.type == b"stsz":
            most = max(most, reader.number(inner.content.offset + 8, 4))
        elif inner.type in (b"trak", b"mdia", b"minf", b"stbl") and depth < 4:
            most = max(most, _samples(reader, inner, depth + 1))
    return most


def read_meta(reader: ByteReader, box: Box) -> Meta:
    """Read items, properties and locations; raises `Undecodable` without a primary item."""
    if box.content.length > _MAX_META:
        raise Undecodable(f"The AVIF has a meta box of {box.content.length} bytes.")
    meta = Meta()
    found = {inner.type: inner for inner in inner_boxes(reader, box, 4)}
    if b"idat" in found:
        meta.data_offset = found[b"idat"].content.offset
    if b"pitm" not in found or b"iprp" not in found or b"iloc" not in found:
        raise Undecodable("The AVIF has no primary item.")
    content = found[b"pitm"].content
    wide = reader.number(content.offset, 1)
    meta.primary = reader.number(content.offset + 4, 4 if wide else 2)
    if b"iinf" in found:
        _items(reader, found[b"iinf"], meta)
    for inner in inner_boxes(reader, found[b"iprp"]):
        if inner.type == b"ipco":
            meta.properties = list(inner_boxes(reader, inner))
        elif inner.type == b"ipma":
            _associations(Fields(reader, inner.content), meta)
    _locations(Fields(reader, found[b"iloc"].content), meta)
    return meta


def _items(reader: ByteReader, box: Box, meta: Meta) -> None:
    """Read the item types (8.11.6), and note where metadata calls itself that."""
    wide = reader.number(box.content.offset, 1)
    for inner in inner_boxes(reader, box, 8 if wide else 6):
        fields = Fields(reader, inner.content)
        version = fields.take(4) >> 24
        if inner.type != b"infe" or version < 2:
            continue
        item = fields.take(2 if version == 2 else 4)
        fields.take(2)
        name = inner.content.offset + fields.at
        meta.types[item] = fields.take(4).to_bytes(4, "big")
        if meta.types[item] in _METADATA:
            meta.hidden.append(name)


def _associations(fields: Fields, meta: Meta) -> None:
    """Read which properties belong to which item (23008-12, 9.3)."""
    head = fields.take(4)
    wide_item, wide_index = head >> 24 > 0, head & 1
    for _ in range(fields.take(4)):
        item = fields.take(4 if wide_item else 2)
        indexes = [fields.take(2 if wide_index else 1) for _ in range(fields.take(1))]
        mask = 0x7FFF if wide_index else 0x7F
        meta.associations.setdefault(item, []).extend(index & mask for index in indexes)


def _locations(fields: Fields, meta: Meta) -> None:
    """Read where the items lie (8.11.3)."""
    version = fields.take(4) >> 24
    sizes = fields.take(2)
    offset_size, length_size = sizes >> 12, sizes >> 8 & 15
    base_size, index_size = sizes >> 4 & 15, sizes & 15 if version else 0
    for _ in range(fields.take(2 if version < 2 else 4)):
        item = fields.take(2 if version < 2 else 4)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base = fields.take(base_size)
        spans = meta.locations.setdefault(item, [])
        for _ in range(fields.take(2)):
            fields.take(index_size)
            start, length = base + fields.take(offset_size), fields.take(length_size)
            spans.append(Span(start + (meta.data_offset if method == 1 else 0), length))


def _of_primary(meta: Meta) -> dict[bytes, Box]:
    """Give the properties of the primary item by their type."""
    indexes = meta.associations.get(meta.primary, [])
    chosen = [meta.properties[i - 1] for i in indexes if 0 < i <= len(meta.properties)]
    return {box.type: box for box in chosen}


def _extent(reader: ByteReader, box: Box) -> tuple[int, int]:
    width = reader.number(box.content.offset + 4, 4)
    height = reader.number(box.content.offset + 8, 4)
    if not width or not height:
        raise Undecodable(f"The AVIF says {width}x{height}.")
    return width, height


def _orientation(reader: ByteReader, properties: dict[bytes, Box]) -> int:
    """Tell the EXIF orientation that `irot` and `imir` amount to: in AVIF, EXIF has no say."""
    angle = 0
    if b"irot" in properties:
        angle = reader.number(properties[b"irot"].content.offset, 1) & 3
    if b"imir" not in properties:
        return _TURNED[angle]
    return _MIRRORED[angle][reader.number(properties[b"imir"].content.offset, 1) & 1]


def _is_alpha(reader: ByteReader, box: Box) -> bool:
    if box.type != b"auxC":
        return False
    content = reader.upto(box.content.offset + 4, min(box.content.length - 4, 64))
    return content.split(b"\0")[0] in _ALPHA_TYPES


def _profile(reader: ByteReader, meta: Meta) -> tuple[Span, ...]:
    """Find the ICC profile, which an item shares with the cells of its grid."""
    for box in meta.properties:
        if box.type == b"colr":
            offset, length = box.content
            if reader.upto(offset, 4) in (b"prof", b"rICC"):
                return (Span(offset + 4, length - 4),)
    return ()


def _check_items(reader: ByteReader, meta: Meta, limits: SourceLimits, pixels: int) -> None:
    """Compare what the AV1 data of the items declares with the limit and with the image's size."""
    total = 0
    for item, type in meta.types.items():
        if type != b"av01":
            continue
        content = ByteReader(open_parts(reader.file, meta.locations.get(item, [])))
        for width, height in av1.sizes(content):
            limits.check(FORMAT, width, height)
            total += width * height
    if total > _LAYERS * limits.of(FORMAT):
        raise TooManyPixels(f"The items of the AVIF have {total} pixels, the image has {pixels}.")


def _patched(reader: ByteReader, brands: Span, hidden: list[int]) -> tuple[Part, ...]:
    """Write the file with the brands of a still image, and other names for what is not needed."""
    still = (b"avif\0\0\0\0" + b"avif" * (brands.length // 4))[: brands.length]
    changes = sorted([(brands.offset, still), *((name, b"free") for name in hidden)])
    parts: list[Part] = []
    at = 0
    for offset, content in changes:
        parts += [Span(at, offset - at), content]
        at = offset + len(content)
    return (*parts, Span(at, reader.size - at))
