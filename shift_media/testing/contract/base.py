"""The attributes and hooks of the storage contract."""

from __future__ import annotations

from datetime import timedelta

from shift_media.storages.base import MediaStorage


class StorageContract:
    """The storage that is tested, and how hard the tests are on it."""

    threads = 20
    """Threads that use the storage at the same time."""
    many = 1001
    """More keys than S3 lists or deletes in one request."""
    large = 20_000_000
    """Bytes of a file that is too large to be held in memory."""
    memory = 12_000_000
    """Bytes of memory that may be used while ``large`` bytes are stored or fetched."""
    clock_skew = timedelta(minutes=2)
    """The most that the clock of the storage may differ from this one."""

    def make_storage(self) -> MediaStorage:
        """Return the storage to test, in working order."""
        raise NotImplementedError("A storage contract needs make_storage().")

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        """Return the stored content type of a key; None if the storage keeps none."""
        return None
