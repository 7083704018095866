"""ZIP archives: what is in them, what they cost, and how they end when a storage fails."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import AsyncRequestFactory, RequestFactory, override_settings

from shift_media.archives import zip_blocks, zip_response
from shift_media.core.errors import StorageError
from shift_media.core.keys import new_original_key
from shift_media.core.metadata import Metadata
from shift_media.testing import InMemoryMediaStorage
from testproject.gallery.models import Photo
from tests.testapp.models import Moving
from tests.testapp.models import Photo as Old

REQUEST = RequestFactory().get("/album.zip")


@pytest.fixture
def storage() -> InMemoryMediaStorage:
    return InMemoryMediaStorage(base_url="/media/")


def add(storage: InMemoryMediaStorage, name: str, content: bytes = b"x", ext: str = "jpg") -> Any:
    """Store an original and return the file of a row that has it."""
    key = str(new_original_key("photo", ext))
    storage.put(key, ContentFile(content), content_type="image/jpeg")
    facts = Metadata(content_type="image/jpeg", size=len(content), original_name=name)
    file = Photo(image=key, image_meta=facts.to_json(key)).image
    file.storage = storage
    return file


def read(blocks: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(blocks))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_archive_has_each_original_under_the_name_of_its_upload(
    storage: InMemoryMediaStorage,
) -> None:
    files = [add(storage, "Tag am See.jpg", b"one"), add(storage, "湖.JPG", b"two"), Photo().image]
    response = zip_response(REQUEST, files, "Seen & Berge.zip")
    assert read(response.streaming_content) == {"Tag am See.jpg": b"one", "湖.jpg": b"two"}
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == 'attachment; filename="Seen & Berge.zip"'
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "_.._etc_passwd.jpg"),
        ("C:\\boot.ini", "C__boot.ini.jpg"),
        ("a/b.jpg", "a_b.jpg"),
        ("...", "file.jpg"),
        ("", "photo.jpg"),
        ("x.html", "x.html.jpg"),
        ("n\x00ul\n.jpg", "n_ul_.jpg"),
        ("long" * 100 + ".jpg", "long" * 30 + ".jpg"),
    ],
)
def test_name_in_an_archive_is_no_path_and_has_the_extension_of_its_bytes(
    storage: InMemoryMediaStorage, name: str, stored: str
) -> None:
    assert list(read(zip_blocks([add(storage, name)]))) == [stored]


def test_equal_names_are_numbered_whatever_their_case(storage: InMemoryMediaStorage) -> None:
    files = [add(storage, name) for name in ("a.jpg", "A.jpg", "a.jpg", "missing.txt")]
    assert list(read(zip_blocks(files))) == ["a.jpg", "A (2).jpg", "a (3).jpg", "missing.txt.jpg"]


def test_files_from_before_the_media_field_are_in_the_archive_too(tmp_path: Path) -> None:
    options = {"location": tmp_path, "base_url": "/old/"}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    names = ("a/Lake.JPG", "b/lake.jpg", "a/plain", "b/plain")
    with override_settings(STORAGES={**settings.STORAGES, "default": default}):
        for name in names:
            storages["default"].save(name, ContentFile(name.encode()))
        shown = Moving(image=names[0]).photo
        files = [shown, *(Old(image=name).image for name in (*names[1:], "gone.png"))]
        found = read(zip_response(REQUEST, files, "old.zip").streaming_content)
    assert found.pop("missing.txt").endswith(b"\ngone.png\n")
    expected = ("Lake.jpg", "lake (2).jpg", "plain", "plain (2)")
    assert found == {new: name.encode() for new, name in zip(expected, names, strict=True)}


def test_missing_original_is_named_at_the_end_and_the_others_are_there(
    storage: InMemoryMediaStorage,
) -> None:
    lost, kept = add(storage, "lost.jpg"), add(storage, "kept.jpg")
    storage.delete(lost.key)
    found = read(zip_blocks([lost, kept]))
    assert list(found) == ["kept.jpg", "missing.txt"]
    assert b"lost.jpg" in found["missing.txt"]


def test_storage_that_fails_breaks_the_download_off(
    storage: InMemoryMediaStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [add(storage, "a.jpg"), add(storage, "b.jpg")]
    blocks = zip_blocks(files)
    next(blocks)

    def fail(key: str) -> None:
        raise StorageError("The bucket answered 503.")

    monkeypatch.setattr(storage, "fetch", fail)
    with pytest.raises(StorageError):
        list(blocks)


@pytest.mark.slow
def test_archive_of_large_files_needs_little_memory(storage: InMemoryMediaStorage) -> None:
    files = [add(storage, f"{n}.jpg", bytes(20_000_000)) for n in range(3)]
    blocks = zip_blocks(files)
    tracemalloc.start()
    try:
        size = sum(map(len, blocks))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert size > 60_000_000


def test_archive_under_asgi_is_sent_as_it_is_made(storage: InMemoryMediaStorage) -> None:
    request = AsyncRequestFactory().get("/album.zip")
    response = zip_response(request, [add(storage, "a.jpg", b"one")], "album.zip")
    assert response.is_async

    async def collect() -> list[bytes]:
        return [block async for block in response]

    assert read(asyncio.run(collect())) == {"a.jpg": b"one"}


def test_closed_download_closes_the_file_that_is_read(
    storage: InMemoryMediaStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, opened = add(storage, "a.jpg", bytes(1_000_000)), []
    fetch = storage.fetch

    def remember(key: str) -> Any:
        opened.append(fetch(key))
        return opened[-1]

    monkeypatch.setattr(storage, "fetch", remember)
    response = zip_response(REQUEST, [file], "a.zip")
    next(iter(response.streaming_content))
    response.close()
    assert opened[0].closed
