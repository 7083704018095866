"""The storage in memory: the contract, and what users of Django's own one expect."""

from __future__ import annotations

import gc
import io
import os
import pickle
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, storages
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from shift_media.core.keys import new_original_key
from shift_media.storages.base import MediaStorage
from shift_media.testing import InMemoryMediaStorage, MediaStorageContract


class TestInMemoryStorage(MediaStorageContract):
    options: dict[str, Any] = {}

    def make_storage(self) -> MediaStorage:
        return InMemoryMediaStorage(base_url="/media/", **self.options)


class TestPrivateInMemoryStorage(TestInMemoryStorage):
    options = {"originals": "private"}


def put(storage: InMemoryMediaStorage, content: bytes = b"x") -> str:
    key = str(new_original_key("a", "jpg"))
    assert storage.put(key, io.BytesIO(content), content_type="image/jpeg")
    return key


def test_storage_is_an_in_memory_storage_of_django_with_its_options() -> None:
    storage = InMemoryMediaStorage("/files", "/m", 0o600, 0o700)
    assert isinstance(storage, InMemoryStorage)
    assert (storage.location, storage.base_url, storage.public_url) == ("/files", "/m/", "/m/")
    assert (storage.file_permissions_mode, storage.directory_permissions_mode) == (0o600, 0o700)


def test_two_storages_share_no_files() -> None:
    first, second = InMemoryMediaStorage(), InMemoryMediaStorage()
    key = put(first)
    assert first.exists(key)
    assert not second.exists(key)


def test_folders_and_files_are_listed_as_by_django() -> None:
    storage, reference = InMemoryMediaStorage(), InMemoryStorage()
    for name in ("a/b/c.jpg", "a/d.jpg", "e.jpg"):
        for one in (storage, reference):
            one.save(name, ContentFile(b"x"))
    for path in ("", "a", "a/b"):
        assert storage.listdir(path) == reference.listdir(path)
    for one in (storage, reference):
        with pytest.raises(FileNotFoundError):
            one.listdir("missing")


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_follow_use_tz(use_tz: bool) -> None:
    storage = InMemoryMediaStorage()
    with override_settings(USE_TZ=use_tz):
        key = put(storage)
        now = datetime.now(UTC) if use_tz else datetime.now()  # noqa: DTZ005
        for read in ("get_created_time", "get_modified_time", "get_accessed_time"):
            moment = getattr(storage, read)(key)
            assert (moment.tzinfo is not None) is use_tz
            assert abs(now - moment) < timedelta(minutes=1)


def test_reading_changes_only_the_accessed_time() -> None:
    storage = InMemoryMediaStorage()
    key = put(storage)
    before = storage.get_accessed_time(key), storage.get_modified_time(key)
    storage.open(key).close()
    assert storage.get_accessed_time(key) > before[0]
    assert storage.get_modified_time(key) == before[1]


def test_open_file_stays_readable_after_deletion() -> None:
    storage = InMemoryMediaStorage()
    key = put(storage, b"bytes")
    with storage.open(key) as file:
        storage.delete(key)
        assert file.read() == b"bytes"


def test_readers_of_one_file_do_not_disturb_each_other() -> None:
    storage = InMemoryMediaStorage()
    content = os.urandom(6_000_000)  # in a temporary file
    key = put(storage, content)
    read: list[bytes] = []

    def read_in_parts() -> None:
        with storage.fetch(key) as source:
            read.append(b"".join(iter(lambda: source.read(50_000), b"")))

    threads = [threading.Thread(target=read_in_parts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [content] * 4


def test_large_file_leaves_no_open_descriptor_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    storage = InMemoryMediaStorage()
    key = put(storage, bytes(6_000_000))
    assert open_files_in(tmp_path) == 1
    storage.delete(key)
    gc.collect()
    assert open_files_in(tmp_path) == 0


def open_files_in(folder: Path) -> int:
    """Return the number of open files in a folder, whatever else this process has open."""
    descriptors = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(path).startswith(f"{folder}/") for path in descriptors)


def test_snapshot_brings_back_deleted_files_and_removes_new_ones() -> None:
    storage = InMemoryMediaStorage()
    kept = put(storage)
    snapshot = storage.snapshot()
    storage.delete(kept)
    new = put(storage)
    storage.restore(snapshot)
    assert storage.exists(kept)
    assert not storage.exists(new)


def test_public_url_follows_media_url() -> None:
    storage = InMemoryMediaStorage()
    with override_settings(MEDIA_URL="/one/"):
        assert storage.public_url == "/one/"
    with override_settings(MEDIA_URL="/two/"):
        assert storage.public_url == "/two/"


def test_migration_writes_the_public_path_of_the_class() -> None:
    text, _ = MigrationWriter.serialize(InMemoryMediaStorage(base_url="/m/"))
    assert text == "shift_media.testing.InMemoryMediaStorage(base_url='/m/')"


def test_storage_of_the_settings_is_found_by_its_path() -> None:
    media = {"BACKEND": "shift_media.testing.InMemoryMediaStorage"}
    with override_settings(STORAGES={"media": media}):
        assert type(storages["media"]) is InMemoryMediaStorage


def test_resize_of_row_in_memory_can_be_pickled(media_storage: InMemoryMediaStorage) -> None:
    from tests.testapp.models import Photo

    photo = Photo(image=put(media_storage))
    resize = photo.image.resize("40x30")
    assert pickle.loads(pickle.dumps(resize)).url == resize.url


@pytest.mark.parametrize("mode", ["w", "wb", "w+b", "a", "ab", "r+", "r+b", "x", "xb"])
@pytest.mark.parametrize("before", [None, b"before, and long enough"])
def test_other_name_is_opened_for_writing_as_on_disk(
    tmp_path: Path, mode: str, before: bytes | None
) -> None:
    def write(storage: Any) -> object:
        storage.save("docs/a.txt" if before else "docs/b.txt", ContentFile(before or b""))
        first, second = (b"new", b"er") if "b" in mode else ("new", "er")
        try:
            with storage.open("docs/a.txt", mode) as file:
                file.write(first)
                file.flush()
                with storage.open("docs/a.txt") as flushed:
                    seen = flushed.read()
                file.write(second)
        except OSError as error:
            return type(error).__name__ in ("FileNotFoundError", "MissingFile")
        with storage.open("docs/a.txt") as written:
            return seen, written.read()

    assert write(InMemoryMediaStorage()) == write(FileSystemStorage(tmp_path))


def test_key_is_not_opened_for_writing() -> None:
    storage = InMemoryMediaStorage()
    key = put(storage)
    for name in (key, f"./{key}"):
        with pytest.raises(ValueError, match="only be opened for reading"):
            storage.open(name, "wb")
