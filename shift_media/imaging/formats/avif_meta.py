"""The meta box of AVIF and HEIC: items, their properties, where they lie (ISO/IEC 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.formats.base import ByteReader, Span
from shift_media.imaging.formats.bmff import Box, Fields, inner_boxes

_MAX_BYTES: Final = 8_000_000
_MAX_EXTENTS: Final = 20_000
"""Pieces of all items. One may take no bytes of the box; a grid has up to 2,000 cells."""
_MAX_ASSOCIATIONS: Final = 100_000
"""Properties of all items."""
_METADATA = (b"Exif", b"mime", b"uri ")
HEVC_ITEMS: Final = frozenset((b"hvc1", b"hev1"))
PICTURE_ITEMS: Final = frozenset(b"av01 grid iovl iden tmap".split()) | HEVC_ITEMS
"""The types of items that make a picture."""


@dataclass(slots=True)
class Meta:
    """The content of a meta box.

    Attributes:
        primary: the item that is the picture.
        types: by item.
        hidden: where the types of the items with metadata stand.
        properties: boxes, which associations count from 1.
        associations: indexes of the properties, by item.
        locations: where the data lies, by item.
        data_offset: where the data inside the box itself begins.
    """

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    hidden: list[int] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    locations: dict[int, list[Span]] = field(default_factory=dict)
    data_offset: int = 0

    def picture_extents(self) -> list[Span]:
        """Return where the data of images lies: that of the picture, its alpha and its cells."""
        images = (item for item, type in self.types.items() if type in PICTURE_ITEMS)
        return [span for item in images for span in self.locations.get(item, [])]

    def primary_properties(self) -> dict[bytes, Box]:
        """Return the properties of the primary item by their type."""
        return {box.type: box for box in self.all_primary_properties()}

    def all_primary_properties(self) -> list[Box]:
        """Return the properties of the primary item, of which some types may occur twice."""
        return self.properties_of(self.primary)

    def properties_of(self, item: int) -> list[Box]:
        """Return the properties of an item, in their order."""
        indexes = self.associations.get(item, [])
        return [self.properties[i - 1] for i in indexes if 0 < i <= len(self.properties)]


def read_meta(reader: ByteReader, box: Box) -> Meta:
    """Read items, properties and locations; raise `Undecodable` without a primary item."""
    if box.content.length > _MAX_BYTES:
        raise Undecodable(f"The file has a meta box of {box.content.length} bytes.")
    meta = Meta()
    inner = {each.type: each for each in inner_boxes(reader, box, 4)}
    if b"idat" in inner:
        meta.data_offset = inner[b"idat"].content.offset
    if b"pitm" not in inner or b"iprp" not in inner or b"iloc" not in inner:
        raise Undecodable("The file has no primary item.")
    content = inner[b"pitm"].content
    wide = reader.number(content.offset, 1)
    meta.primary = reader.number(content.offset + 4, 4 if wide else 2)
    if b"iinf" in inner:
        _add_items(reader, inner[b"iinf"], meta)
    for each in inner_boxes(reader, inner[b"iprp"]):
        if each.type == b"ipco":
            meta.properties = list(inner_boxes(reader, each))
        elif each.type == b"ipma":
            _add_associations(Fields(reader, each.content), meta)
    _add_locations(Fields(reader, inner[b"iloc"].content), meta)
    return meta


def item_entries(reader: ByteReader, box: Box) -> Iterator[Box]:
    """Yield the entries of an item information box (14496-12, 8.11.6)."""
    wide = reader.number(box.content.offset, 1)
    return inner_boxes(reader, box, 8 if wide else 6)


def _add_items(reader: ByteReader, box: Box, meta: Meta) -> None:
    """Add the item types, and where those of metadata stand."""
    for entry in item_entries(reader, box):
        fields = Fields(reader, entry.content)
        version = fields.take(4) >> 24
        if entry.type != b"infe" or version < 2:
            continue
        item = fields.take(2 if version == 2 else 4)
        fields.take(2)
        name = entry.content.offset + fields.at
        meta.types[item] = fields.take(4).to_bytes(4, "big")
        if meta.types[item] in _METADATA:
            meta.hidden.append(name)


def _add_associations(fields: Fields, meta: Meta) -> None:
    """Add which properties belong to which item (23008-12, 9.3)."""
    head = fields.take(4)
    wide_item, wide_index = head >> 24 > 0, head & 1
    total = 0
    for _ in range(fields.take(4)):
        item = fields.take(4 if wide_item else 2)
        indexes = [fields.take(2 if wide_index else 1) for _ in range(fields.take(1))]
        total += len(indexes)
        if total > _MAX_ASSOCIATIONS:
            raise Undecodable(f"The items have more than {_MAX_ASSOCIATIONS} properties.")
        mask = 0x7FFF if wide_index else 0x7F
        meta.associations.setdefault(item, []).extend(index & mask for index in indexes)


def _add_locations(fields: Fields, meta: Meta) -> None:
    """Add where the items lie (14496-12, 8.11.3)."""
    version = fields.take(4) >> 24
    sizes = fields.take(2)
    offset_size, length_size = sizes >> 12, sizes >> 8 & 15
    base_size, index_size = sizes >> 4 & 15, sizes & 15 if version else 0
    total = 0
    for _ in range(fields.take(2 if version < 2 else 4)):
        item = fields.take(2 if version < 2 else 4)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base = fields.take(base_size)
        spans = meta.locations.setdefault(item, [])
        count = fields.take(2)
        total += count
        if total > _MAX_EXTENTS:
            raise Undecodable(f"The items lie in more than {_MAX_EXTENTS} pieces.")
        for _ in range(count):
            fields.take(index_size)
            start, length = base + fields.take(offset_size), fields.take(length_size)
            spans.append(Span(start + (meta.data_offset if method == 1 else 0), length))
