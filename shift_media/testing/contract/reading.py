# ruff: noqa: D102  # the name of a test says what it requires
"""Tests of the contract: reading."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

from django.utils.timezone import is_aware

from shift_media.core.errors import NotStored
from shift_media.testing.contents import (
    Stream,
    pattern,
)
from shift_media.testing.contract.base import StorageContract
from shift_media.testing.steps import (
    JPEG,
    assert_raises,
    hash_stream,
    new_key,
    peak_memory,
    put_bytes,
)


class ReadingContract(StorageContract):
    """Requirements of `stat` and `fetch`."""

    def test_missing_key_raises_not_stored(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        assert storage.stat(key) is None
        assert storage.exists(key) is False
        assert_raises((NotStored,), storage.fetch, key)
        for method in (storage.open, storage.size, storage.get_modified_time):
            assert_raises((FileNotFoundError,), method, key)
        storage.delete(key)

    def test_stat_returns_size_time_and_checksum(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        digest = hashlib.sha256(b"twelve bytes").hexdigest()
        storage.put(key, io.BytesIO(b"twelve bytes"), content_type=JPEG, sha256=digest)
        stat = storage.stat(key)
        assert stat is not None
        assert stat.size == 12
        assert stat.sha256 in ("", digest), "another checksum than that of the content"
        assert is_aware(stat.modified), "the time has no zone"
        assert abs(datetime.now(UTC) - stat.modified) < self.clock_skew

    def test_fetch_reads_in_parts_and_knows_size(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = pattern(7, 100_000)
        put_bytes(storage, key, content)
        with storage.fetch(key) as source:
            assert source.size == len(content)
            assert source.read(10) == content[:10]
            assert source.read(70_000) == content[10:70_010], (
                "read(n) returned another number of bytes"
            )
            assert source.read() == content[70_010:]
            assert source.read(10) == b""
        assert source.closed

    def test_large_file_is_put_and_fetched_in_little_memory(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        put_bytes(storage, str(new_key()), b"this creates the client")
        with peak_memory() as peak:
            assert storage.put(key, Stream(self.large), content_type=JPEG, size=self.large) is True
        assert peak() < self.memory, f"put held {peak()} bytes"
        with peak_memory() as peak, storage.fetch(key) as source:
            assert hash_stream(source) == hash_stream(Stream(self.large))
        assert peak() < self.memory, f"fetch held {peak()} bytes"
