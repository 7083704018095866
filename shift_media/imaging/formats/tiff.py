"""TIFF: the first page of scans and of cameras (TIFF 6.0), written anew for its decoder.

The decoder gets one directory of the tags that make the picture, and the strips or tiles one after
the other. So it meets no other directory, no metadata, and no offset that was not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shift_media.core.errors import NotStrippable, Undecodable, UnsupportedType
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.formats.base import (
    ByteReader,
    Header,
    ImageFormat,
    Part,
    SourceLimits,
    Span,
    append_part,
    check_byte_count,
    part_length,
    truncated,
)
from shift_media.imaging.formats.tiff_tags import (
    LONG,
    SHORT,
    UNDEFINED,
    Order,
    TiffDirectory,
    later_directories,
    read_first,
)

_FORMAT: Final = BY_EXTENSION["tif"]

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_LENGTHS = 273, 274, 277, 278, 279
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_LENGTHS = 284, 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _PROFILE, _RAW_PHOTO = 338, 339, 34675, 50706
_PICTURE_TAGS: Final = (
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _EXTRA_SAMPLES),
    *(_SAMPLE_FORMAT, _TILE_WIDTH, _TILE_HEIGHT),
    *(266, 292, 293, 317, 320, 332, 347, 529, 530, 531, 532),
)
"""All that a decoder needs besides the places of the data. The last row: order of bits, options of
fax, predictor, palette, inks, tables of JPEG, and three of YCbCr."""

_PROFILE_HEADER: Final = 128
"""Bytes of the header of a profile (ICC.1:2022, 7.2)."""
_UNCOMPRESSED: Final = 1
_COMPRESSIONS: Final = frozenset((_UNCOMPRESSED, 2, 3, 4, 5, 7, 8, 32773, 32946))
"""None, fax, LZW, JPEG, deflate, PackBits and deflate again."""
_SAMPLE_COUNTS: Final = {0: (1,), 1: (1, 2), 2: (3, 4), 3: (1,), 5: (4,), 6: (3,)}
"""By photometric interpretation: white or black is zero, RGB, palette, CMYK, YCbCr."""
_WHITE_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 2, 3, 6
_DEPTHS: Final = (1, 2, 4, 8, 16)
_SEPARATE: Final = 2
"""The planar configuration with each sample in strips of its own."""
_ALPHA: Final = (1, 2)
_REDUCED: Final = 1
"""The flag of a thumbnail."""
_MAX_COMPRESSED: Final = 100_000_000
"""Bytes of all compressed data, and of a strip or tile of it once decoded: both are held."""
_ALL_ROWS: Final = 2**32 - 1
"""The value that a file of one strip may have (TIFF 6.0, RowsPerStrip)."""
_FREE_PIXELS: Final = 1_000_000
"""Pixels that a strip or a tile may always have, or else twice those of the picture."""


_Entries = dict[int, tuple[int, int, Part]]
"""Type, count and content by tag."""


@dataclass(frozen=True, slots=True)
class _Page:
    """The numbers of a picture, checked."""

    width: int
    height: int
    bits: int
    samples: int
    compression: int
    extra: tuple[int, ...]
    photometric: int
    is_separate: bool

    @property
    def has_alpha(self) -> bool:
        without = self.photometric == _RGB and self.samples == 4 and not self.extra
        return without or any(each in _ALPHA for each in self.extra)


def _read_header(reader: ByteReader, limits: SourceLimits) -> Header:
    """Read the first directory; see `ImageFormat`."""
    directory = read_first(reader)
    page = _read_page(directory)
    limits.check(_FORMAT, page.width, page.height)
    parts = _file(directory, _find_chunks(directory, page), {})
    orientation = directory.number(_ORIENTATION, 1)
    return Header(
        format=_FORMAT,
        width=page.width,
        height=page.height,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        has_alpha=page.has_alpha,
        parts=parts,
        still=parts,
        profile=_find_profile(directory),
    )


def _find_profile(directory: TiffDirectory) -> tuple[Span, ...]:
    """Return where the profile lies; nothing for bytes that are too few for the header of one."""
    tag = directory.tags.get(_PROFILE)
    return (tag.span,) if tag is not None and tag.span.length >= _PROFILE_HEADER else ()


def _read_page(directory: TiffDirectory) -> _Page:
    if directory.number(_SUBFILE, 0) & _REDUCED or _RAW_PHOTO in directory.tags:
        raise UnsupportedType("The TIFF is a raw photo of a camera: develop it first.")
    samples, bits = directory.number(_SAMPLES, 1), set(directory.numbers(_BITS, (1,)))
    page = _Page(
        directory.number(_WIDTH),
        directory.number(_HEIGHT),
        min(bits, default=0),
        samples,
        directory.number(_COMPRESSION, _UNCOMPRESSED),
        directory.numbers(_EXTRA_SAMPLES),
        directory.number(_PHOTOMETRIC, 0),
        directory.number(_PLANAR, 1) == _SEPARATE,
    )
    if not page.width or not page.height:
        raise Undecodable(f"The TIFF says {page.width}x{page.height}.")
    if page.compression not in _COMPRESSIONS:
        raise UnsupportedType(f"A TIFF with compression {page.compression} is not decoded.")
    known = len(bits) == 1 and page.bits in _DEPTHS
    if not known or set(directory.numbers(_SAMPLE_FORMAT, (1,))) != {1}:
        raise UnsupportedType(f"A TIFF with samples of {sorted(bits)} bits is not decoded.")
    _check_samples(page)
    return page


def _check_samples(page: _Page) -> None:
    """Raise `UnsupportedType` for samples that Pillow does not read, or not right."""
    is_known = page.samples in _SAMPLE_COUNTS.get(page.photometric, ())
    if page.samples == 2:
        is_known = page.extra == (2,)
    if page.photometric == _WHITE_IS_ZERO and page.bits > 8:
        is_known = False
    if page.photometric == _PALETTE and page.bits > 8:
        is_known = False
    if page.photometric == _YCBCR and page.compression == _UNCOMPRESSED:
        is_known = False
    if not is_known:
        raise UnsupportedType(
            f"A TIFF of {page.samples} samples with interpretation {page.photometric} is not "
            "decoded."
        )


def _find_chunks(directory: TiffDirectory, page: _Page) -> list[Span]:
    """Return where the strips or tiles lie; raise `Undecodable` if one is missing or too short."""
    is_tiled = _TILE_OFFSETS in directory.tags
    size = _read_chunk_size(directory, page, is_tiled=is_tiled)
    columns, rows = -(-page.width // size[0]), -(-page.height // size[1])
    count = columns * rows * (page.samples if page.is_separate else 1)
    offsets = directory.numbers(_TILE_OFFSETS if is_tiled else _STRIP_OFFSETS)
    lengths = directory.numbers(_TILE_LENGTHS if is_tiled else _STRIP_LENGTHS)
    if min(len(offsets), len(lengths)) < count:
        raise Undecodable(f"The TIFF has {len(offsets)} strips or tiles of {count}.")
    chunks = [Span(*each) for each in zip(offsets[:count], lengths[:count], strict=True)]
    samples = 1 if page.is_separate else page.samples
    is_raw = page.compression == _UNCOMPRESSED
    for index, (offset, length) in enumerate(chunks):
        if offset + length > directory.reader.size:
            raise truncated(offset)
        height = size[1] if is_tiled else min(size[1], page.height - index % rows * size[1])
        needed = (size[0] * samples * page.bits + 7) // 8 * height
        if is_raw and length < needed:
            raise Undecodable(f"The TIFF has a strip or tile of {length} bytes of {needed}.")
    total = sum(length for _, length in chunks)
    check_byte_count(_FORMAT, total, page.width * page.height)
    decoded = size[0] * size[1] * samples * page.bits // 8
    if not is_raw and max(total, decoded) > _MAX_COMPRESSED:
        raise UnsupportedType(
            f"A TIFF with {max(total, decoded)} bytes in one piece is too large."
        )
    return chunks


def _read_chunk_size(directory: TiffDirectory, page: _Page, *, is_tiled: bool) -> tuple[int, int]:
    if is_tiled:
        size = (directory.number(_TILE_WIDTH), directory.number(_TILE_HEIGHT))
    else:
        size = (page.width, min(directory.number(_ROWS, page.height), page.height))
    most = max(_FREE_PIXELS, 2 * page.width * page.height)
    if not all(size) or size[0] * size[1] > most:
        raise Undecodable(f"The TIFF has strips or tiles of {size[0]}x{size[1]}.")
    return size


def _file(directory: TiffDirectory, chunks: list[Span], others: _Entries) -> tuple[Part, ...]:
    """Return a TIFF of one directory with the tags of the picture and others, and the chunks."""
    order = directory.order
    is_tiled = _TILE_OFFSETS in directory.tags
    entries: _Entries = dict(others)
    for tag in _PICTURE_TAGS:
        if tag in directory.tags:
            entry = directory.tags[tag]
            entries[tag] = (entry.type, entry.number, directory.content(tag))
    if not is_tiled:
        rows = min(directory.number(_ROWS, _ALL_ROWS), _ALL_ROWS)
        entries[_ROWS] = (LONG, 1, rows.to_bytes(4, order))
    lengths = b"".join(length.to_bytes(4, order) for _, length in chunks)
    tags = (_TILE_OFFSETS, _TILE_LENGTHS) if is_tiled else (_STRIP_OFFSETS, _STRIP_LENGTHS)
    entries[tags[1]] = (LONG, len(chunks), lengths)
    entries[tags[0]] = (LONG, len(chunks), bytes(len(lengths)))
    start = sum(part_length(part) for part in _directory(entries, order))
    offsets = bytearray()
    for _, length in chunks:
        offsets += start.to_bytes(4, order)
        start += length
    entries[tags[0]] = (LONG, len(chunks), bytes(offsets))
    parts: list[Part] = []
    for part in (*_directory(entries, order), *chunks):
        append_part(parts, part)
    return tuple(parts)


def _directory(entries: _Entries, order: Order) -> Iterator[Part]:
    """Yield header and directory, and behind it the values that do not fit into it."""
    head = b"II*\0\x08\0\0\0" if order == "little" else b"MM\0*\0\0\0\x08"
    head += len(entries).to_bytes(2, order)
    at = 8 + 2 + 12 * len(entries) + 4
    values: list[Part] = []
    for tag, (type, count, content) in sorted(entries.items()):
        head += tag.to_bytes(2, order) + type.to_bytes(2, order)
        head += count.to_bytes(4, order)
        length = part_length(content)
        if isinstance(content, bytes) and length <= 4:
            head += content.ljust(4, b"\0")
            continue
        head += at.to_bytes(4, order)
        values += [content, bytes(length % 2)]
        at += length + length % 2
    yield head + bytes(4)
    yield from values


def _stripped_parts(reader: ByteReader, header: Header) -> tuple[Part, ...]:
    """Return the picture, its profile and its orientation as a TIFF of one directory.

    Raise `NotStrippable` for a file of several pages, of which all but the first would go.
    """
    directory = read_first(reader)
    for later in later_directories(directory):
        if not later.number(_SUBFILE, 0) & _REDUCED:
            raise NotStrippable("The TIFF has several pages.")
    others: _Entries = {}
    if header.orientation > 1:
        content = header.orientation.to_bytes(2, directory.order)
        others[_ORIENTATION] = (SHORT, 1, content)
    for span in header.profile:
        others[_PROFILE] = (UNDEFINED, span.length, span)
    return _file(directory, _find_chunks(directory, _read_page(directory)), others)


TIFF: Final = ImageFormat(
    _FORMAT, "shift_media.imaging.engine.tiff:TiffPicture", _read_header, _stripped_parts
)
