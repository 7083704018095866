"""A storage whose deletions fail as long as a switch says so."""

from __future__ import annotations

from typing import ClassVar

from shift_media.core.errors import StorageError
from tests.resizes.counting import CountingStorage


class DownStorage(CountingStorage):
    """Stores, and does not delete while it is down."""

    down: ClassVar[bool] = True

    def delete_prefix(self, prefix: str) -> int:
        if self.down:
            raise StorageError("the bucket does not answer")
        return super().delete_prefix(prefix)


class CollidingStorage(CountingStorage):
    """Counts how often a key was taken already."""

    taken = 0

    def put(self, key: str, *args: object, **kwargs: object) -> bool:
        written = super().put(key, *args, **kwargs)
        self.taken += not written
        return written
