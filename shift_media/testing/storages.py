# ruff: noqa: D102  # the name of a test says what is held
"""What every media storage must hold to, as tests that any of them can be put through.

.. code-block:: python

    class TestMyStorage(MediaStorageContract):
        def make_storage(self):
            return MyStorage(bucket="test")

runs under pytest as it is, and under ``unittest`` with ``unittest.TestCase`` as a second base.
Each test uses new keys, so that all may share one storage; run it against the real service, never
against a stand-in.
"""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import get_args
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.utils.timezone import is_aware

from shift_media.core.errors import AlreadyStored, NotStored, SourceTruncated
from shift_media.storages.base import DeliveryMode, MediaStorage, Originals
from shift_media.testing.contents import Breaking, Broken, Stream, Together, pattern
from shift_media.testing.steps import (
    JPEG,
    SAFE_TYPES,
    assert_nothing,
    digest_of,
    keys_of,
    new_key,
    peak_memory,
    put,
    read,
    refused,
)


class MediaStorageContract:
    """Put a media storage through what shift_media relies on."""

    threads = 20
    many = 1001
    """More keys than S3 lists or deletes in one request."""
    large = 20_000_000
    memory = 12_000_000
    """Bytes that may be in memory while ``large`` bytes pass through."""
    clock_skew = timedelta(minutes=2)

    def make_storage(self) -> MediaStorage:
        """Return the storage to test, in working order."""
        raise NotImplementedError("A storage contract needs make_storage().")

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        """Return the content type that the storage keeps; None where it keeps none."""
        return None

    # Writing

    def test_put_stores_all_bytes_and_says_so(self) -> None:
        storage = self.make_storage()
        for content in (b"", b"x", pattern(0, 3_000_000)):
            key = str(new_key())
            assert put(storage, key, content) is True
            assert read(storage, key) == content

    def test_put_keeps_what_is_stored_already(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        assert put(storage, key, b"first") is True
        assert put(storage, key, b"the second one") is False, "the second put said it had written"
        assert read(storage, key) == b"first", "the second put overwrote"

    def test_put_of_one_key_by_many_threads_writes_one_whole_content(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        barrier = threading.Barrier(self.threads)

        def write(number: int) -> bool:
            content = Together(bytes([number]) * 300_000, barrier)
            return storage.put(key, content, content_type=JPEG, size=300_000)

        with ThreadPoolExecutor(self.threads) as pool:
            written = list(pool.map(write, range(self.threads)))
        assert written.count(True) == 1, f"{written.count(True)} puts said they had written"
        assert read(storage, key) == bytes([written.index(True)]) * 300_000

    def test_put_reads_from_the_position_of_the_content(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = io.BytesIO(b"head and body")
        content.seek(5)
        storage.put(key, content, content_type=JPEG, size=8)
        assert read(storage, key) == b"and body"

    def test_put_whose_content_breaks_off_leaves_nothing(self) -> None:
        storage, key = self.make_storage(), new_key()
        content = Breaking(4_000_000)
        refused((Broken,), storage.put, str(key), content, content_type=JPEG)
        assert_nothing(storage, key)

    def test_put_of_another_size_than_promised_leaves_nothing(self) -> None:
        storage, key = self.make_storage(), new_key()
        for size in (9, 11):
            content = io.BytesIO(b"ten bytes.")
            refused(
                (SourceTruncated,), storage.put, str(key), content, content_type=JPEG, size=size
            )
        assert_nothing(storage, key)

    def test_put_shows_nothing_before_all_is_written(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        seen: list[object] = []
        content = Stream(3_000_000, watch=lambda: seen.append(storage.stat(key)))
        assert storage.put(key, content, content_type=JPEG) is True
        assert seen and not any(seen), "a part was visible"  # noqa: PT018

    def test_put_keeps_the_content_type(self) -> None:
        storage = self.make_storage()
        for extension, types in (("webp", ["image/webp"]), ("svg", SAFE_TYPES)):
            key = str(new_key(extension))
            storage.put(key, io.BytesIO(b"x"), content_type=types[0])
            assert self.stored_type(storage, key) in (*types, None)

    # Reading

    def test_a_missing_key_is_told_as_missing(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        assert storage.stat(key) is None
        assert storage.exists(key) is False
        refused((NotStored,), storage.fetch, key)
        for method in (storage.open, storage.size, storage.get_modified_time):
            refused((FileNotFoundError,), method, key)
        storage.delete(key)

    def test_stat_tells_size_time_and_checksum(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        digest = hashlib.sha256(b"twelve bytes").hexdigest()
        storage.put(key, io.BytesIO(b"twelve bytes"), content_type=JPEG, sha256=digest)
        stat = storage.stat(key)
        assert stat is not None
        assert stat.size == 12
        assert stat.sha256 in ("", digest), "another checksum than was given"
        assert is_aware(stat.modified), "a time without a zone"
        assert abs(datetime.now(UTC) - stat.modified) < self.clock_skew

    def test_fetch_reads_in_parts_and_tells_the_size(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = pattern(7, 100_000)
        put(storage, key, content)
        with storage.fetch(key) as source:
            assert source.size == len(content)
            assert source.read(10) == content[:10]
            assert source.read(70_000) == content[10:70_010], "read(n) gave other than n bytes"
            assert source.read() == content[70_010:]
            assert source.read(10) == b""
        assert source.closed

    def test_large_files_pass_through_small_memory(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        put(storage, str(new_key()), b"the client is made")
        with peak_memory() as peak:
            assert storage.put(key, Stream(self.large), content_type=JPEG, size=self.large) is True
        assert peak() < self.memory, f"put held {peak()} bytes"
        with peak_memory() as peak, storage.fetch(key) as source:
            assert digest_of(source) == digest_of(Stream(self.large))
        assert peak() < self.memory, f"fetch held {peak()} bytes"

    # Deleting and listing

    def test_delete_prefix_deletes_exactly_the_prefix(self) -> None:
        storage, id = self.make_storage(), new_key().id
        inside, outside = [f"{id}/a/a", f"{id}/a/b/c"], [f"{id}/aaa/a", f"{id}/a.b/a"]
        for key in inside + outside:
            put(storage, key, b"x")
        assert storage.delete_prefix(f"{id}/a/") == 2
        assert keys_of(storage, f"{id}/") == sorted(outside)
        assert storage.delete_prefix(f"{id}/a/") == 0, "missing is no error, and counts nothing"

    def test_delete_prefix_refuses_what_is_no_folder(self) -> None:
        storage, key = self.make_storage(), new_key()
        put(storage, str(key), b"x")
        for prefix in ("", "/", key.id, f"{key.id}//", f"{key.id}/../", "../"):
            refused((SuspiciousOperation,), storage.delete_prefix, prefix)
        assert storage.exists(str(key))

    def test_delete_prefix_and_entries_know_more_than_one_page(self) -> None:
        storage, key = self.make_storage(), new_key()
        keys = [f"{key.prefix}{number:04}" for number in range(self.many)]
        with ThreadPoolExecutor(self.threads) as pool:
            assert all(pool.map(lambda name: put(storage, name, b"x"), keys))
        assert keys_of(storage, key.prefix) == keys
        assert storage.delete_prefix(key.prefix) == self.many
        assert_nothing(storage, key)

    def test_put_beside_a_deletion_neither_fails_nor_stays(self) -> None:
        storage, key = self.make_storage(), new_key()

        def write(number: int) -> bool:
            return put(storage, f"{key.prefix}{number}", b"x" * 1000)

        with ThreadPoolExecutor(self.threads) as pool:
            writes, deletions = [], []
            for number in range(3 * self.threads):
                writes.append(pool.submit(write, number))
                deletions.append(pool.submit(storage.delete_prefix, key.prefix))
            assert all(one.result() for one in writes), "a put was lost"
            for deletion in deletions:
                deletion.result()
        storage.delete_prefix(key.prefix)
        assert_nothing(storage, key)

    def test_delete_deletes_one_key(self) -> None:
        storage, key = self.make_storage(), new_key()
        put(storage, str(key), b"x")
        put(storage, f"{key.prefix}other", b"x")
        storage.delete(str(key))
        assert keys_of(storage, key.prefix) == [f"{key.prefix}other"]

    def test_entries_lists_keys_and_sizes_by_any_beginning(self) -> None:
        storage, key, other = self.make_storage(), new_key(), new_key()
        for name in (str(key), f"{key.prefix}_web/720p.mp4", str(other)):
            put(storage, name, name.encode())
        for prefix in (key.id[:12], f"{key.id}/", key.prefix, key.prefix + "_w"):
            found = {entry.key: entry.size for entry in storage.entries(prefix)}
            assert all(len(name) == size for name, size in found.items())
            wanted = {str(key), f"{key.prefix}_web/720p.mp4"}
            assert set(found) == {name for name in wanted if name.startswith(prefix)}
        first = next(iter(storage.entries(f"{key.id}/")))
        assert abs(datetime.now(UTC) - first.modified) < self.clock_skew
        assert list(storage.entries(f"{new_key().id}/")) == []

    def test_copy_writes_a_free_key_and_leaves_the_other(self) -> None:
        storage, key = self.make_storage(), new_key()
        put(storage, str(key), b"first")
        assert storage.copy(str(key), f"{key.prefix}copy") is True
        put(storage, f"{key.prefix}other", b"other")
        assert storage.copy(f"{key.prefix}other", f"{key.prefix}copy") is False
        storage.delete(str(key))
        assert read(storage, f"{key.prefix}copy") == b"first"
        refused((NotStored,), storage.copy, str(key), f"{key.prefix}new")

    # Django's interface

    def test_names_are_given_back_as_they_are(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        for _ in range(2):
            assert storage.get_available_name(key, max_length=len(key)) == key
            put(storage, key, b"x")

    def test_save_and_open_keep_name_and_bytes(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        content = ContentFile(b"first", name="other.png")
        content.read(3)
        assert storage.save(key, content) == key
        refused((AlreadyStored,), storage.save, key, ContentFile(b"second"))
        with storage.open(key) as file:
            assert file.read() == b"first"
            file.seek(2)
            assert file.read() == b"rst"
        assert storage.size(key) == 5
        assert storage.exists(key) is True
        assert self.stored_type(storage, key) in (JPEG, None)

    def test_open_refuses_to_write(self) -> None:
        storage, key = self.make_storage(), str(new_key())
        put(storage, key, b"first")
        for mode in ("w", "wb", "ab", "r+b"):
            refused((ValueError,), storage.open, key, mode)
        assert read(storage, key) == b"first"

    def test_keys_that_lead_elsewhere_are_refused(self) -> None:
        storage, id = self.make_storage(), new_key().id
        bad = ("", "/a", "../a", "a/../b", "a//b", "a/./b", "a/", "a\\b", "a\0b", "a\nb", "..")
        for key in [*bad, *(f"{id}/{name}" for name in bad)]:
            for method in (storage.stat, storage.fetch, storage.delete):
                refused((SuspiciousOperation,), method, key)
            refused((SuspiciousOperation,), put, storage, key, b"x")
        assert keys_of(storage, f"{id}/") == []

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
        assert public or urlsplit(storage.url(str(key))).query, "a private URL without signature"
        assert storage.may_read(str(key), {}) is public

    def test_options_have_known_values(self) -> None:
        storage = self.make_storage()
        assert storage.delivery in get_args(DeliveryMode)
        assert storage.originals in get_args(Originals)
