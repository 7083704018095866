"""A HEIC of one coded image, which the decoder reads instead of the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.imaging.formats.base import ByteReader, Part, Tile
from shift_media.imaging.formats.heic_items import CodedImage, HeicPicture

_ITEM: Final = b"\0\1"
"""The number of the one item."""
_ESSENTIAL: Final = 0x80


def tiles(
    reader: ByteReader, picture: HeicPicture, window: tuple[int, int, int, int]
) -> Iterator[Tile]:
    """Yield the coded images of a picture that its window shows."""
    left, top, width, height = window
    for image in picture.images:
        box = (
            image.left - left,
            image.top - top,
            image.left - left + image.size[0],
            image.top - top + image.size[1],
        )
        if box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0:
            yield Tile(box, tuple(_file(reader, image)))


def _file(reader: ByteReader, image: CodedImage) -> Iterator[Part]:
    """Yield the parts of the file, whose data begins right behind its boxes."""
    length = sum(span.length for span in image.data)
    start = len(_boxes(reader, image, 0, length)) + 8
    yield _boxes(reader, image, start, length) + _size(length + 8) + b"mdat"
    yield from image.data


def _boxes(reader: ByteReader, image: CodedImage, start: int, length: int) -> bytes:
    brands = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    handler = _full_box(b"hdlr", bytes(4), b"pict", bytes(13))
    primary = _full_box(b"pitm", _ITEM)
    entry = _full_box(b"infe", _ITEM, bytes(2), b"hvc1", b"\0", version=2)
    entries = _full_box(b"iinf", b"\0\1", entry)
    location = _full_box(
        b"iloc", b"\x44\0", b"\0\1", _ITEM, b"\0\0", b"\0\1", _size(start), _size(length)
    )
    return brands + _full_box(
        b"meta", handler, primary, entries, _properties(reader, image), location
    )


def _properties(reader: ByteReader, image: CodedImage) -> bytes:
    configuration = reader.exact(*image.configuration)
    size = b"".join(map(_size, image.size))
    boxes = [_box(b"hvcC", configuration), _full_box(b"ispe", size)]
    if image.colors is not None:
        boxes.append(_box(b"colr", reader.exact(*image.colors)))
    indexes = bytes((1 | _ESSENTIAL, *range(2, len(boxes) + 1)))
    associations = _full_box(b"ipma", _size(1), _ITEM, bytes((len(indexes),)), indexes)
    return _box(b"iprp", _box(b"ipco", *boxes), associations)


def _box(type: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return _size(8 + len(content)) + type + content


def _full_box(type: bytes, *contents: bytes, version: int = 0) -> bytes:
    return _box(type, bytes((version, 0, 0, 0)), *contents)


def _size(number: int) -> bytes:
    return number.to_bytes(4, "big")
