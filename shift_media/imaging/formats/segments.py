"""A file that is made of parts of another one: what a decoder reads."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO, Final, cast

from shift_media.imaging.formats.base import Part, Span, part_length, read_at

_SMALL: Final = 4096
"""Bytes of a span up to which it is read at once."""


def open_parts(file: BinaryIO, parts: Sequence[Part]) -> BinaryIO:
    """Open parts of a file as one file."""
    return cast(BinaryIO, SegmentedFile(file, parts))


class SegmentedFile(io.BufferedIOBase):
    """Bytes and spans of a file, one after the other, as one seekable binary file.

    Only the bytes that are read are copied. A span past the end of its file ends the whole.
    """

    def __init__(self, file: BinaryIO, parts: Sequence[Part]) -> None:
        self._file = file
        self._parts = list(parts)
        self._starts = [0, *accumulate(map(part_length, parts))]
        self._at = 0

    def readable(self) -> bool:
        """Return True: it is open for reading."""
        return True

    def seekable(self) -> bool:
        """Return True: it has random access."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, which is not checked before the next read."""
        base = (0, self._at, self._starts[-1])[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Read at most ``size`` bytes; by default all that are left."""
        left = self._starts[-1] - self._at
        if size is not None and 0 <= size < left:
            left = size
        content = self._read_part(left)
        if len(content) == left:
            return content
        pieces = [content]
        left -= len(content)
        while left > 0 and (content := self._read_part(left)):
            pieces.append(content)
            left -= len(content)
        return b"".join(pieces)

    def _read_part(self, most: int) -> bytes:
        """Read from the one part that the position lies in."""
        if most <= 0:
            return b""
        index = bisect_right(self._starts, self._at) - 1
        part = self._parts[index]
        skipped = self._at - self._starts[index]
        most = min(most, self._starts[index + 1] - self._at)
        if isinstance(part, Span) and part.length <= _SMALL:
            # Decoders read headers in pieces of a byte or two.
            part = self._parts[index] = read_at(self._file, *part)
        if isinstance(part, bytes):
            content = part[skipped : skipped + most]
        else:
            content = read_at(self._file, part.offset + skipped, most)
        self._at += len(content)
        return content
