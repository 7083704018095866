"""Where the entropy-coded data of the last scan of a JPEG ends.

The decoder is given the file piece by piece: as soon as it has read the last block it takes all of
what follows, because it looks for the next marker. It reads some bytes ahead, so that the last few
bytes are left out one by one until the pixels differ.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import codecs, decode
from shift_media.imaging.engine.bisect import shortest
from shift_media.imaging.engine.codec_errors import DECODER_ERRORS
from shift_media.imaging.formats import jpeg, jpeg_ending
from shift_media.imaging.formats.base import ByteReader, Header, Part, Span
from shift_media.imaging.formats.segments import open_parts

_END: Final[tuple[Part, ...]] = (jpeg_ending.END,)
_USUAL_SPARE: Final = 1
_STEPS: Final = (codecs.BLOCK, 512, 8)
"""Bytes of the pieces that the decoder is given, each time within the last piece of before."""
_AHEAD: Final = _STEPS[-1] + 17
"""Bytes by which the data may end earlier: the last piece, and what libjpeg-turbo reads ahead at
most, 64 bits and a stuffed byte behind each."""
_AFFECTED_UNITS: Final = 8 * _AHEAD // 2
"""Coded units in that many bytes: each has a block, and a block has two codes of a bit or more."""
_UNIT_SIDE: Final = 32
"""Sides of a unit at most, in pixels: four blocks."""


def cut_jpeg(source: BinaryIO, header: Header, stripped: BinaryIO) -> BinaryIO:
    """Cut the data of the last scan, and all that follows up to the end marker.

    Raises `Undecodable` for a JPEG that is cut short, and what its decoder raises.
    """
    if not jpeg.has_end(ByteReader(source)):
        decode.decode_all_data(source, header, (1.0, 1.0))  # refuses it if more is missing
    scan = jpeg_ending.last_scan(ByteReader(stripped))
    length = _Tail(stripped, header, scan).find_length()
    return open_parts(stripped, [Span(0, scan.start + length), jpeg_ending.END])


class _Tail:
    """The end of the last scan of a stripped file; all lengths are of the scan's data."""

    def __init__(self, stripped: BinaryIO, header: Header, scan: jpeg_ending.LastScan) -> None:
        self._file = stripped
        self._header = header
        self._scan = scan
        self._length = scan.end - scan.start
        # Data this short ends long before the last block: its bytes are those of the first rows.
        is_long = self._length > _USUAL_SPARE
        self._row = _first_affected_row(header) if scan.single and is_long else 0
        self._pixels = self._digest(self._length, _END)
        self._known: dict[tuple[int, tuple[Part, ...]], bool] = {}

    def find_length(self) -> int:
        """Return the shortest length with the same pixels."""
        for spare in range(_USUAL_SPARE + 1):  # Many encoders write a byte more than they need.
            if not self._is_same(self._length - spare - 1):
                return self._with_all_bits(self._length - spare)
        ahead = self._find_read_length()
        least = max(ahead - _AHEAD, -1)
        length = shortest(least, ahead, self._is_same)
        if length == least + 1 or not self._is_same(length):  # not as libjpeg-turbo reads ahead
            self._row = 0
            self._known.clear()
            self._pixels = self._digest(self._length, _END)
            length = shortest(-1, self._length, self._is_same)
        return self._with_all_bits(length)

    def _with_all_bits(self, length: int) -> int:
        """Return a length, or the next one with which the filler has no bit that is missing."""
        while length < self._length and not (
            self._is_same(length, _END) and self._is_same(length)
        ):
            length += 1
        return length

    def _find_read_length(self) -> int:
        """Return how much the decoder has been given when it has read all blocks."""
        start, end = self._scan.start, self._scan.end
        for step in _STEPS:
            try:
                fed = self._feed(start, step)
            except OSError:  # arithmetic coding cannot be fed piece by piece
                fed = None
            if fed is None:
                return self._length
            start, end = max(fed - step, start), fed
        return end - self._scan.start

    def _feed(self, start: int, step: int) -> int | None:
        """Feed a decoder the file, from ``start`` on in pieces of ``step`` bytes.

        Returns the end of the piece with which all blocks are read; None if the decoder wants
        more than the file has before its end marker.
        """
        file = open_parts(self._file, [Span(0, self._scan.end)])
        image = codecs.open_jpeg(file)
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        decoder = image.start_decoder()
        file.seek(0)
        rest, at, complete = b"", 0, start
        try:
            while at < self._scan.end:
                size = min(codecs.BLOCK, start - at) if at < start else step
                piece = file.read(min(size, self._scan.end - at))
                at += len(piece)
                rest += piece
                consumed, status = decoder.decode(rest)
                if status < 0:
                    raise OSError(f"decoder error {status}")
                if consumed < 0:
                    return at
                rest = rest[consumed:]
                if rest and at >= start:
                    complete = min(at + step, self._scan.end)
        finally:
            decoder.cleanup()
        return None if rest else complete

    def _is_same(self, length: int, ending: tuple[Part, ...] = jpeg_ending.FILLED_END) -> bool:
        """Return True if the pixels are the same with another ending behind this length.

        A decoder puts zeros in place of bits that are missing, so that an end marker alone shows
        little.
        """
        if length < 0:
            return False
        if (length, ending) not in self._known:
            try:
                is_same = self._digest(length, ending) == self._pixels
            except (Undecodable, *DECODER_ERRORS):
                is_same = False
            self._known[length, ending] = is_same
        return self._known[length, ending]

    def _digest(self, length: int, ending: tuple[Part, ...]) -> bytes:
        """Return the digest of the pixels that the end of the data can change."""
        parts = (Span(0, self._scan.start + length), *ending)
        image = decode.open_image(self._file, self._header, parts)
        if image.size != (self._header.width, self._header.height):
            raise Undecodable(f"The decoder sees {image.size}.")
        if self._scan.first_alone and image.mode == "RGB":
            image.draft("L", None)
        image.load()
        return decode.pixel_digest(image, self._row)


def _first_affected_row(header: Header) -> int:
    """Return the first row that the last bytes of a single scan can change."""
    across = -(-header.width // _UNIT_SIDE)
    rows = -(-_AFFECTED_UNITS // across) + 2  # one cut off, and one that smoothing reaches
    return max(0, header.height - rows * _UNIT_SIDE)
