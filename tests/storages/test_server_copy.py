"""Copies of files with old names to keys, made by the disk or by the S3 server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from storages.backends.s3 import S3Storage

from shift_media.core.errors import StorageError
from shift_media.storages import LocalMediaStorage, S3MediaStorage, disk_copy, filesystem
from shift_media.storages.s3 import object_copy
from shift_media.storages.server_copy import CopyUnsupported, SourceChanged
from shift_media.testing.steps import fetch_bytes, new_key, put_bytes
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options

SERVERS = [
    pytest.param("seaweedfs", marks=pytest.mark.s3),
    pytest.param("rgw", marks=pytest.mark.rgw),
]
NAME = "photos/Ünder (1) +&.jpg"
HEADERS: dict[str, Any] = {"content_type": "image/jpeg", "download_name": "lake.jpg"}


@pytest.fixture
def local(tmp_path: Path) -> LocalMediaStorage:
    return LocalMediaStorage(location=tmp_path / "new", base_url="/new/")


@pytest.fixture
def old(tmp_path: Path) -> FileSystemStorage:
    storage = FileSystemStorage(location=tmp_path / "old")
    storage.save(NAME, ContentFile(b"old"))
    return storage


def test_file_is_copied_to_key_and_shares_no_bytes(
    local: LocalMediaStorage, old: FileSystemStorage
) -> None:
    key, copy = str(new_key()), local.begin_copy(old, NAME)
    assert copy is not None
    assert (copy.size, copy.requests) == (3, 0)
    assert copy.write(key, **HEADERS)
    Path(old.path(NAME)).write_bytes(b"new")
    assert fetch_bytes(local, key) == b"old"


@pytest.mark.parametrize("without", ["copy_file_range", ""])
def test_file_is_copied_whole_where_the_kernel_copies_nothing(
    local: LocalMediaStorage,
    old: FileSystemStorage,
    monkeypatch: pytest.MonkeyPatch,
    without: str,
) -> None:
    if without:
        monkeypatch.delattr(disk_copy.os, without)
    else:
        monkeypatch.setattr(disk_copy.os, "copy_file_range", _refuse)
    key, copy = str(new_key()), local.begin_copy(old, NAME)
    assert copy is not None
    assert copy.write(key, **HEADERS)
    assert fetch_bytes(local, key) == b"old"


def _refuse(*arguments: Any) -> int:
    raise OSError(18, "Invalid cross-device link")


def test_linked_file_shares_its_bytes(local: LocalMediaStorage, old: FileSystemStorage) -> None:
    key, copy = str(new_key()), local.begin_copy(old, NAME, link=True)
    assert copy is not None
    assert copy.write(key, **HEADERS)
    assert os.path.samefile(old.path(NAME), local.path(key))
    old.delete(NAME)
    assert fetch_bytes(local, key) == b"old"


def test_storage_that_overwrites_files_is_copied_in_place_of_linked(
    local: LocalMediaStorage, old: FileSystemStorage
) -> None:
    storage = FileSystemStorage(location=old.location, allow_overwrite=True)
    key, copy = str(new_key()), local.begin_copy(storage, NAME, link=True)
    assert copy is not None
    assert copy.write(key, **HEADERS)
    storage.save(NAME, ContentFile(b"new"))
    assert fetch_bytes(local, key) == b"old"


@pytest.mark.parametrize("link", [False, True])
def test_taken_key_stays_as_it_is(
    local: LocalMediaStorage, old: FileSystemStorage, link: bool
) -> None:
    key = str(new_key())
    put_bytes(local, key, b"taken")
    copy = local.begin_copy(old, NAME, link=link)
    assert copy is not None
    assert not copy.write(key, **HEADERS)
    assert fetch_bytes(local, key) == b"taken"


@pytest.mark.parametrize("link", [False, True])
def test_file_that_was_written_to_after_it_was_read_is_not_copied(
    local: LocalMediaStorage, old: FileSystemStorage, link: bool
) -> None:
    key, copy = str(new_key()), local.begin_copy(old, NAME, link=link)
    assert copy is not None
    Path(old.path(NAME)).write_bytes(b"longer")
    with pytest.raises(SourceChanged):
        copy.write(key, **HEADERS)
    assert not local.exists(key)


@pytest.mark.parametrize("link", [False, True])
def test_file_that_was_deleted_after_it_was_read_is_not_copied(
    local: LocalMediaStorage, old: FileSystemStorage, link: bool
) -> None:
    key, copy = str(new_key()), local.begin_copy(old, NAME, link=link)
    assert copy is not None
    old.delete(NAME)
    with pytest.raises(SourceChanged):
        copy.write(key, **HEADERS)
    assert not local.exists(key)


@pytest.mark.parametrize("content", [b"new", None])
def test_link_to_another_file_than_the_one_that_was_checked_is_undone(
    local: LocalMediaStorage,
    old: FileSystemStorage,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
) -> None:
    key, copy = str(new_key()), local.begin_copy(old, NAME, link=True)
    assert copy is not None
    link = filesystem.link

    def replace_first(path: str, new_path: str) -> None:
        old.delete(NAME)
        if content is not None:
            old.save(NAME, ContentFile(content))
        link(path, new_path)

    monkeypatch.setattr(filesystem, "link", replace_first)
    with pytest.raises(SourceChanged):
        copy.write(key, **HEADERS)
    assert not local.exists(key)


def test_attachment_keeps_its_download_name(
    local: LocalMediaStorage, old: FileSystemStorage
) -> None:
    for link in (False, True):
        key, copy = str(new_key("bin")), local.begin_copy(old, NAME, link=link)
        assert copy is not None
        assert copy.write(key, content_type="application/octet-stream", download_name="a b.dat")
        assert local.read_download_name(key) == "a b.dat"


class Encrypted(FileSystemStorage):
    """A storage whose files are not what is on the disk."""

    def _open(self, name: str, mode: str = "rb") -> Any:
        return ContentFile(b"decrypted")


def test_files_that_have_to_be_read_are_not_copied_on_the_server(
    local: LocalMediaStorage, old: FileSystemStorage
) -> None:
    assert local.begin_copy(Encrypted(location=old.location), NAME) is None
    assert local.begin_copy(InMemoryStorage(), NAME) is None
    assert local.begin_copy(old, "missing.jpg") is None
    assert local.begin_copy(old, "photos") is None
    assert local.begin_copy(old, "../secret.jpg") is None


# S3


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def s3(server: S3Server) -> S3MediaStorage:
    return S3MediaStorage(**storage_options(server, new_bucket(server)))


@pytest.fixture(scope="module")
def old_s3(server: S3Server, s3: S3MediaStorage) -> S3Storage:
    """Return the old storage: the same bucket below a prefix, with one object."""
    options = storage_options(server, s3.bucket_name)
    del options["public_url"]
    storage = S3Storage(**options, location="old/", file_overwrite=False)
    storage.save(NAME, ContentFile(b"old"))
    return storage


def test_object_is_copied_with_the_headers_of_an_original(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage
) -> None:
    key, copy = str(new_key()), s3.begin_copy(old_s3, NAME)
    assert copy is not None
    assert (copy.size, copy.requests) == (3, 1)
    assert copy.write(key, **HEADERS, sha256="ab" * 32)
    head = client_of(server).head_object(Bucket=s3.bucket_name, Key=key)
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["Metadata"] == {"sha256": "ab" * 32}
    body = client_of(server).get_object(Bucket=s3.bucket_name, Key=key)["Body"]
    assert body.read() == b"old"


def test_attachment_is_copied_with_its_disposition(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage
) -> None:
    key, copy = str(new_key("bin")), s3.begin_copy(old_s3, NAME)
    assert copy is not None
    assert copy.write(key, content_type="application/octet-stream", download_name="a.bin")
    head = client_of(server).head_object(Bucket=s3.bucket_name, Key=key)
    assert head["ContentDisposition"].startswith("attachment; ")
    assert "a.bin" in head["ContentDisposition"]


def test_large_object_is_copied_in_parts(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom((11 << 20) + 7)
    old_s3.save("large.mp4", ContentFile(content))
    monkeypatch.setattr(object_copy, "MAX_SINGLE_COPY", 5 << 20)
    monkeypatch.setattr(object_copy, "PART_BYTES", 5 << 20)
    key, copy = str(new_key("mp4")), s3.begin_copy(old_s3, "large.mp4")
    assert copy is not None
    assert copy.requests == 6
    assert copy.write(key, content_type="video/mp4", download_name="large.mp4")
    assert fetch_bytes(s3, key) == content
    assert client_of(server).head_object(Bucket=s3.bucket_name, Key=key)["ContentType"] == (
        "video/mp4"
    )
    uploads = client_of(server).list_multipart_uploads(Bucket=s3.bucket_name)
    assert not uploads.get("Uploads")


def test_object_that_was_replaced_after_it_was_read_is_not_copied(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage
) -> None:
    name = old_s3.save("replaced.jpg", ContentFile(b"one"))
    key, copy = str(new_key()), s3.begin_copy(old_s3, name)
    assert copy is not None
    client_of(server).put_object(Bucket=s3.bucket_name, Key=f"old/{name}", Body=b"two")
    with pytest.raises(SourceChanged):
        copy.write(key, **HEADERS)
    assert s3.stat(key) is None


def test_object_of_another_server_missing_or_compressed_has_to_be_read(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage
) -> None:
    options = {**storage_options(server, s3.bucket_name), "endpoint_url": "http://127.0.0.1:9"}
    del options["public_url"]
    assert s3.begin_copy(S3Storage(**options), NAME) is None
    assert s3.begin_copy(old_s3, "missing.jpg") is None
    client_of(server).put_object(
        Bucket=s3.bucket_name, Key="old/zipped.jpg", Body=b"x", ContentEncoding="gzip"
    )
    assert s3.begin_copy(old_s3, "zipped.jpg") is None


def test_copy_that_the_server_refuses_is_told_from_a_failure(
    server: S3Server, s3: S3MediaStorage, old_s3: S3Storage
) -> None:
    copy = s3.begin_copy(old_s3, NAME)
    assert copy is not None

    def refuse(code: str) -> Any:
        def before(**kwargs: Any) -> None:
            error = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise s3.client.exceptions.ClientError(error, "CopyObject")

        return before

    for code, expected in (("NotImplemented", CopyUnsupported), ("InternalError", StorageError)):
        handler = refuse(code)
        s3.client.meta.events.register("before-call.s3.CopyObject", handler)
        try:
            with pytest.raises(expected):
                copy.write(str(new_key()), **HEADERS)
        finally:
            s3.client.meta.events.unregister("before-call.s3.CopyObject", handler)
