# ruff: noqa: D102  # the name of a test says what it requires
"""Tests of the contract: Django's methods."""

from __future__ import annotations

import pathlib
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile

from shift_media.core.errors import AlreadyStored
from shift_media.testing.contents import (
    Stream,
)
from shift_media.testing.contract.base import StorageContract
from shift_media.testing.steps import (
    JPEG,
    assert_raises,
    fetch_bytes,
    list_keys,
    new_key,
    put_bytes,
)


class DjangoContract(StorageContract):
    """Requirements of the methods of a Django storage."""

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
            for name in (key, f"./{key}"):
                assert_raises((ValueError,), storage.open, name, mode)
        assert fetch_bytes(storage, key) == b"first"

    def test_keys_outside_the_storage_are_refused(self) -> None:
        storage, id = self.make_storage(), new_key().id
        bad = ("", "/a", "../a", "a/../b", "a//b", "a/./b", "a/", "a\\b", "a\0b", "a\nb", "..")
        for key in [*bad, *(f"{id}/{name}" for name in bad)]:
            for method in (storage.stat, storage.fetch, storage.delete):
                assert_raises((SuspiciousOperation,), method, key)
            assert_raises((SuspiciousOperation,), put_bytes, storage, key, b"x")
        assert list_keys(storage, f"{id}/") == []
