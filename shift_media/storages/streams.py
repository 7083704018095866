"""Reading what is stored: once, from the beginning, and surely to its end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from shift_media.core.errors import SourceTruncated, StorageError

CHUNK = 1 << 20
"""Bytes read and written at a time."""

_SPOOL_BYTES = 16_000_000
"""Originals up to this size are held in memory, larger ones on disk."""

Errors = Callable[[str], AbstractContextManager[None]]


class Readable(Protocol):
    """The least that content needs: ``read(n)`` gives bytes, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""


def untranslated(key: str) -> AbstractContextManager[None]:
    """Leave errors of the stream as they are."""
    return contextlib.nullcontext()


class Source(io.BufferedIOBase):
    """Read what lies under a key, and refuse an end that comes early.

    Raises `SourceTruncated` when fewer bytes came than ``size``.

    Args:
        stream: gives the bytes; closed with the source.
        size: how many bytes the storage promises.
        key: for messages.
        errors: makes of a key a context that turns what the stream raises into our errors.
    """

    def __init__(
        self, stream: BinaryIO, size: int, key: str, errors: Errors = untranslated
    ) -> None:
        self.size = size
        self._stream = stream
        self._key = key
        self._errors = errors
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def tell(self) -> int:
        """Tell how many bytes have been read."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read exactly so many bytes, fewer only at the end."""
        wanted = self.size - self._position + 1 if size is None or size < 0 else size
        parts = []
        while wanted > 0 and (part := self._pull(min(wanted, CHUNK))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        """Read so many bytes, by default one chunk."""
        return self.read(CHUNK if size < 0 else size)

    def close(self) -> None:
        """Close the stream beneath."""
        if not self.closed:
            self._stream.close()
        super().close()

    def _pull(self, size: int) -> bytes:
        with self._errors(self._key):
            part = self._stream.read(size)
        self._position += len(part)
        if not part and self._position < self.size:
            raise SourceTruncated(
                f"{self._key!r} ended after {self._position} of {self.size} bytes."
            )
        return part


class HashedSource(Source):
    """A source whose bytes must have the SHA-256 that the storage kept; ``""`` where none is."""

    def __init__(
        self, stream: BinaryIO, size: int, key: str, sha256: str, errors: Errors = untranslated
    ) -> None:
        super().__init__(stream, size, key, errors)
        self._sha256 = sha256
        self._digest = hashlib.sha256()

    def _pull(self, size: int) -> bytes:
        part = super()._pull(size)
        if self._sha256:
            self._digest.update(part)
            if self._position == self.size and self._digest.hexdigest() != self._sha256:
                raise StorageError(f"{self._key!r} has another SHA-256 than when it was stored.")
        return part


class SeekableStream(io.BufferedIOBase):
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
        chunk = self._stream.read(min(most, CHUNK))
        self._spool.write(chunk)
        self.arrived += len(chunk)
        return len(chunk)
