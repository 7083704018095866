"""An original that arrives from a storage while it is read."""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO

from shift_media.core.errors import SourceTruncated

_SPOOL_BYTES = 16_000_000
"""Originals up to this size are held in memory, larger ones on disk."""
_CHUNK_BYTES = 1 << 20


class Arriving(io.BufferedIOBase):
    """Reads a stream of known size as a seekable file, and no further than it is asked to.

    What has arrived is kept. Raises `SourceTruncated` where the stream ends before a byte that
    was asked for.

    Args:
        stream: gives the bytes; closed by whoever opened it.
        size: how many bytes it promises.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.size = size
        self.arrived = 0
        self._stream = stream
        self._at = 0
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that this can be sought in."""
        return True

    def tell(self) -> int:
        """Tell the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position; nothing arrives by it."""
        self._at = max(0, (0, self._at, self.size)[whence] + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most so many bytes, all that are left by default."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        self.require(self._at + wanted)
        self._spool.seek(self._at)
        content = self._spool.read(wanted)
        self._at += len(content)
        return content

    def require(self, length: int) -> None:
        """Let at least so many bytes of the front arrive.

        With all that were promised the end is looked at too, so that more or other bytes than
        the storage knows of are refused by it or here.
        """
        self._spool.seek(self.arrived)
        while self.arrived < length and self._pull(length - self.arrived):
            pass
        ended = length >= self.size and not self._pull(1)
        if self.arrived < length or (length >= self.size and not ended):
            raise SourceTruncated(f"{self.arrived} of {self.size} bytes arrived from the storage.")

    def close(self) -> None:
        """Forget what has arrived."""
        self._spool.close()
        super().close()

    def _pull(self, most: int) -> int:
        chunk = self._stream.read(min(most, _CHUNK_BYTES))
        self._spool.write(chunk)
        self.arrived += len(chunk)
        return len(chunk)
