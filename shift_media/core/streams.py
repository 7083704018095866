"""A base class for readers of data that is not one file."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import BinaryIO


class FileView(io.BufferedIOBase):
    """A stream that reads another file, whose bytes it has at the same positions.

    Attributes:
        size: the bytes that the file should have.
    """

    size: int

    @property
    @abstractmethod
    def file(self) -> BinaryIO:
        """The file that is read."""


class SeekableReader(io.BufferedIOBase):
    """A readable and seekable binary file of known size, whose subclass reads the pieces.

    A subclass implements `_read_at`.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position, which may lie beyond the end, and return it; nothing is read."""
        self._position = max(0, (0, self._position, self.size)[whence] + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most ``size`` bytes, by default all that are left, and move behind them."""
        left = self.size - self._position
        wanted = left if size is None or size < 0 or size > left else size
        if wanted <= 0:
            return b""
        content = self._read_at(self._position, wanted)
        self._position += len(content)
        return content

    @abstractmethod
    def _read_at(self, position: int, length: int) -> bytes:
        """Return at most ``length`` bytes from a position on; none only if the data ends early."""
