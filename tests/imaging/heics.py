"""HEIC files that tests write themselves: HEVC made by PyAV, and any boxes around it."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from PIL import Image

from tests.parts import package


@dataclass(frozen=True)
class Coded:
    """One HEVC picture: the content of its `hvcC` box, its data, and its size."""

    configuration: bytes
    data: bytes
    size: tuple[int, int]


@functools.lru_cache(maxsize=64)
def _coded(pixels: bytes, mode: str, size: tuple[int, int], depth: int) -> Coded:
    av = package("av", "ffmpeg")
    format = {"L": "gray", "RGB": "yuv444p"}[mode] + ("" if depth == 8 else f"{depth}le")
    codec = av.CodecContext.create("libx265", "w")
    codec.width, codec.height, codec.pix_fmt = *size, format
    codec.time_base = Fraction(1)
    full = "range=full:colorprim=bt709:transfer=iec61966-2-1:colormatrix=bt709"
    lossless = "lossless=1:keyint=1:repeat-headers=1:log-level=none:pools=1:frame-threads=1"
    codec.options = {"x265-params": f"{lossless}:{full}", "preset": "ultrafast"}
    image = Image.frombytes(mode, size, pixels)
    frame = av.VideoFrame.from_image(image.convert("RGB"))
    options = {"dst_colorspace": "ITU709", "dst_color_range": "JPEG"}
    frame = frame.reformat(format=format, **options)
    packets = [*codec.encode(frame), *codec.encode(None)]
    units = _units(b"".join(map(bytes, packets)))
    sets = [unit for unit in units if unit[0] >> 1 & 0x3F in (32, 33, 34)]
    pictures = [unit for unit in units if unit[0] >> 1 & 0x3F < 32]
    data = b"".join(struct.pack(">I", len(unit)) + unit for unit in pictures)
    return Coded(configuration(sets, chroma=3 * (mode == "RGB"), depth=depth), data, size)


def coded(image: Image.Image, depth: int = 8) -> Coded:
    """Encode a picture in L or RGB without loss; equal ones once."""
    return _coded(image.tobytes(), image.mode, image.size, depth)


def _units(stream: bytes) -> list[bytes]:
    """Split a stream at its start codes."""
    parts = stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part.rstrip(b"\0") for part in parts if part]


def configuration(sets: Sequence[bytes], chroma: int = 3, depth: int = 8) -> bytes:
    """Write the content of an `hvcC` box with these parameter sets."""
    depths = bytes((0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8))
    head = bytes((1,)) + bytes(12) + b"\xf0\0\xfc" + depths + b"\0\0\x0f"
    arrays = b"".join(
        bytes((0x80 | (unit[0] >> 1 & 0x3F),)) + struct.pack(">HH", 1, len(unit)) + unit
        for unit in sets
    )
    return head + bytes((len(sets),)) + arrays


def box(type: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + type + content


def full_box(type: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(type, bytes((version,)), flags.to_bytes(3, "big"), *contents)


def size_box(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def turn(angle: int) -> bytes:
    """Write a turn by 90 degrees anticlockwise, ``angle`` times."""
    return box(b"irot", bytes((angle,)))


def mirror(axis: int) -> bytes:
    """Write a mirroring: 0 top to bottom, 1 left to right."""
    return box(b"imir", bytes((axis,)))


def aperture(width: int, height: int, across: int = 0, down: int = 0) -> bytes:
    """Write a clean aperture, moved from the middle by halves of a pixel."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, across, 2, down, 2))


def profile_box(profile: bytes) -> bytes:
    return box(b"colr", b"prof", profile)


def numbers_box(primaries: int, transfer: int, matrix: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


ALPHA = full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0")


@dataclass
class Item:
    """One item: its type, its data, its properties, and the items that it refers to."""

    type: bytes
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    references: list[tuple[bytes, list[int]]] = field(default_factory=list)


def coded_item(image: Coded, *properties: bytes) -> Item:
    known = [box(b"hvcC", image.configuration), size_box(*image.size)]
    return Item(b"hvc1", image.data, [*known, *properties])


def grid_item(
    columns: int, rows: int, size: tuple[int, int], cells: list[int], *properties: bytes
) -> Item:
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    return Item(b"grid", data, [size_box(*size), *properties], [(b"dimg", cells)])


def write(items: Sequence[Item], primary: int = 1, brand: bytes = b"heic") -> bytes:
    """Write a file of items, which are counted from 1."""
    brands = box(b"ftyp", brand, bytes(4), b"mif1heic")
    start = len(brands) + len(_meta(items, primary, 0)) + 8
    data = b"".join(item.data for item in items)
    return brands + _meta(items, primary, start) + box(b"mdat", data)


def _meta(items: Sequence[Item], primary: int, start: int) -> bytes:
    properties = list(dict.fromkeys(each for item in items for each in item.properties))
    entries, associations, locations, references = b"", b"", b"", b""
    for number, item in enumerate(items, 1):
        entries += full_box(b"infe", struct.pack(">HH", number, 0), item.type, b"\0", version=2)
        indexes = [properties.index(each) + 1 for each in item.properties]
        associations += struct.pack(">HB", number, len(indexes)) + bytes(indexes)
        locations += struct.pack(">HHHII", number, 0, 1, start, len(item.data))
        start += len(item.data)
        for type, targets in item.references:
            counted = struct.pack(f">HH{len(targets)}H", number, len(targets), *targets)
            references += box(type, counted)
    count = struct.pack(">H", len(items))
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", struct.pack(">H", primary)),
        full_box(b"iinf", count, entries),
        full_box(b"iref", references) if references else b"",
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", struct.pack(">I", len(items)), associations),
        ),
        full_box(b"iloc", b"\x44\0", count, locations),
    )


def heic(image: Image.Image, *properties: bytes, depth: int = 8, **options: Any) -> bytes:
    """Write a picture as one coded image, with its transparency as another."""
    if image.mode in ("RGBA", "LA"):
        alpha = coded_item(coded(image.getchannel("A")), ALPHA)
        alpha.references = [(b"auxl", [1])]
        opaque = image.convert(image.mode[:-1])
        return write([coded_item(coded(opaque, depth), *properties), alpha], **options)
    return write([coded_item(coded(image, depth), *properties)], **options)


def grid(image: Image.Image, side: int, *properties: bytes) -> bytes:
    """Write a picture as a grid of square cells, those at the edges padded with black."""
    columns, rows = -(-image.width // side), -(-image.height // side)
    cells = [
        coded_item(coded(image.crop((x, y, x + side, y + side))))
        for y in range(0, rows * side, side)
        for x in range(0, columns * side, side)
    ]
    numbers = list(range(2, len(cells) + 2))
    return write([grid_item(columns, rows, image.size, numbers, *properties), *cells])


def heic_of(image: Coded) -> bytes:
    """Write a file of one coded image."""
    return write([coded_item(image)])


def grid_of_one(size: tuple[int, int], side: int, cell: Coded) -> bytes:
    """Write a grid of ``side`` × ``side`` cells that are all the same item."""
    return write([grid_item(side, side, size, [2] * side**2), coded_item(cell)])
