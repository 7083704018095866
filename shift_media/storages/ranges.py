"""A stored file that is read by ranges, so that its header costs one small request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from shift_media.core.errors import SourceTruncated
from shift_media.core.streams import SeekableReader

BLOCK: Final = 256 << 10
"""Bytes that a jump to another position requests at first."""

_MOST_BLOCKS: Final = 256  # in one request of a file that is read from block to block: 64 MiB
_KEPT_BLOCKS: Final = 16

OpenRange = Callable[[int, int], Any]
"""Opens a number of bytes from a position on."""


class RangedFile(SeekableReader):
    """A seekable file of which each jump is a request, and a run of reads is a few large ones.

    Args:
        size: in bytes.
        open_range: opens a range of it.
    """

    is_read_by_ranges: Final = True

    def __init__(self, size: int, open_range: OpenRange) -> None:
        super().__init__(size)
        self._open_range = open_range
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._stream: Any = None
        self._next, self._left, self._window = 0, 0, 0

    def close(self) -> None:
        """Close the open request."""
        self._close_stream()
        super().close()

    def _read_at(self, position: int, length: int) -> bytes:
        parts = []
        end = min(position + length, self.size)
        while position < end:
            index, offset = divmod(position, BLOCK)
            part = self._block(index)[offset : offset + end - position]
            parts.append(part)
            position += len(part)
        return b"".join(parts)

    def _block(self, index: int) -> bytes:
        if index not in self._blocks:
            self._blocks[index] = self._receive(index)
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[index]

    def _receive(self, index: int) -> bytes:
        if index != self._next or not self._left:
            follows = index == self._next
            self._window = min(self._window * 2, _MOST_BLOCKS) if follows and self._window else 1
            self._close_stream()
            first = index * BLOCK
            length = min(self._window * BLOCK, self.size - first)
            self._stream = self._open_range(first, length)
            self._next, self._left = index, self._window
        self._next, self._left = self._next + 1, self._left - 1
        wanted = min(BLOCK, self.size - index * BLOCK)
        block: bytes = self._stream.read(wanted)
        if len(block) != wanted:
            raise SourceTruncated(f"{len(block)} of {wanted} bytes arrived from the storage.")
        return block

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
