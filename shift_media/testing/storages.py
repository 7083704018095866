# ruff: noqa: D102  # the name of a test says what it requires
"""The contract of media storages, as tests that any of them can inherit.

.. code-block:: python

    class TestMyStorage(MediaStorageContract):
        def make_storage(self):
            return MyStorage(bucket="test")

The class above runs under pytest. Under ``unittest`` it needs ``unittest.TestCase`` as a second
base. Each test uses new keys, so all tests may share one storage. Run them against the real
service, because a stand-in has neither its races nor its errors.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.utils.timezone import is_aware

from shift_media.core.errors import AlreadyStored, NotStored, SourceTruncated
from shift_media.storages.base import DeliveryMode, MediaStorage, Originals
from shift_media.testing.contents import (
    ContentError,
    FailingStream,
    Stream,
    SynchronizedContent,
    pattern,
)
from shift_media.testing.steps import (
    JPEG,
    SAFE_TYPES,
    assert_nothing_stored,
    assert_raises,
    fetch_bytes,
    hash_stream,
    list_keys,
    new_key,
    peak_memory,
    put_bytes,
)


class MediaStorageContract:
    """Tests of all that shift_media relies on in a media storage."""

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

    # Writing

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

    # Reading

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

    # Deleting and listing

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

    # Django's interface

    def test_available_name_is_the_name_itself(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        for _ in range(2):
            assert storage.get_available_name(key, max_length=len(key)) == key
            put_bytes(storage, key, b"x")

    def test_save_and_open_keep_name_and_bytes(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = ContentFile(b"first", name="other.png")
        content.read(3)
        assert storage.save(key, content) == key
        assert_raises((AlreadyStored,), storage.save, key, ContentFile(b"second"))
        with storage.open(key) as file:
            assert file.read() == b"first"
            file.seek(2)
            assert file.read() == b"rst"
        with file.open() as again:
            assert again.read() == b"first", "a closed file was not opened again"
        assert storage.size(key) == 5
        assert storage.exists(key) is True
        assert self.stored_type(storage, key) in (JPEG, None)

    def test_paths_are_names_and_text_mode_gives_text(self) -> None:
        storage: Any = self.make_storage()
        key = str(new_key("txt"))
        path = pathlib.PurePosixPath(key)
        assert storage.save(key, ContentFile("gr\u00fcn\n")) == key
        assert storage.url(path).partition("?")[0] == storage.url(key).partition("?")[0]
        assert storage.exists(path)
        assert storage.size(path) == 6
        with storage.open(path, "r") as file:
            assert list(file) == ["gr\u00fcn\n"]

    def test_anything_with_read_is_saved(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content: Any = Stream(3_000_000)
        assert storage.save(key, content) == key
        assert storage.size(key) == 3_000_000

    def test_second_file_of_other_name_replaces_it_or_gets_another_name(self) -> None:
        storage, folder = self.make_storage(), new_key().id.replace("/", "")
        first, second = (
            storage.save(f"{folder}/a.txt", ContentFile(text)) for text in (b"1", b"second")
        )
        with storage.open(second) as file:
            assert file.read() == b"second"
        with storage.open(first) as file:
            assert file.read() == (b"second" if first == second else b"1")
        storage.delete(first)
        storage.delete(second)
        assert not storage.exists(first)

    def test_empty_name_is_not_deleted(self) -> None:
        storage: Any = self.make_storage()
        for name in ("", None):
            assert_raises((ValueError,), storage.delete, name)

    def test_open_for_writing_is_refused(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        put_bytes(storage, key, b"first")
        for mode in ("w", "wb", "ab", "r+b"):
            assert_raises((ValueError,), storage.open, key, mode)
        assert fetch_bytes(storage, key) == b"first"

    def test_keys_outside_the_storage_are_refused(self) -> None:
        storage, id = self.make_storage(), new_key().id
        bad = ("", "/a", "../a", "a/../b", "a//b", "a/./b", "a/", "a\\b", "a\0b", "a\nb", "..")
        for key in [*bad, *(f"{id}/{name}" for name in bad)]:
            for method in (storage.stat, storage.fetch, storage.delete):
                assert_raises((SuspiciousOperation,), method, key)
            assert_raises((SuspiciousOperation,), put_bytes, storage, key, b"x")
        assert list_keys(storage, f"{id}/") == []

    # URLs and options

    def test_urls_begin_with_the_public_url(self) -> None:
        storage, key = self.make_storage(), new_key()
        resize = f"{key.prefix}400x300-fit-80-noupscale-{'0' * 32}.webp"
        assert storage.public_url.endswith("/")
        assert storage.derived_url(resize) == storage.public_url + resize
        for name in ("@evil.example", ".evil.example", "x"):
            host = urlsplit(storage.derived_url(name)).netloc
            assert host == urlsplit(storage.public_url).netloc
        public = storage.originals == "public"
        assert (storage.url(str(key)) == storage.public_url + str(key)) is public
        assert public or urlsplit(storage.url(str(key))).query, "a private URL without a signature"
        assert storage.may_read(str(key), {}) is public

    def test_options_have_known_values(self) -> None:
        storage = self.make_storage()
        assert storage.delivery in get_args(DeliveryMode)
        assert storage.originals in get_args(Originals)
