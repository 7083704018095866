"""Old addresses of files, below ``include("shift_media.legacy_urls")``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client, override_settings
from django.urls import include, path
from django.utils.http import urlencode

from shift_media.fields import MediaField
from shift_media.models import ImportedFile
from tests.fields.material import picture, upload
from tests.testapp.models import Attachment, Moving, Photo, Secret

pytestmark = [pytest.mark.django_db, pytest.mark.acceptance(68)]

NAME = "photos/2019/A lake.JPG"
CONTENT = picture(size=(40, 30))


@pytest.fixture(autouse=True)
def old(tmp_path: Path) -> Iterator[Path]:
    """Include the URLs, and return the folder of the storage of the old fields."""
    urls = ModuleType("urls_with_old_addresses")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("media/", include("shift_media.urls")),
        path("media/", include("shift_media.legacy_urls")),
        path("private/", include("shift_media.legacy_urls"), {"storage": "private"}),
        path("remote/", include("shift_media.legacy_urls"), {"storage": "remote"}),
    ]
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": tmp_path / "old", "base_url": "/media/"}
    given = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": options},
        "remote": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    with override_settings(STORAGES=given, ROOT_URLCONF=urls):
        yield tmp_path / "old"


def put(folder: Path, name: str, content: bytes = CONTENT) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def get(path: str, **headers: Any) -> Any:
    """Return a response that is read to its end."""
    response: Any = Client().get(path, headers=headers)
    response.body = b"".join(response) if response.streaming else bytes(response.content)
    return response


def test_file_of_a_row_is_answered_with_where_its_url_is(old: Path) -> None:
    put(old, NAME)
    Photo.objects.bulk_create([Photo(image=NAME)])
    response = get(Photo.objects.get().image.url)
    assert response.body == CONTENT
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "public, max-age=300"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "Set-Cookie" not in response
    assert get("/media/photos/2019/A%20lake.JPG", range="bytes=0-3").status_code == 206
    again = get("/media/photos/2019/A%20lake.JPG", if_none_match=response["ETag"])
    assert again.status_code == 304


def test_file_of_the_field_that_another_is_imported_from_is_answered_with(old: Path) -> None:
    put(old, NAME)
    Moving.objects.create(image=NAME, old_width=4, old_height=3)
    assert get(Moving.objects.get().photo.url).body == CONTENT


def imported(name: str = NAME, model: type[Any] = Photo, **values: Any) -> Any:
    """Return a row whose file was imported."""
    field = next(each for each in model._meta.fields if isinstance(each, MediaField))
    row = model.objects.create(**{field.name: upload(), **values})
    file = getattr(row, field.name)
    ImportedFile.objects.create(
        source=str(field),
        row=str(row.pk),
        old_storage="default",
        old_name=name,
        key=file.name,
        state="imported",
    )
    return row


def test_imported_name_is_a_302_for_five_minutes_to_the_new_file() -> None:
    row = imported()
    response = get("/media/photos/2019/A%20lake.JPG")
    assert (response.status_code, response["Location"]) == (302, row.image.url)
    assert response["Cache-Control"] == "public, max-age=300"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert get("/remote/photos/2019/A%20lake.JPG").status_code == 404


def test_imported_name_of_a_replaced_file_leads_to_the_newer_one() -> None:
    row = imported()
    row.image = upload()
    row.save()
    assert get("/media/photos/2019/A%20lake.JPG")["Location"] == row.image.url


def test_imported_name_of_a_private_file_is_a_404_for_strangers(old: Path) -> None:
    put(old, NAME)
    imported(model=Secret)
    assert get("/media/photos/2019/A%20lake.JPG").status_code == 404


def test_name_of_a_private_and_a_public_row_leads_to_the_public_file() -> None:
    row = imported()
    imported(model=Secret)
    assert get("/media/photos/2019/A%20lake.JPG")["Location"] == row.image.url


@pytest.mark.parametrize(
    "change", ["undone", "deleted", "emptied", "other key", "no field", "other field"]
)
def test_imported_name_without_a_file_in_its_row_is_a_404(change: str) -> None:
    row = imported()
    if change == "undone":
        ImportedFile.objects.update(state="undone")
    elif change == "deleted":
        row.delete()
    elif change == "emptied":
        row.image.delete()
    elif change == "other key":
        ImportedFile.objects.update(row="ea28c5f4-2d2a-4947-8359-84bdd94584cb")
    else:
        source = "testapp.Photo.gone" if change == "no field" else "testapp.Photo.title"
        ImportedFile.objects.update(source=source)
    assert get("/media/photos/2019/A%20lake.JPG").status_code == 404


def test_name_that_was_put_back_is_answered_with_its_file(old: Path) -> None:
    row = imported()
    put(old, NAME)
    Photo.objects.filter(pk=row.pk).update(image=NAME)
    assert get("/media/photos/2019/A%20lake.JPG").body == CONTENT


def test_file_that_no_row_has_is_a_404_and_so_is_a_missing_one(old: Path) -> None:
    put(old, "invoices/1.pdf", b"%PDF-1.7")
    assert get("/media/invoices/1.pdf").status_code == 404
    Photo.objects.bulk_create([Photo(image=NAME)])
    assert get("/media/photos/2019/A%20lake.JPG").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "photos/../photos/a.jpg",
        "photos//a.jpg",
        "./photos/a.jpg",
        "photos\\a.jpg",
        "photos/a.jpg\0",
        "photos/a.jpg\n",
        "/etc/hostname",
        "photos",
        "x" * 5000,
    ],
)
def test_odd_name_is_a_404_even_if_a_row_has_it(name: str, old: Path) -> None:
    put(old, "photos/a.jpg")
    put(old.parent, "secret.jpg")
    Photo.objects.bulk_create([Photo(image=name[:200].replace("\0", ""))])
    assert get(f"/media/{urlencode({'': name})[1:].replace('%2F', '/')}").status_code == 404


def test_link_out_of_the_folder_is_answered_with_as_file_system_storage_does(old: Path) -> None:
    put(old.parent, "elsewhere.jpg")
    (old / "photos").mkdir(parents=True)
    (old / "photos/link.jpg").symlink_to(old.parent / "elsewhere.jpg")
    Photo.objects.bulk_create([Photo(image="photos/link.jpg")])
    assert get("/media/photos/link.jpg").status_code == 200


@pytest.mark.parametrize(
    ("content", "content_type", "is_attachment"),
    [
        (b"<script>alert(1)</script>", "application/octet-stream", True),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "", True),
        (b"%PDF-1.7\n", "", True),
        (picture("PNG", (3, 2)), "image/png", False),
    ],
)
def test_type_is_that_of_the_bytes_and_what_could_run_is_an_attachment(
    content: bytes, content_type: str, is_attachment: bool, old: Path
) -> None:
    put(old, "docs/page.html", content)
    Attachment.objects.bulk_create([Attachment(file="docs/page.html")])
    response = get("/media/docs/page.html")
    assert response.status_code == 200
    assert "html" not in response["Content-Type"]
    assert response["Content-Type"] == content_type or not content_type
    assert ("Content-Disposition" in response) is is_attachment


def test_private_storage_is_never_served(tmp_path: Path, old: Path) -> None:
    name = "photos/a.jpg"
    put(Path(str(storages["private"].location)), name)  # type: ignore[attr-defined]
    put(old, name)
    Secret.objects.bulk_create([Secret(document=name)])
    for url in (f"/private/{name}", f"/media/{name}"):
        assert get(url).status_code == 404


def test_storage_without_paths_is_a_404(old: Path) -> None:
    storages["remote"].save("a.jpg", ContentFile(CONTENT))
    assert get("/remote/a.jpg").status_code == 404


def test_key_and_tampered_key_are_left_to_the_other_include() -> None:
    key = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
    Photo.objects.bulk_create([Photo(image=key)])
    assert get(f"/media/{key}").json()["code"] == "not_stored"


def test_other_methods_are_a_405_and_head_has_no_body(old: Path) -> None:
    put(old, NAME)
    Photo.objects.bulk_create([Photo(image=NAME)])
    url = Photo.objects.get().image.url
    assert Client(enforce_csrf_checks=True).post(url).status_code == 405
    head = Client().head(url)
    assert (head["Content-Length"], head.content) == (str(len(CONTENT)), b"")


def test_name_costs_a_query_of_each_column_at_most(
    django_assert_max_num_queries: Any, old: Path
) -> None:
    from shift_media.registry import all_media_fields

    columns = len(list(all_media_fields())) + 2  # that of Moving.image, and the imported names
    with django_assert_max_num_queries(columns):
        get("/media/none.jpg")
    with django_assert_max_num_queries(1):
        get("/media/" + "x" * 900)
