"""Files that are dropped above a list, each of which becomes a row."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client, RequestFactory

from shift_media.admin.dropping import drop_field_of
from tests.admin.conftest import Login
from tests.fields.material import HTML, picture, upload
from tests.testapp.models import Anything, Pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

LIST, DROP = "/admin/testapp/anything/", "/admin/testapp/anything/media-drop/"
FETCH = {"X-Requested-With": "fetch"}
REQUEST = RequestFactory().get("/")


def test_each_file_becomes_a_row(admin_client: Client) -> None:
    files = [upload(name="a.jpg"), upload(picture("PNG"), "b.png", "image/png")]
    page = admin_client.post(DROP, {"file": files}, follow=True).content.decode()
    assert "2 files were added." in page
    names = [row.file.metadata.original_name for row in Anything.objects.order_by("pk")]
    assert names == ["a.jpg", "b.png"]
    assert LogEntry.objects.count() == 2


def test_script_gets_a_thumbnail_and_a_link(admin_client: Client) -> None:
    answer = admin_client.post(DROP, {"file": upload()}, headers=FETCH).json()
    row = Anything.objects.get()
    (added,) = answer["added"]
    assert added["url"] == f"{LIST}{row.pk}/change/"
    assert "<img" in added["thumbnail"]
    assert answer["errors"] == []


def test_refused_file_is_named_and_adds_no_row(admin_client: Client, stored: Any) -> None:
    url = "/admin/gallery/photo/media-drop/"
    answer = admin_client.post(url, {"file": upload(HTML, "x.jpg")}, headers=FETCH)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error.startswith("x.jpg: ")
    assert stored() == []


def test_area_is_shown_with_its_limits_to_those_who_may_add(login: Login) -> None:
    url = "/admin/gallery/photo/"
    client = login("view_photo", "add_photo")
    page = client.get(url).content.decode()
    assert 'action="/admin/gallery/photo/media-drop/"' in page
    assert 'data-limit="25000000"' in page
    assert 'accept="image/' in page


def test_user_who_may_not_add_has_no_area_and_is_refused(login: Login) -> None:
    client = login("view_anything", "change_anything")
    assert "media-drop" not in client.get(LIST).content.decode()
    assert client.post(DROP, {"file": upload()}).status_code == 403
    assert not Anything.objects.exists()


def test_get_is_refused_and_so_is_a_post_without_token(django_user_model: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_superuser("boss"))
    assert client.get(DROP).status_code == 405
    assert client.post(DROP, {"file": upload()}).status_code == 403
    assert not Anything.objects.exists()


def test_post_without_a_file_says_so(admin_client: Client) -> None:
    page = admin_client.post(DROP, follow=True).content.decode()
    assert "Choose a file first." in page


def test_model_whose_rows_need_more_has_no_area(admin_client: Client) -> None:
    pair = admin.site._registry[Pair]
    assert drop_field_of(pair, REQUEST) is None
    assert "media-drop" not in admin_client.get("/admin/testapp/pair/").content.decode()
    assert admin_client.post("/admin/testapp/pair/media-drop/").status_code == 404
    named = type(pair)(Pair, admin.site)
    named.drop_field = "left"
    assert drop_field_of(named, REQUEST).name == "left"
    named.drop_field = ""
    assert drop_field_of(named, REQUEST) is None


@pytest.mark.parametrize("option", ["readonly_fields", "exclude"])
def test_field_that_the_form_does_not_edit_takes_no_dropped_files(
    login: Login, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    client = login("view_anything", "add_anything")
    monkeypatch.setattr(type(admin.site._registry[Anything]), option, ("file",))
    assert DROP not in client.get(LIST).content.decode()
    assert client.post(DROP, {"file": upload()}).status_code == 404
    assert not Anything.objects.exists()
