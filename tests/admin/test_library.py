"""The library: all files that a user may view, their search, and where they are used."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from shift_media.admin import search
from tests.admin.conftest import Login, new_films
from tests.fields.material import picture, upload
from tests.testapp.models import Anything, Film, Gallery, Pair, Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

LIBRARY = "/admin/shift_media/libraryfile/"


def page_of(client: Client, **query: str) -> str:
    response = client.get(LIBRARY, query)
    assert response.status_code == 200
    return response.content.decode()


def names(page: str) -> list[str]:
    parts = page.split('class="shift-media-grid-name">')[1:]
    return [part.partition("<")[0] for part in parts]


def test_library_shows_the_files_of_all_models(admin_client: Client) -> None:
    Pair.objects.create(left=upload(name="left.jpg"), right=upload(name="right.jpg"))
    Anything.objects.create(file=upload(name="any.jpg"))
    assert sorted(names(page_of(admin_client))) == ["any.jpg", "left.jpg", "right.jpg"]
    assert "Media library" in admin_client.get("/admin/").content.decode()


@pytest.mark.slow
def test_search_finds_names_and_what_the_admin_of_the_model_finds(admin_client: Client) -> None:
    Pair.objects.create(left=upload(name="Ä lake.jpg"))
    new_films(1)[0]
    Photo.objects.create(title="Wood", image=upload(name="x.jpg"))
    assert names(page_of(admin_client, q="lake")) == ["Ä lake.jpg"]
    assert names(page_of(admin_client, q="wood")) == ["x.jpg"]
    assert names(page_of(admin_client, type="video")) == ["clip.mp4"]
    assert names(page_of(admin_client, **{"in": "testapp.photo.image"})) == ["x.jpg"]
    assert names(page_of(admin_client, q="a\0b", p="x")) == []
    assert names(page_of(admin_client, q="[.*", type="x")) == []
    key = Photo.objects.get().image.key
    assert names(page_of(admin_client, q=key)) == ["x.jpg"]
    assert names(page_of(admin_client, q=key[:4])) == []


def test_user_sees_only_files_of_models_that_they_may_view(login: Login) -> None:
    pair = Pair.objects.create(left=upload(name="left.jpg"))
    Anything.objects.create(file=upload(name="any.jpg"))
    client = login("view_anything")
    assert names(page_of(client)) == ["any.jpg"]
    url = f"{LIBRARY}testapp.pair.left/{pair.pk}/"
    assert client.get(url).status_code == 404
    assert client.get(f"{LIBRARY}testapp.nothing.left/1/").status_code == 404


def test_user_without_any_model_has_no_library(login: Login) -> None:
    client = login("view_user")
    assert "Media library" not in client.get("/admin/").content.decode()
    assert names(page_of(client)) == []
    client.logout()
    assert client.get(LIBRARY).status_code == 302


def test_pages_go_from_one_model_to_the_next(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE", 2)
    monkeypatch.setattr("shift_media.admin.library.PAGE", 2)
    for number in range(3):
        Anything.objects.create(file=upload(name=f"any{number}.jpg"))
    Pair.objects.create(left=upload(name="left.jpg"))
    assert names(page_of(admin_client)) == ["any2.jpg", "any1.jpg"]
    second = page_of(admin_client, p="2", q="jpg")
    assert names(second) == ["any0.jpg", "left.jpg"]
    assert "Page 2 of 2" in second
    assert "?q=jpg&amp;p=1" in second


@pytest.mark.slow
def test_library_asks_as_many_queries_for_60_files_as_for_6(admin_client: Client) -> None:
    new_films(6)
    page_of(admin_client)
    with CaptureQueriesContext(connection) as few:
        page_of(admin_client)
    new_films(54)
    with CaptureQueriesContext(connection) as many:
        assert len(names(page_of(admin_client))) == 60
    assert len(many) == len(few)


def test_file_page_shows_facts_presets_and_where_it_is_used(admin_client: Client) -> None:
    photo = Photo.objects.create(title="Lake", image=upload(picture(), "Lake.jpg"))
    Photo.objects.create(title="Copy", image=photo.image)
    gallery = Gallery.objects.create(cover=photo)
    gallery.photos.add(photo)
    with override_settings(SHIFT_MEDIA={"PRESETS": {"card": {"size": "40x30"}}}):
        url = f"{LIBRARY}testapp.photo.image/{photo.pk}/"
        page = admin_client.get(url).content.decode()
        assert photo.image.resize("card").url in page
    assert "<bdi>64 × 48</bdi>" in page  # Right to left the numbers would change places.
    assert page.count('<a href="/admin/testapp/photo/') >= 2
    uses = page.partition("Where it is used")[2]
    assert "Gallery: cover" in uses
    assert "Gallery: photos" in uses
    assert f"/admin/testapp/gallery/{gallery.pk}/" in uses


def test_file_page_asks_one_query_for_all_media_fields(
    admin_client: Client, django_assert_num_queries: Any
) -> None:
    photo = Photo.objects.create(title="Lake", image=upload())
    Photo.objects.create(title="Copy", image=photo.image)
    Gallery.objects.create(cover=photo).photos.add(photo)
    url = f"{LIBRARY}testapp.photo.image/{photo.pk}/"
    admin_client.get(url)
    # Session, user and row; all fields; the rows of the photos, of the cover and of the others,
    # and which of these the user may view.
    with django_assert_num_queries(3 + 1 + 2 * 3):
        admin_client.get(url)


def test_rows_that_the_user_may_not_view_are_only_counted(login: Login) -> None:
    photo = Photo.objects.create(title="Lake", image=upload())
    Gallery.objects.create(cover=photo)
    client = login("view_photo")
    page = client.get(f"{LIBRARY}testapp.photo.image/{photo.pk}/").content.decode()
    uses = page.partition("Gallery: cover")[2]
    assert "1 more row" in uses
    assert "/admin/testapp/gallery/" not in page


def test_rows_that_the_admin_of_the_model_hides_are_not_in_the_library(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (Anything.objects.create(file=upload(name=f"{n}.jpg")) for n in ("own", "other"))
    model_admin = admin.site._registry[Anything]
    own_rows = Anything.objects.filter(pk=own.pk)
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: own_rows.all())
    assert names(page_of(admin_client)) == ["own.jpg"]
    hidden = admin_client.get(f"{LIBRARY}testapp.anything.file/{other.pk}/")
    assert hidden.status_code == 404


def get_fields(*arguments: object) -> list[str]:
    """Return the fields of the form without the video: a method of an admin."""
    return ["title"]


WITHOUT = {
    "exclude": ("video",),
    "fields": ("title",),
    "fieldsets": ((None, {"fields": ["title"]}),),
    "get_fields": get_fields,
    "form": modelform_factory(Film, fields=["title"]),
}


@pytest.fixture(params=WITHOUT)
def without_video(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the video out of the form of films."""
    kind = type(admin.site._registry[Film])
    monkeypatch.setattr(kind, request.param, WITHOUT[request.param])


def test_field_that_the_form_of_its_row_leaves_out_is_not_in_the_library(
    admin_client: Client, without_video: None
) -> None:
    (film,) = new_films(1)
    assert names(page_of(admin_client)) == []
    assert admin_client.get(f"{LIBRARY}testapp.film.video/{film.pk}/").status_code == 404
    assert admin_client.get(f"/admin/testapp/film/{film.pk}/media/video/").status_code == 404


def test_field_that_the_form_of_its_row_leaves_out_is_no_column_by_default(
    admin_client: Client, without_video: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_films(1)
    assert "clip.mp4" not in admin_client.get("/admin/testapp/film/").content.decode()
    for name in ("list_display", "readonly_fields"):
        with monkeypatch.context() as shown:
            shown.setattr(type(admin.site._registry[Film]), name, ("video",))
            assert names(page_of(admin_client)) == ["clip.mp4"]
