"""Reading what is stored: once, from the beginning, and surely to its end."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from shift_media.core.errors import SourceTruncated, StorageError

CHUNK = 1 << 20
"""Bytes read and written at a time."""

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
