"""Where the compressed data of a JPEG, GIF or WebP ends, found by decoding it.

Bytes can stand behind the data where the container counts them as data: between the last scan of
a JPEG and its end marker, in the sub-blocks of a GIF, in the chunk of a WebP. Only a decoder knows
where its data ends. The shortest data that decode to the same pixels are kept, so that pixels
never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import codecs, decode
from shift_media.imaging.engine.bisect import shortest
from shift_media.imaging.engine.codec_errors import DECODER_ERRORS, translated_errors
from shift_media.imaging.engine.jpeg_data_end import cut_jpeg
from shift_media.imaging.formats import gif, webp_strip
from shift_media.imaging.formats.base import (
    ByteReader,
    Chunk,
    Frame,
    Header,
    Part,
    SourceLimits,
    Span,
    append_part,
)
from shift_media.imaging.formats.segments import open_parts
from shift_media.imaging.probe import read_header

_GIF_END: Final = 2
"""Bytes that the code for the end of the data may take behind that of the last pixel."""
_WEBP_END: Final = 2
"""Bytes by which an encoder fills its last number up."""
_NO_LIMITS: Final = SourceLimits(pixels=2**63, frames=2**63)
"""For a file whose original was within the limits."""


def cut_behind_data(source: BinaryIO, header: Header, stripped: BinaryIO) -> BinaryIO:
    """Return the ``stripped`` file of an original without the bytes behind its compressed data.

    Raises `Undecodable` for an original that its decoder refuses.
    """
    cut = _CUTS.get(header.format.extension)
    if cut is None:
        return stripped
    with translated_errors(header):
        return cut(source, header, stripped)


def _cut_gif(source: BinaryIO, header: Header, stripped: BinaryIO) -> BinaryIO:
    """Cut the data of each frame behind the code of its last pixel."""
    reader = ByteReader(stripped)
    parts: list[Part] = []
    at = 0
    for frame in read_header(stripped, _NO_LIMITS).gif_frames:
        span = frame.data
        append_part(parts, Span(at, span.offset - at))
        for part in _gif_data(stripped, reader, frame):
            append_part(parts, part)
        at = span.offset + span.length
    append_part(parts, Span(at, reader.size - at))
    return open_parts(stripped, parts)


def _gif_data(stripped: BinaryIO, reader: ByteReader, frame: Frame) -> Iterator[Part]:
    """Yield the data of a frame; itself if nothing is behind them."""
    content = reader.exact(*frame.data)
    blocks = list(gif.split_blocks(content))
    found = codecs.open_gif(open_parts(stripped, frame.parts)).find_data_end(blocks)
    if found is None:
        yield frame.data
        return
    last, length = found
    behind = len(blocks[last]) - 1 - length + sum(len(block) - 1 for block in blocks[last + 1 :])
    if behind <= _GIF_END:
        yield frame.data
        return
    before = 1 + sum(map(len, blocks[:last]))
    kept = blocks[last][1 : 1 + length + _GIF_END]
    yield Span(frame.data.offset, before)
    yield bytes((len(kept),)) + kept + b"\0"


def _cut_webp(source: BinaryIO, header: Header, stripped: BinaryIO) -> BinaryIO:
    """Cut the chunks with the data of each picture, and of its alpha."""
    reader = ByteReader(stripped)
    lengths: dict[int, int] = {}
    for chunks in webp_strip.pictures(reader):
        for index, chunk in enumerate(chunks):
            lengths[chunk.content.offset] = _webp_length(stripped, header, chunks, index)
    return open_parts(stripped, webp_strip.with_lengths(reader, lengths))


def _webp_length(stripped: BinaryIO, header: Header, chunks: Sequence[Chunk], index: int) -> int:
    """Return how many bytes of a chunk belong to its picture."""
    reader = ByteReader(stripped)
    start, whole = chunks[index].content

    def load(length: int) -> Image.Image | None:
        return _load(stripped, header, webp_strip.picture_parts(reader, chunks, {start: length}))

    def is_same(length: int) -> bool:
        shortened = load(length)
        return shortened is not None and decode.pixel_digest(shortened) == pixels

    picture = load(whole)
    if picture is None:
        raise Undecodable("The WebP has a picture that cannot be decoded.")
    pixels = decode.pixel_digest(picture)
    if whole <= _WEBP_END or not is_same(whole - _WEBP_END - 1):
        return whole
    least = shortest(0, whole, lambda length: load(length) is not None)
    while least < whole and not is_same(least):
        least += 1
    while least < whole and reader.exact(start + least, 1) == b"\0":
        least += 1  # A decoder takes missing bytes for zeros.
    kept = min(least + _WEBP_END, whole)
    while kept < whole and not is_same(kept):
        kept += 1  # The shorter length was decoded by chance: longer ones are refused.
    return kept


def _load(source: BinaryIO, header: Header, parts: tuple[Part, ...]) -> Image.Image | None:
    """Decode these parts of a file; return None if the decoder refuses them."""
    try:
        image = decode.open_image(source, header, parts)
        image.load()
    except (Undecodable, *DECODER_ERRORS):
        return None
    return image


_CUTS: Final[dict[str, Callable[[BinaryIO, Header, BinaryIO], BinaryIO]]] = {
    "jpg": cut_jpeg,
    "gif": _cut_gif,
    "webp": _cut_webp,
}
"""By extension. Other formats say where their data ends."""
