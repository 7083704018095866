"""A copy with holes, and the search for the last pieces of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_CHUNK: Final = 1 << 20
_MOST_CANDIDATES: Final = 5
"""Positions that look like the beginning of a piece. Media look so once in four gigabytes."""

MOST_PIECES: Final = 200_000
"""Pieces that are counted. A hostile file may have millions of a few bytes."""


@dataclass(frozen=True, slots=True)
class ProbedBytes:
    """How many bytes are read.

    Attributes:
        heads: of the beginning, which has the first frame; the next one is tried if a piece is
            longer.
        tails: of the end, in the same way.
        headers: of all headers together.
    """

    heads: tuple[int, ...] = (16 << 20, 64 << 20)
    tails: tuple[int, ...] = (4 << 20, 16 << 20, 64 << 20)
    headers: int = 256 << 20


class SparseCopy:
    """A copy of which each part is read once.

    Attributes:
        file: the original.
        size: of it, in bytes.
        limits: how much of it may be read.
    """

    def __init__(self, file: BinaryIO, target: BinaryIO, size: int, limits: ProbedBytes) -> None:
        self.file, self.size, self.limits = file, size, limits
        self._target = target
        self._copied: list[tuple[int, int]] = []

    def read(self, first: int, end: int) -> bytes:
        """Copy a part, and return it."""
        self.copy(first, end)
        self._target.seek(first)
        return self._target.read(min(end, self.size) - first)

    def copy(self, first: int, end: int) -> None:
        """Copy a part, from its first byte to the one behind it."""
        end = min(end, self.size)
        for start, stop in list(self._gaps(first, end)):
            self._copy(start, stop)
        self._copied = sorted([*self._copied, (first, end)])

    def fill(self, first: int, header: bytes) -> None:
        """Write the header of a piece that demuxers skip."""
        self._target.seek(first)
        self._target.write(header)

    def _gaps(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        for start, stop in self._copied:
            if first < min(start, end):
                yield first, min(start, end)
            first = max(first, stop)
        if first < end:
            yield first, end

    def _copy(self, first: int, end: int) -> None:
        self.file.seek(first)
        self._target.seek(first)
        while first < end and (chunk := self.file.read(min(_CHUNK, end - first))):
            self._target.write(chunk)
            first += len(chunk)


def find_last_pieces(
    tail: bytes, marks: tuple[bytes, ...], offset: int, is_chain: Callable[[bytes, int], bool]
) -> int | None:
    """Return the position of the first piece from which on pieces follow each other to the end.

    ``marks`` are the bytes at ``offset`` of such a piece. The media may hold the same bytes, so
    the pieces behind them are checked.
    """
    places = sorted(place for mark in marks for place in _find_all(tail, mark))
    candidates = (place - offset for place in places if place >= offset)
    return next((place for place in candidates if is_chain(tail, place)), None)


def _find_all(content: bytes, mark: bytes) -> Iterator[int]:
    place = content.find(mark)
    for _ in range(_MOST_CANDIDATES):
        if place < 0:
            return
        yield place
        place = content.find(mark, place + 1)
