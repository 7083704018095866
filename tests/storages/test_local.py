"""The local storage beyond the contract: links, modes, errors of the disk, private URLs."""

from __future__ import annotations

import io
import os
import stat as modes
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.test import override_settings

from shift_media.conf import settings as media_settings
from shift_media.core.errors import NotStored, SourceTruncated, StorageError
from shift_media.core.signing import RESIZE
from shift_media.storages import LocalMediaStorage
from shift_media.storages.local import TEMPORARY
from shift_media.storages.signed_originals import ORIGINAL_PURPOSE
from shift_media.testing.contents import Stream
from shift_media.testing.steps import fetch_bytes, list_keys, put_bytes

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
PREFIX = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/"


@pytest.fixture
def storage(tmp_path: Path) -> LocalMediaStorage:
    return LocalMediaStorage(tmp_path / "media", base_url="/media/")


def mode_of(path: Path) -> int:
    return modes.S_IMODE(path.stat().st_mode)


# Links, folders and pipes


def test_key_through_link_out_of_location_is_refused(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    put_bytes(storage, "a/b", b"x")
    (tmp_path / "media" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "media" / "file").symlink_to(tmp_path / "outside" / "secret")
    for key in ("link/secret", "file", "link/new"):
        for call in (storage.stat, storage.fetch, storage.delete, storage.open, storage.exists):
            with pytest.raises(SuspiciousFileOperation):
                call(key)
        with pytest.raises(SuspiciousFileOperation):
            put_bytes(storage, key, b"x")
    assert list_keys(storage, "") == ["a/b"]
    with pytest.raises(SuspiciousFileOperation):
        storage.delete_prefix("link/")
    assert os.listdir(tmp_path / "outside") == ["secret"]


def test_delete_prefix_removes_links_but_not_their_targets(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    put_bytes(storage, KEY, b"x")
    (Path(storage.path(KEY)).parent / "link").symlink_to(tmp_path / "outside")
    assert storage.delete_prefix(PREFIX) == 2
    assert (tmp_path / "outside" / "kept").exists()
    assert os.listdir(tmp_path / "media") == [TEMPORARY]


def test_folder_or_pipe_counts_as_missing(storage: LocalMediaStorage) -> None:
    put_bytes(storage, KEY, b"x")
    os.mkfifo(storage.path("pipe"))
    for key in ("3c72aedc", "pipe", f"{KEY}/below"):
        assert storage.stat(key) is None
        with pytest.raises(NotStored):
            storage.fetch(key)
    storage.delete("3c72aedc")
    assert fetch_bytes(storage, KEY) == b"x"


def test_put_below_a_file_raises_storage_error(storage: LocalMediaStorage) -> None:
    put_bytes(storage, "a/file", b"x")
    with pytest.raises(StorageError):
        put_bytes(storage, "a/file/below", b"x")
    assert list_keys(storage, "") == ["a/file"]


# Temporary files


def test_unfinished_file_has_mode_0600(storage: LocalMediaStorage, tmp_path: Path) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.extend(mode_of(path) for path in (tmp_path / "media" / TEMPORARY).iterdir())

    storage.put(KEY, Stream(3_000_000, watch=look), content_type="image/jpeg")
    assert set(seen) == {0o600}
    assert not list((tmp_path / "media" / TEMPORARY).iterdir())


def test_temporary_folder_is_neither_listed_nor_reachable(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    put_bytes(storage, "a/b", b"x")
    (tmp_path / "media" / TEMPORARY / "left").write_bytes(b"x")
    assert list_keys(storage, "") == ["a/b"]
    assert list_keys(storage, ".") == []
    assert storage.listdir("") == (["a"], [])
    assert storage.listdir("a") == ([], ["b"])
    for call in (storage.stat, storage.fetch, storage.delete):
        with pytest.raises(SuspiciousFileOperation):
            call(f"{TEMPORARY}/left")
    with pytest.raises(SuspiciousFileOperation):
        storage.delete_prefix(f"{TEMPORARY}/")


def test_sweep_removes_temporary_files_older_than_a_day(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    assert storage.sweep_temporary() == 0
    put_bytes(storage, "a/b", b"x")
    for name, age in (("old", 90_000), ("young", 80_000)):
        path = tmp_path / "media" / TEMPORARY / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
    assert storage.sweep_temporary() == 1
    assert os.listdir(tmp_path / "media" / TEMPORARY) == ["young"]
    assert storage.sweep_temporary(older_than=timedelta(hours=1)) == 1
    assert fetch_bytes(storage, "a/b") == b"x"


# Errors


def test_error_of_content_is_raised_unchanged(storage: LocalMediaStorage) -> None:
    class Gone:
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError):
        storage.put(KEY, Gone(), content_type="image/jpeg")
    assert list_keys(storage, "") == []


@pytest.mark.acceptance(18)
def test_file_that_shrinks_during_read_raises_source_truncated(storage: LocalMediaStorage) -> None:
    put_bytes(storage, KEY, b"x" * 5_000_000)
    with storage.fetch(KEY) as source:
        source.read(10)
        os.truncate(storage.path(KEY), 3_000_000)
        with pytest.raises(SourceTruncated):
            source.read()


def test_listdir_of_missing_folder_raises_file_not_found(storage: LocalMediaStorage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.listdir("nowhere")


# As Django's FileSystemStorage


def test_files_and_folders_have_modes_of_settings(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    with override_settings(
        FILE_UPLOAD_PERMISSIONS=0o640, FILE_UPLOAD_DIRECTORY_PERMISSIONS=0o2750
    ):
        put_bytes(storage, "a/b/c", b"x")
        assert mode_of(tmp_path / "media/a/b/c") == 0o640
        assert [mode_of(tmp_path / "media" / name) for name in ("a", "a/b")] == [0o2750] * 2
    with override_settings(FILE_UPLOAD_PERMISSIONS=None):
        before = os.umask(0o027)
        try:
            put_bytes(storage, "d", b"x")
        finally:
            os.umask(before)
        assert mode_of(tmp_path / "media/d") == 0o640


def test_text_is_saved_as_utf8_and_times_follow_use_tz(storage: LocalMediaStorage) -> None:
    storage.save("a.txt", ContentFile("grün"))
    assert fetch_bytes(storage, "a.txt") == "grün".encode()
    with override_settings(USE_TZ=False):
        assert storage.get_modified_time("a.txt").tzinfo is None
    with override_settings(USE_TZ=True):
        assert storage.get_modified_time("a.txt").tzinfo is not None


def test_stored_file_is_read_from_any_position(storage: LocalMediaStorage) -> None:
    put_bytes(storage, KEY, b"0123456789")
    with storage.fetch(KEY) as source:
        assert source.seekable()
        assert source.seek(-3, io.SEEK_END) == source.tell() == 7
        assert source.read() == b"789"
        assert source.seek(2) == 2
        assert source.read(2) == b"23"
        assert source.read1(3) == b"456"
        assert bytes(source.readline()) == b"789"


# Private originals


@pytest.fixture
def private(tmp_path: Path) -> LocalMediaStorage:
    return LocalMediaStorage(tmp_path, base_url="/media/", originals="private", url_expire=60)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def test_url_of_private_original_is_signed_and_expires(private: LocalMediaStorage) -> None:
    before = int(time.time())
    url = private.url(KEY)
    query = query_of(url)
    assert url == f"/media/{KEY}?expires={query['expires']}&signature={query['signature']}"
    assert before + 60 <= int(query["expires"]) <= time.time() + 60
    assert private.may_read(KEY, query)


def test_changed_query_does_not_open_private_original(private: LocalMediaStorage) -> None:
    query = query_of(private.url(KEY))
    later = str(int(query["expires"]) + 1)
    past = str(int(time.time()) - 1)
    signer = media_settings.signer(ORIGINAL_PURPOSE)
    assert not private.may_read(KEY.replace("photo", "other"), query)
    wrong: list[dict[str, Any]] = [
        {},
        {"expires": query["expires"]},
        {"signature": query["signature"]},
        {**query, "expires": later},
        {**query, "expires": "0" + query["expires"]},
        {**query, "expires": query["expires"] + "\n"},
        {**query, "expires": "٣" + query["expires"]},
        {**query, "signature": query["signature"].upper()},
        {**query, "signature": query["signature"] + "0"},
        {**query, "signature": "ä" * 10_000},
        {"expires": past, "signature": signer.sign(f"{KEY}?expires={past}")},
        {**query, "signature": media_settings.signer(RESIZE).sign(f"{KEY}?expires={later}")},
    ]
    assert [q for q in wrong if private.may_read(KEY, q)] == []


@pytest.mark.acceptance(48)
def test_private_url_is_valid_while_its_signing_key_is_listed(private: LocalMediaStorage) -> None:
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["old"]}):
        query = query_of(private.url(KEY))
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["new", "old"]}):
        assert private.may_read(KEY, query)
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["new"]}):
        assert not private.may_read(KEY, query)


@pytest.mark.slow
def test_name_of_more_levels_than_pythons_stack_is_listed_and_deleted(tmp_path: Path) -> None:
    storage = LocalMediaStorage(tmp_path / "media", base_url="/m/", fsync=False)
    name = "a/" * 1300 + "b.txt"
    assert storage.put(name, io.BytesIO(b"x"), content_type="text/plain")
    assert [entry.key for entry in storage.entries()] == [name]
    assert [entry.key for entry in storage.entries("a/a")] == [name]
    assert storage.delete_prefix("a/a/") == 1
    assert list(storage.entries()) == []
    assert list(tmp_path.glob("media/a")) == []
