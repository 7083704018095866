# ruff: noqa: D102  # the name of a test says what it requires
"""Tests of the contract: deleting, listing and copying."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from django.core.exceptions import SuspiciousOperation

from shift_media.core.errors import NotStored
from shift_media.testing.contract.base import StorageContract
from shift_media.testing.steps import (
    assert_nothing_stored,
    assert_raises,
    fetch_bytes,
    list_keys,
    new_key,
    put_bytes,
)


class DeletingContract(StorageContract):
    """Requirements of the methods that delete, list and copy."""

    def test_delete_prefix_deletes_only_the_prefix(self) -> None:
        storage, id = self.make_storage(), new_key().id
        inside, outside = [f"{id}/a/a", f"{id}/a/b/c"], [f"{id}/aaa/a", f"{id}/a.b/a"]
        for key in inside + outside:
            put_bytes(storage, key, b"x")
        assert storage.delete_prefix(f"{id}/a/") == 2
        assert list_keys(storage, f"{id}/") == sorted(outside)
        assert storage.delete_prefix(f"{id}/a/") == 0, (
            "missing keys are no error, and are not counted"
        )

    def test_delete_prefix_refuses_anything_but_a_folder(self) -> None:
        storage, key = self.make_storage(), new_key()
        put_bytes(storage, str(key), b"x")
        for prefix in ("", "/", key.id, f"{key.id}//", f"{key.id}/../", "../"):
            assert_raises((SuspiciousOperation,), storage.delete_prefix, prefix)
        assert storage.exists(str(key))

    def test_delete_prefix_and_entries_handle_many_keys(self) -> None:
        storage, key = self.make_storage(), new_key()
        keys = [f"{key.prefix}{number:04}" for number in range(self.many)]
        with ThreadPoolExecutor(self.threads) as pool:
            assert all(pool.map(lambda name: put_bytes(storage, name, b"x"), keys))
        assert list_keys(storage, key.prefix) == keys
        assert storage.delete_prefix(key.prefix) == self.many
        assert_nothing_stored(storage, key)

    def test_delete_prefixes_counts_the_keys_of_each_prefix(self) -> None:
        storage, (first, second, other) = self.make_storage(), (new_key() for _ in range(3))
        for key in (str(first), f"{first.prefix}resize", str(second), str(other)):
            put_bytes(storage, key, b"x")
        free = new_key().prefix
        deleted = storage.delete_prefixes([first.prefix, free, second.prefix])
        assert deleted == {first.prefix: 2, free: 0, second.prefix: 1}
        assert_nothing_stored(storage, first)
        assert list_keys(storage, other.prefix) == [str(other)]

    def test_delete_many_deletes_the_keys_and_no_other(self) -> None:
        storage, key = self.make_storage(), new_key()
        for name in ("a", "b", "c"):
            put_bytes(storage, f"{key.prefix}{name}", b"x")
        storage.delete_many([f"{key.prefix}a", f"{key.prefix}missing", f"{key.prefix}c"])
        assert list_keys(storage, key.prefix) == [f"{key.prefix}b"]

    def test_put_during_deletion_succeeds_and_next_deletion_removes_it(self) -> None:
        storage, key = self.make_storage(), new_key()

        def write(number: int) -> bool:
            return put_bytes(storage, f"{key.prefix}{number}", b"x" * 1000)

        with ThreadPoolExecutor(self.threads) as pool:
            writes, deletions = [], []
            for number in range(3 * self.threads):
                writes.append(pool.submit(write, number))
                deletions.append(pool.submit(storage.delete_prefix, key.prefix))
            assert all(one.result() for one in writes), "a put was lost"
            for deletion in deletions:
                deletion.result()
        storage.delete_prefix(key.prefix)
        assert_nothing_stored(storage, key)

    def test_delete_deletes_one_key(self) -> None:
        storage, key = self.make_storage(), new_key()
        put_bytes(storage, str(key), b"x")
        put_bytes(storage, f"{key.prefix}other", b"x")
        storage.delete(str(key))
        assert list_keys(storage, key.prefix) == [f"{key.prefix}other"]

    def test_entries_lists_keys_and_sizes_of_any_prefix(self) -> None:
        storage, key, other = self.make_storage(), new_key(), new_key()
        for name in (str(key), f"{key.prefix}_web/720p.mp4", str(other)):
            put_bytes(storage, name, name.encode())
        for prefix in (key.id[:12], f"{key.id}/", key.prefix, key.prefix + "_w"):
            sizes = {entry.key: entry.size for entry in storage.entries(prefix)}
            assert all(len(name) == size for name, size in sizes.items())
            stored = {str(key), f"{key.prefix}_web/720p.mp4"}
            assert set(sizes) == {name for name in stored if name.startswith(prefix)}
        first = next(iter(storage.entries(f"{key.id}/")))
        assert abs(datetime.now(UTC) - first.modified) < self.clock_skew
        assert list(storage.entries(f"{new_key().id}/")) == []

    def test_copy_writes_free_key_and_keeps_taken_key(self) -> None:
        storage, key = self.make_storage(), new_key()
        put_bytes(storage, str(key), b"first")
        assert storage.copy(str(key), f"{key.prefix}copy") is True
        put_bytes(storage, f"{key.prefix}other", b"other")
        assert storage.copy(f"{key.prefix}other", f"{key.prefix}copy") is False
        storage.delete(str(key))
        assert fetch_bytes(storage, f"{key.prefix}copy") == b"first"
        assert_raises((NotStored,), storage.copy, str(key), f"{key.prefix}new")
