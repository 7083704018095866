"""Names that are no keys: as in the storage that a media storage is derived from."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages
from django.db import models
from django.test import Client, override_settings
from django.test.utils import isolate_apps
from django.urls import include, path, re_path
from django.views.static import serve
from storages.backends.s3 import S3Storage

from shift_media import registry
from shift_media.checks import storages as storage_checks
from shift_media.core.errors import AlreadyStored
from shift_media.core.keys import new_original_key
from shift_media.fields import MediaField
from shift_media.storages import LocalMediaStorage, S3MediaStorage
from shift_media.testing import InMemoryMediaStorage
from tests.servers.fixtures import client_of, new_bucket, storage_options

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/report.pdf/report.pdf"


@pytest.fixture
def pair(tmp_path: Path) -> list[Storage]:
    """Return a media storage and Django's storage, each in a folder of its own."""
    kinds = (LocalMediaStorage, FileSystemStorage)
    return [kind(tmp_path / kind.__name__, base_url="/media/") for kind in kinds]


@pytest.fixture
def memory_pair() -> list[Storage]:
    """Return a media storage in memory and Django's."""
    return [kind(base_url="/media/") for kind in (InMemoryMediaStorage, InMemoryStorage)]


@pytest.fixture
def s3_pair(rgw: Any) -> list[Any]:
    """Return a media storage and a storage of django-storages, each on a bucket of its own."""
    ours, theirs = (storage_options(rgw, new_bucket(rgw)) for _ in range(2))
    del theirs["public_url"]
    return [S3MediaStorage(**ours), S3Storage(**theirs)]


class Reader:
    """An object with a ``read()`` and nothing else."""

    def __init__(self, content: Any) -> None:
        self._file = io.BytesIO(content) if isinstance(content, bytes) else io.StringIO(content)

    def read(self, size: int = -1) -> Any:
        return self._file.read(size)


def read(storage: Storage, name: Any) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


# On disk


def test_second_file_of_a_name_gets_another_name_on_disk(pair: list[Storage]) -> None:
    for storage in pair:
        first = storage.save("docs/report.pdf", ContentFile(b"first"))
        second = storage.save("docs/report.pdf", ContentFile(b"second"))
        assert first == "docs/report.pdf"
        assert second.startswith("docs/report_")
        assert (read(storage, first), read(storage, second)) == (b"first", b"second")
        assert storage.url(second) == f"/media/{second}"
        limited = storage.get_available_name("docs/report.pdf", max_length=23)
        assert len(limited) <= 23
        assert storage.exists("docs")


def test_allowed_overwriting_on_disk_holds_for_other_names_only(tmp_path: Path) -> None:
    storage = LocalMediaStorage(tmp_path, allow_overwrite=True)
    for content in (b"first", b"second one"):
        assert storage.save("a.txt", ContentFile(content)) == "a.txt"
        assert read(storage, "a.txt") == content
    storage.put(KEY, io.BytesIO(b"first"), content_type="application/pdf")
    assert storage.put(KEY, io.BytesIO(b"second"), content_type="application/pdf") is False
    assert read(storage, KEY) == b"first"


@pytest.mark.parametrize(
    "name",
    [
        "~!*()'@#$%^&*abc`+ =.file",
        "ab\0c",
        "a/b\\c.file",
        "/a.txt",
        "//evil.example/a",
        "ä b",
        None,
    ],
)
def test_url_of_other_name_on_disk_is_that_of_django(pair: list[Storage], name: Any) -> None:
    ours, theirs = pair
    assert ours.url(name) == theirs.url(name)


def test_file_of_other_name_is_written_and_read_in_every_mode(pair: list[Storage]) -> None:
    for storage in pair:
        Path(str(storage.location)).mkdir()  # type: ignore[attr-defined]
        with storage.open("note.txt", "w") as file:
            file.write("grün\n")
        with storage.open("note.txt", "a") as file:
            file.write("rot\n")
        with storage.open("note.txt", "r") as file:
            assert list(file) == ["grün\n", "rot\n"]
        assert storage.size("note.txt") == len("grün\nrot\n".encode())


@pytest.mark.parametrize(
    "name", ["a\xa0b.txt", "10\u202f30.txt", "👨\u200d👩.txt", "./a.txt", "b//a.txt"]
)
def test_odd_other_name_is_that_of_django(pair: list[Storage], name: str) -> None:
    seen = []
    for storage in pair:
        saved = storage.save(name.replace("./", "").replace("//", "/"), ContentFile(b"x"))
        seen.append((saved, storage.exists(name), read(storage, name), storage.exists(f"{name}/")))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["./a.txt", "b/../a.txt", "b//../a.txt", "./missing.txt", "./d/"])
@pytest.mark.parametrize("kind", ["disk", "memory", pytest.param("s3", marks=pytest.mark.rgw)])
def test_name_with_dots_is_read_as_by_django(
    request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    ours, theirs = request.getfixturevalue(
        {"disk": "pair", "memory": "memory_pair", "s3": "s3_pair"}[kind]
    )
    for storage in (ours, theirs):
        storage.save("a.txt", ContentFile(b"x"))
    assert ours.exists(name) == theirs.exists(name)
    if theirs.exists(name):
        assert (ours.size(name), read(ours, name)) == (theirs.size(name), read(theirs, name))
        assert ours.get_modified_time(name) == ours.get_modified_time("a.txt")
        assert ours.url(name).partition("?")[0] == ours.url("a.txt").partition("?")[0]
    else:
        for call in (ours.size, ours.get_modified_time, ours.open):
            with pytest.raises(FileNotFoundError):
                call(name)
    with pytest.raises(SuspiciousFileOperation):
        ours.delete(name)


@pytest.mark.parametrize("mode", ["w", "wb", "ab", "r+b"])
def test_key_behind_a_dot_is_not_opened_for_writing(pair: list[Any], mode: str) -> None:
    ours, _ = pair
    ours.save(KEY, ContentFile(b"original"))
    with pytest.raises(ValueError, match="only be opened for reading"):
        ours.open(f"./{KEY}", mode)
    with pytest.raises(AlreadyStored):
        ours.save(f"./{KEY}", ContentFile(b"other"))
    assert read(ours, KEY) == read(ours, f"./{KEY}") == b"original"


def test_open_files_have_mode_and_size_of_django(pair: list[Storage]) -> None:
    for name in (KEY, "docs/a.txt"):
        for storage in pair:
            storage.save(name, ContentFile(b"abc"))
            for mode in ("r", "rb"):
                with storage.open(name, mode) as file:
                    assert (file.mode, file.size) == (mode, 3)


def test_deletion_of_other_names_on_disk(pair: list[Storage]) -> None:
    for storage in pair:
        storage.save("a/b/c.txt", ContentFile(b"x"))
        storage.delete("a/b/c.txt")
        storage.delete("a/b/c.txt")
        assert storage.exists("a/b")
        storage.delete("a/b")
        assert not storage.exists("a/b")
        for missing in ("", None):
            with pytest.raises(ValueError, match=r"The name must be given to delete\(\)\."):
                storage.delete(missing)  # type: ignore[arg-type]


def test_missing_other_name_raises_file_not_found(pair: list[Storage]) -> None:
    for storage in pair:
        assert not storage.exists("a.txt")
        for call in (storage.open, storage.size, storage.get_modified_time, storage.listdir):
            with pytest.raises(FileNotFoundError):
                call("a.txt")


def test_uploaded_temporary_file_is_moved(pair: list[Storage], tmp_path: Path) -> None:
    for storage in pair:
        path = tmp_path / "upload"
        path.write_bytes(b"moved")
        with path.open("rb") as opened:
            upload = File(opened, "upload")
            upload.temporary_file_path = lambda path=path: str(path)  # type: ignore[attr-defined]
            storage.save("a.txt", upload)
        assert not path.exists()
        assert read(storage, "a.txt") == b"moved"


def test_other_name_outside_the_folder_is_refused(pair: list[Storage]) -> None:
    for storage in pair:
        for name in ("../a.txt", "/a.txt", "a/../../b.txt"):
            with pytest.raises(SuspiciousFileOperation):
                storage.save(name, ContentFile(b"x"))
            with pytest.raises(SuspiciousFileOperation):
                storage.open(name)


# Habits of names and contents, for keys and other names


@pytest.mark.parametrize("name", [KEY, "docs/note.txt"])
def test_path_objects_are_names(tmp_path: Path, name: str) -> None:
    storage: Any = LocalMediaStorage(tmp_path, base_url="/media/")
    named = Path(name)
    assert storage.save(named, ContentFile(b"x")) == name
    assert storage.url(named) == f"/media/{name}"
    assert read(storage, named) == b"x"
    assert storage.exists(named)
    assert storage.size(named) == 1
    assert storage.get_modified_time(named) == storage.get_modified_time(name)
    assert storage.listdir(named.parent) == ([], [named.name])
    storage.delete(named)
    assert not storage.exists(name)


@pytest.mark.parametrize("name", [KEY, "docs/note.txt"])
@pytest.mark.parametrize(
    ("content", "stored"),
    [
        (Reader(b"bytes"), b"bytes"),
        (Reader("grün"), "grün".encode()),
        (io.BytesIO(b"buffer"), b"buffer"),
        (io.StringIO("grün"), "grün".encode()),
    ],
)
def test_anything_with_read_is_saved(
    tmp_path: Path, name: str, content: Any, stored: bytes
) -> None:
    for storage in (LocalMediaStorage(tmp_path / "a"), FileSystemStorage(tmp_path / "b")):
        if hasattr(content, "_file"):
            content._file.seek(0)
        assert storage.save(name, content) == name
        assert read(storage, name) == stored


class Connection:
    """A socket with one answer."""

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswered")


@pytest.mark.parametrize("name", [KEY, "docs/note.txt"])
def test_response_of_http_client_is_saved(tmp_path: Path, name: str) -> None:
    for storage in (LocalMediaStorage(tmp_path / "a"), FileSystemStorage(tmp_path / "b")):
        response: Any = HTTPResponse(Connection())  # type: ignore[arg-type]
        response.begin()
        storage.save(name, response)
        assert read(storage, name) == b"answered"


@pytest.mark.parametrize("name", [KEY, "docs/note.txt"])
def test_file_opened_as_text_gives_text(tmp_path: Path, name: str) -> None:
    storage = LocalMediaStorage(tmp_path)
    storage.save(name, ContentFile("grün\nrot\n"))
    with storage.open(name, "r") as file:
        assert file.read() == "grün\nrot\n"
    with file.open() as again:
        assert list(again) == ["grün\n", "rot\n"]


@pytest.mark.parametrize("name", [KEY, "docs/note.txt"])
@pytest.mark.parametrize("aware", [True, False])
def test_times_are_those_of_file_system_storage(
    tmp_path: Path, settings: Any, name: str, aware: bool
) -> None:
    settings.USE_TZ, settings.TIME_ZONE = aware, "America/New_York"
    ours, theirs = LocalMediaStorage(tmp_path), FileSystemStorage(tmp_path)
    ours.save(name, ContentFile(b"x"))
    for method in ("get_modified_time", "get_created_time", "get_accessed_time"):
        time = getattr(ours, method)(name)
        assert time == getattr(theirs, method)(name)
        assert (time.tzinfo is not None) is aware


# On S3


@pytest.mark.rgw
def test_overwriting_on_s3_is_that_of_django_storages(s3_pair: list[Any]) -> None:
    for storage in s3_pair:
        for content in (b"first", b"second one"):
            assert storage.save("docs/report.pdf", ContentFile(content)) == "docs/report.pdf"
            assert read(storage, "docs/report.pdf") == content
        storage.file_overwrite = False
        second = storage.save("docs/report.pdf", ContentFile(b"third"))
        assert second.startswith("docs/report_")
        assert (read(storage, "docs/report.pdf"), read(storage, second)) == (
            b"second one",
            b"third",
        )


@pytest.mark.rgw
def test_headers_of_other_name_on_s3_are_those_of_django_storages(
    rgw: Any, s3_pair: list[Any]
) -> None:
    seen = []
    for storage in s3_pair:
        storage.object_parameters = {"CacheControl": "max-age=60", "Metadata": {"by": "me"}}
        for name in ("page.html", "data.csv", "archive.csv.gz", "none"):
            storage.save(name, ContentFile(b"x"))
        heads = [
            client_of(rgw).head_object(Bucket=storage.bucket_name, Key=name)
            for name in ("page.html", "data.csv", "archive.csv.gz", "none")
        ]
        names = ("ContentType", "ContentEncoding", "CacheControl", "Metadata")
        seen.append([{name: head.get(name) for name in names} for head in heads])
    assert seen[0] == seen[1]


@pytest.mark.rgw
def test_file_of_other_name_on_s3_is_written_opened_and_deleted(s3_pair: list[Any]) -> None:
    for storage in s3_pair:
        with storage.open("note.txt", "w") as file:
            file.write("grün\n")
        with storage.open("note.txt", "r") as file:
            assert file.read() == "grün\n"
        assert storage.exists("note.txt")
        assert storage.size("note.txt") == 6
        assert storage.listdir("") == ([], ["note.txt"])
        storage.delete("note.txt")
        storage.delete("note.txt")
        assert not storage.exists("note.txt")
        for call in (storage.open, storage.size):
            with pytest.raises(FileNotFoundError):
                call("note.txt")


@pytest.mark.rgw
def test_file_that_another_process_wrote_meanwhile_is_not_overwritten(s3_pair: list[Any]) -> None:
    storage = s3_pair[0]
    storage.file_overwrite = False
    storage.save("a.txt", ContentFile(b"first"))
    stored = storage._save("a.txt", ContentFile(b"second"))  # after the look at the name
    assert stored != "a.txt"
    assert (read(storage, "a.txt"), read(storage, stored)) == (b"first", b"second")


@pytest.mark.rgw
def test_url_of_other_name_on_s3_is_public_or_signed(rgw: Any, s3_pair: list[Any]) -> None:
    storage = s3_pair[0]
    storage.save("ä b.txt", ContentFile(b"x"))
    assert storage.url("ä b.txt") == f"{storage.public_url}%C3%A4%20b.txt"
    private = S3MediaStorage(**storage_options(rgw, storage.bucket_name), originals="private")
    with urllib.request.urlopen(private.url("ä b.txt")) as answer:
        assert answer.read() == b"x"


# In a site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Storage]:
    """Serve a media storage that plain fields use too, as a development server does."""
    urls = ModuleType("urls_of_a_shared_folder")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("media/", include("shift_media.urls")),
        re_path(r"^media/(?P<path>.*)$", serve, {"document_root": tmp_path}),
    ]
    options = {"location": tmp_path, "base_url": "/media/"}
    default = {"BACKEND": "shift_media.storages.LocalMediaStorage", "OPTIONS": options}
    with override_settings(STORAGES={"default": default}, ROOT_URLCONF=urls):
        yield storages["default"]


def test_plain_and_media_fields_share_a_folder_and_both_are_served(site: Storage) -> None:
    plain = models.FileField(upload_to="docs")
    names = [
        site.save(plain.generate_filename(None, "report.pdf"), ContentFile(text))  # type: ignore[arg-type]
        for text in (b"first", b"second")
    ]
    original = str(new_original_key("report.pdf", "pdf"))
    site.save(original, ContentFile(b"%PDF-original"))
    assert names[0] == "docs/report.pdf"
    answers = [Client().get(site.url(name)) for name in (*names, original)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [b"".join(answer) for answer in answers] == [b"first", b"second", b"%PDF-original"]  # type: ignore[call-overload]


@isolate_apps("tests.testapp")
@pytest.mark.parametrize(
    ("options", "setting", "warned"),
    [
        ({}, {}, True),
        ({"file_overwrite": False}, {}, False),
        ({"file_overwrite": True}, {}, False),
        ({}, {"AWS_S3_FILE_OVERWRITE": True}, False),
    ],
)
def test_plain_field_that_overwrites_unasked_is_reported(
    monkeypatch: pytest.MonkeyPatch, options: Any, setting: Any, warned: bool
) -> None:
    with override_settings(**setting):
        storage = S3MediaStorage(bucket_name="b", public_url="https://cdn.example/", **options)

        class Report(models.Model):  # noqa: DJ008
            file = models.FileField(storage=storage)
            media = MediaField(storage=storage)

            class Meta:
                app_label = "testapp"

        monkeypatch.setattr(registry, "apps", Report._meta.apps)
        found = [message.obj for message in storage_checks.check_overwriting(None)]
    assert found == ([Report._meta.get_field("file")] if warned else [])
