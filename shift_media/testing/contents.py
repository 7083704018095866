"""Contents for the contract of storages: long, failing, or read by several threads at once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable

_BLOCK = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)) * 8
"""64 KiB in which a lost or repeated part shows."""

_BARRIER_SECONDS = 3.0  # how long to wait in case a storage admits fewer writers at a time


class ContentError(Exception):
    """The error that `FailingStream` raises."""


class Stream:
    """Bytes that are never in memory all at once, and can be read only once, forwards.

    Args:
        size: how many bytes.
        watch: called before each read.
    """

    def __init__(self, size: int, watch: Callable[[], object] | None = None) -> None:
        self.left = size
        self._size = size
        self._watch = watch

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        if self._watch:
            self._watch()
        count = self.left if size < 0 else min(size, self.left)
        start = self._size - self.left
        self.left -= count
        return pattern(start, count)


class FailingStream(Stream):
    """A stream whose reader fails before the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes up to the middle, then raise `ContentError`."""
        if self.left <= self._size // 2:
            raise ContentError
        return super().read(min(size, self._size // 4) if size > 0 else self._size // 4)


class SynchronizedContent(io.BytesIO):
    """Bytes whose first read waits until the other writers read too."""

    def __init__(self, content: bytes, barrier: threading.Barrier) -> None:
        super().__init__(content)
        self._barrier: threading.Barrier | None = barrier

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        barrier, self._barrier = self._barrier, None
        if barrier:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(_BARRIER_SECONDS)
        return super().read(size)


def pattern(start: int, count: int) -> bytes:
    """Return a part of an endless sequence in which each 32 bytes differ from their neighbours."""
    offset = start % len(_BLOCK)
    return (_BLOCK * ((offset + count) // len(_BLOCK) + 1))[offset : offset + count]
