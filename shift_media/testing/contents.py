"""Contents that the contracts give to storages: long, slow to come, or breaking off."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable

_BLOCK = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)) * 8
"""64 KiB in which a lost or doubled part shows."""

_PATIENCE = 3.0  # seconds, for a storage that lets fewer writers in at once


class Broken(Exception):
    """What `Breaking` raises."""


class Stream:
    """Bytes that are never in memory all at once, and can be read only once, forwards."""

    def __init__(self, size: int, watch: Callable[[], object] | None = None) -> None:
        self.left = size
        self._size = size
        self._watch = watch

    def read(self, size: int = -1, /) -> bytes:
        """Give the next bytes, after having called ``watch``."""
        if self._watch:
            self._watch()
        count = self.left if size < 0 else min(size, self.left)
        start = self._size - self.left
        self.left -= count
        return pattern(start, count)


class Breaking(Stream):
    """A stream whose reader fails before the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Give bytes up to the middle, then raise `Broken`."""
        if self.left <= self._size // 2:
            raise Broken
        return super().read(min(size, self._size // 4) if size > 0 else self._size // 4)


class Together(io.BytesIO):
    """Bytes whose first reading waits until the other writers are that far, too."""

    def __init__(self, content: bytes, barrier: threading.Barrier) -> None:
        super().__init__(content)
        self._barrier: threading.Barrier | None = barrier

    def read(self, size: int | None = -1, /) -> bytes:
        """Give the next bytes."""
        barrier, self._barrier = self._barrier, None
        if barrier:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(_PATIENCE)
        return super().read(size)


def pattern(start: int, count: int) -> bytes:
    """Give a part of an endless sequence in which each 32 bytes differ from their neighbours."""
    offset = start % len(_BLOCK)
    return (_BLOCK * ((offset + count) // len(_BLOCK) + 1))[offset : offset + count]
