"""Real storages that count what is asked of them, and some that fail."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shift_media.core.errors import StorageError
from shift_media.storages import Entry, LocalMediaStorage, Source, Stat


class CountingStorage(LocalMediaStorage):
    """A local storage that counts its calls, in ``log_file`` too, for other processes to see."""

    def __init__(self, *args: Any, log_file: str = "", **kwargs: Any) -> None:
        super().__init__(*args, fsync=False, **kwargs)
        self.calls: Counter[str] = Counter()
        self._log_file = log_file
        self._lock = threading.Lock()

    def _count(self, call: str, key: str) -> None:
        with self._lock:
            self.calls[call] += 1
        if self._log_file:
            with Path(self._log_file).open("a") as log:
                log.write(f"{os.getpid()} {call} {key}\n")

    def stat(self, key: str) -> Stat | None:
        self._count("stat", key)
        return super().stat(key)

    def fetch(self, key: str) -> Source:
        self._count("fetch", key)
        return super().fetch(key)

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        self._count("put", key)
        return super().put(key, *args, **kwargs)

    def delete_prefix(self, prefix: str) -> int:
        self._count("delete_prefix", prefix)
        return super().delete_prefix(prefix)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self._count("entries", prefix)
        return super().entries(prefix)


class LossyStorage(CountingStorage):
    """Says that it wrote a resize, and has not."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        self._count("put", key)
        return True


class FailingStorage(CountingStorage):
    """Reads, and fails to write."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        self._count("put", key)
        raise StorageError("secret-bucket does not answer")


class CutStorage(CountingStorage):
    """Promises one byte more than it has."""

    def fetch(self, key: str) -> Source:
        source = super().fetch(key)
        source.size += 1
        return source
