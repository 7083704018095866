"""A file that is made of parts of another one, as decoders read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import BinaryIO, Final, cast

from shift_media.core.streams import SeekableReader
from shift_media.imaging.formats.base import Part, Span, part_length, read_at

_SMALL: Final = 4096
"""Bytes of a span up to which it is read at once."""


def open_parts(file: BinaryIO, parts: Sequence[Part]) -> BinaryIO:
    """Open parts of a file as one file."""
    return cast(BinaryIO, SegmentedFile(file, parts))


def spans_of(part: Span, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield where a part of the bytes that are made of spans lies in the file."""
    at = 0
    for span in spans:
        start, end = max(part.offset, at), min(part.offset + part.length, at + span.length)
        if start < end:
            yield Span(span.offset + start - at, end - start)
        at += span.length


def flat_parts(file: BinaryIO, source: BinaryIO) -> Iterator[Part]:
    """Yield the parts of a source that a file is made of, directly or through other such files."""
    if not isinstance(file, SegmentedFile):
        file.seek(0)
        yield file.read()
        return
    if file.source is source:
        yield from file.parts
        return
    inner = list(flat_parts(file.source, source))
    for part in file.parts:
        yield from [part] if isinstance(part, bytes) else _slice_parts(part, inner)


def _slice_parts(span: Span, parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts of a run of the bytes that other parts make."""
    at = 0
    for part in parts:
        length = part_length(part)
        start, end = max(span.offset, at) - at, min(span.offset + span.length, at + length) - at
        if start < end and isinstance(part, bytes):
            yield part[start:end]
        elif start < end:
            yield Span(cast(Span, part).offset + start, end - start)
        at += length


class SegmentedFile(SeekableReader):
    """Bytes and spans of a file, one after the other, as one seekable binary file.

    Only the bytes that are read are copied. A span past the end of its file ends the whole.
    """

    def __init__(self, file: BinaryIO, parts: Sequence[Part]) -> None:
        self._file = file
        self._parts = list(parts)
        self._starts = [0, *accumulate(map(part_length, parts))]
        super().__init__(self._starts[-1])

    @property
    def source(self) -> BinaryIO:
        """The file whose bytes it has."""
        return self._file

    @property
    def parts(self) -> Sequence[Part]:
        """Its bytes and spans, in their order."""
        return self._parts

    def _read_at(self, position: int, length: int) -> bytes:
        content = self._read_part(position, length)
        if len(content) == length:
            return content
        pieces: list[bytes] = []
        while content:
            pieces.append(content)
            position += len(content)
            length -= len(content)
            content = self._read_part(position, length) if length else b""
        return b"".join(pieces)

    def _read_part(self, position: int, length: int) -> bytes:
        """Read from the one part that a position lies in."""
        index = bisect_right(self._starts, position) - 1
        part = self._parts[index]
        skipped = position - self._starts[index]
        length = min(length, self._starts[index + 1] - position)
        if isinstance(part, Span) and part.length <= _SMALL:
            # Decoders read headers in pieces of a byte or two.
            part = self._parts[index] = read_at(self._file, *part)
        if isinstance(part, bytes):
            return part[skipped : skipped + length]
        return read_at(self._file, part.offset + skipped, length)
