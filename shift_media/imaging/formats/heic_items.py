"""The items that make the picture of a HEIC: one coded image, or a grid of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.imaging.formats import hevc
from shift_media.imaging.formats.avif_meta import HEVC_ITEMS, Meta
from shift_media.imaging.formats.base import ByteReader, Span, truncated
from shift_media.imaging.formats.bmff import Box, Fields, complete_boxes, inner_boxes
from shift_media.imaging.formats.heif import is_alpha, read_size
from shift_media.imaging.formats.segments import open_parts
from shift_media.imaging.formats.units import UnitBudget

_TRANSFORMATIONS: Final = frozenset((b"irot", b"imir", b"clap"))
_MAX_CELLS: Final = 2_000
"""The 200 megapixels of a phone are 768 cells."""
_MAX_REFERENCES: Final = 20_000
_MAX_GRID_BYTES: Final = 12

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CodedImage:
    """An item that a decoder decodes.

    Attributes:
        left, top: its place in the picture, in pixels.
        size: as its box says.
        configuration: where the content of its `hvcC` box lies.
        data: where its HEVC data lies.
        colors: where the content of its `colr` box with numbers lies; None without one.
    """

    left: int
    top: int
    size: Size
    configuration: Span
    data: tuple[Span, ...]
    colors: Span | None


@dataclass(frozen=True, slots=True)
class HeicPicture:
    """The images that one item is made of, and its size."""

    size: Size
    images: tuple[CodedImage, ...]


class Items:
    """The items of a HEIC, read as far as they make the picture."""

    def __init__(self, reader: ByteReader, meta: Meta) -> None:
        self._reader = reader
        self._meta = meta
        self._references = _read_references(reader)

    def primary(self) -> HeicPicture:
        """Return the picture; raise `UnsupportedType` for one that is made in another way."""
        return self._picture(self._meta.primary)

    def alpha(self) -> HeicPicture | None:
        """Return the transparency of the picture; None if it has none."""
        for (type, item), targets in self._references.items():
            if type != b"auxl" or self._meta.primary not in targets:
                continue
            if any(is_alpha(self._reader, box) for box in self._meta.properties_of(item)):
                return self._picture(item)
        return None

    def _picture(self, item: int) -> HeicPicture:
        type = self._meta.types.get(item)
        if type == b"iden":
            sources = self._references.get((b"dimg", item), [])
            if len(sources) != 1 or self._is_transformed(sources[0]):
                raise UnsupportedType("The HEIC is made of other images in a way that is rare.")
            item, type = sources[0], self._meta.types.get(sources[0])
        if type == b"grid":
            return self._grid(item)
        image = self._coded_image(item)
        return HeicPicture(image.size, (image,))

    def _is_transformed(self, item: int) -> bool:
        return any(box.type in _TRANSFORMATIONS for box in self._meta.properties_of(item))

    def _grid(self, item: int) -> HeicPicture:
        """Return the cells of a grid, all of one size (23008-12, 6.6.2.3)."""
        rows, columns, size = self._read_grid(item)
        cells = self._references.get((b"dimg", item), [])
        if rows * columns > _MAX_CELLS or len(cells) != rows * columns:
            raise Undecodable(f"The HEIC has a grid of {columns}x{rows} with {len(cells)} cells.")
        if any(self._is_transformed(cell) for cell in set(cells)):
            raise UnsupportedType("The HEIC has a grid with cells that are turned or cropped.")
        known = {cell: self._coded_image(cell) for cell in set(cells)}
        width, height = known[cells[0]].size
        images = []
        for index, cell in enumerate(cells):
            image = known[cell]
            if image.size != (width, height):
                raise Undecodable("The HEIC has a grid with cells of different sizes.")
            left, top = index % columns * width, index // columns * height
            if left >= size[0] or top >= size[1]:
                continue  # a cell outside of the picture is not decoded
            place = (image.size, image.configuration, image.data, image.colors)
            images.append(CodedImage(left, top, *place))
        if columns * width < size[0] or rows * height < size[1]:
            raise Undecodable("The HEIC has a grid that is smaller than its picture.")
        return HeicPicture(size, tuple(images))

    def _read_grid(self, item: int) -> tuple[int, int, Size]:
        content = open_parts(self._reader.file, self._data(item)).read(_MAX_GRID_BYTES)
        reader = ByteReader(open_parts(self._reader.file, [content]))
        fields = Fields(reader, Span(0, len(content)))
        wide = fields.take(2) & 1
        rows, columns = fields.take(1) + 1, fields.take(1) + 1
        size = (fields.take(4 if wide else 2), fields.take(4 if wide else 2))
        if not all(size):
            raise Undecodable(f"The HEIC says {size[0]}x{size[1]}.")
        return rows, columns, size

    def _coded_image(self, item: int) -> CodedImage:
        type = self._meta.types.get(item, b"")
        if type not in HEVC_ITEMS:
            name = type.decode("latin-1")
            raise UnsupportedType(f"The HEIC is made of items of type {name!r}, not of HEVC.")
        size, configuration, colors = None, None, None
        for box in self._meta.properties_of(item):
            if box.type == b"ispe":
                size = read_size(self._reader, box)
            elif box.type == b"hvcC":
                configuration = box.content
            elif box.type == b"colr" and self._reader.upto(box.content.offset, 4) == b"nclx":
                colors = box.content
        if size is None or configuration is None:
            raise Undecodable("The HEIC has an image without a size or a configuration.")
        return CodedImage(0, 0, size, configuration, self._data(item), colors)

    def _data(self, item: int) -> tuple[Span, ...]:
        spans = tuple(self._meta.locations.get(item, ()))
        for offset, length in spans:
            if offset + length > self._reader.size:
                raise truncated(offset)
        return spans


def coded_sizes(reader: ByteReader, image: CodedImage, budget: UnitBudget) -> Iterator[Size]:
    """Yield the sizes that the HEVC data of an image declares; at least one.

    Raises `Undecodable` for data without a size or with several pictures.
    """
    known = hevc.read_configuration(reader, image.configuration, budget)
    data = ByteReader(open_parts(reader.file, image.data))
    inside = hevc.picture_sizes(data, known.length_size, budget)
    sizes = [*known.sizes, *inside]
    if not sizes:
        raise Undecodable("The HEIC has an image whose data says nothing of its size.")
    yield from sizes


def _read_references(reader: ByteReader) -> dict[tuple[bytes, int], list[int]]:
    """Return the items that each item refers to, by the type of the reference (8.11.12)."""
    found: dict[tuple[bytes, int], list[int]] = {}
    count = 0
    for box in _reference_boxes(reader):
        width = 4 if reader.number(box.content.offset, 1) else 2
        for reference in inner_boxes(reader, box, 4):
            fields = Fields(reader, reference.content)
            source, number = fields.take(width), fields.take(2)
            count += number
            if count > _MAX_REFERENCES:
                raise Undecodable(f"The HEIC has more than {_MAX_REFERENCES} references.")
            targets = [fields.take(width) for _ in range(number)]
            found.setdefault((reference.type, source), []).extend(targets)
    return found


def _reference_boxes(reader: ByteReader) -> Iterator[Box]:
    for box in complete_boxes(reader):
        if box.type == b"meta":
            yield from (each for each in inner_boxes(reader, box, 4) if each.type == b"iref")
            return
