"""Storages that fail in one way."""

from __future__ import annotations

from typing import ClassVar

from shift_media.core.errors import StorageError
from tests.resizes.counting import CountingStorage


class DownStorage(CountingStorage):
    """A storage that cannot delete while ``down`` is True."""

    down: ClassVar[bool] = True

    def delete_prefix(self, prefix: str) -> int:
        if self.down:
            raise StorageError("the bucket does not answer")
        return super().delete_prefix(prefix)


class CollidingStorage(CountingStorage):
    """A storage that counts writes to keys that were taken."""

    taken = 0

    def put(self, key: str, *args: object, **kwargs: object) -> bool:
        written = super().put(key, *args, **kwargs)
        self.taken += not written
        return written
