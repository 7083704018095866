# ruff: noqa: D102  # the name of a test says what it requires
"""Tests of the contract: writing."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

from shift_media.core.errors import SourceTruncated
from shift_media.testing.contents import (
    ContentError,
    FailingStream,
    Stream,
    SynchronizedContent,
    pattern,
)
from shift_media.testing.contract.base import StorageContract
from shift_media.testing.steps import (
    JPEG,
    SAFE_TYPES,
    assert_nothing_stored,
    assert_raises,
    fetch_bytes,
    new_key,
    put_bytes,
)


class WritingContract(StorageContract):
    """Requirements of `put`."""

    def test_put_stores_all_bytes_and_returns_true(self) -> None:
        storage = self.make_storage()
        for content in (b"", b"x", pattern(0, 3_000_000)):
            key = str(new_key())
            assert put_bytes(storage, key, content) is True
            assert fetch_bytes(storage, key) == content

    def test_put_to_taken_key_returns_false_and_keeps_stored_bytes(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        assert put_bytes(storage, key, b"first") is True
        assert put_bytes(storage, key, b"the second one") is False, "the second put returned True"
        assert fetch_bytes(storage, key) == b"first", "the second put overwrote"

    def test_concurrent_puts_of_one_key_store_one_whole_content(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        barrier = threading.Barrier(self.threads)

        def write(number: int) -> bool:
            content = SynchronizedContent(bytes([number]) * 300_000, barrier)
            return storage.put(key, content, content_type=JPEG, size=300_000)

        with ThreadPoolExecutor(self.threads) as pool:
            written = list(pool.map(write, range(self.threads)))
        assert written.count(True) == 1, f"{written.count(True)} puts returned True"
        assert fetch_bytes(storage, key) == bytes([written.index(True)]) * 300_000

    def test_put_reads_from_position_of_content(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = io.BytesIO(b"head and body")
        content.seek(5)
        storage.put(key, content, content_type=JPEG, size=8)
        assert fetch_bytes(storage, key) == b"and body"

    def test_put_of_failing_content_leaves_nothing(self) -> None:
        storage, key = self.make_storage(), new_key()
        content = FailingStream(4_000_000)
        assert_raises((ContentError,), storage.put, str(key), content, content_type=JPEG)
        assert_nothing_stored(storage, key)

    def test_put_of_wrong_size_raises_and_leaves_nothing(self) -> None:
        storage, key = self.make_storage(), new_key()
        for size in (9, 11):
            content = io.BytesIO(b"ten bytes.")
            assert_raises(
                (SourceTruncated,), storage.put, str(key), content, content_type=JPEG, size=size
            )
        assert_nothing_stored(storage, key)

    def test_key_is_missing_until_put_has_written_all(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        stats: list[object] = []
        content = Stream(3_000_000, watch=lambda: stats.append(storage.stat(key)))
        assert storage.put(key, content, content_type=JPEG) is True
        assert stats and not any(stats), "a part was visible"  # noqa: PT018

    def test_put_stores_content_type(self) -> None:
        storage = self.make_storage()
        for extension, types in (("webp", ["image/webp"]), ("svg", SAFE_TYPES)):
            key = str(new_key(extension))
            storage.put(key, io.BytesIO(b"x"), content_type=types[0])
            assert self.stored_type(storage, key) in (*types, None)
