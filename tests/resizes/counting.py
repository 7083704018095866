"""Local storages that count their calls, some of which fail."""

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
    """A local storage that counts its calls, and logs them to ``log_file`` for other processes."""

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
    """A storage that returns True from put and stores nothing."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        self._count("put", key)
        return True


class FailingStorage(CountingStorage):
    """A storage that reads, and fails to write."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        self._count("put", key)
        raise StorageError("secret-bucket does not answer")


class CutStorage(CountingStorage):
    """A storage whose sources promise one byte more than they have."""

    def fetch(self, key: str) -> Source:
        source = super().fetch(key)
        source.size += 1
        return source
