"""Media fields in django-ninja."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import path

from shift_media.markup.representation import FACTS
from shift_media.validators import InvalidMedia
from tests.direct import steps
from tests.direct.conftest import client, other, uploads
from tests.fields.conftest import media, use
from tests.fields.material import HTML, picture
from tests.parts import package
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Photo

package("ninja", "ninja")

from ninja import File, NinjaAPI, Schema  # noqa: E402 (after the look)
from ninja.files import UploadedFile  # noqa: E402

from shift_media.contrib.ninja import (  # noqa: E402
    MediaSchema,
    TicketSchema,
    media_resolver,
    refuse,
)

__all__ = ["client", "media", "other", "uploads", "use"]  # fixtures

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads", "api_urls"),
]

JPEG = picture()


class PhotoOut(Schema):
    id: int
    image: MediaSchema | None

    resolve_image = media_resolver("image", presets=["9x"])


class PhotoIn(Schema):
    image: TicketSchema


api = NinjaAPI(urls_namespace="test_ninja")
api.add_exception_handler(InvalidMedia, refuse)


@api.get("/photos", response=list[PhotoOut])
def photos(request: Any) -> Any:
    return Photo.objects.order_by("pk")


@api.post("/photos", response=PhotoOut)
def add(request: Any, image: File[UploadedFile]) -> Photo:
    return Photo.objects.create(image=image)


@api.post("/tickets", response=PhotoOut)
def take(request: Any, photo: PhotoIn) -> Photo:
    return Photo.objects.create(image=photo.image.file(request))


urlpatterns = [path("api/", api.urls)]


@pytest.fixture
def api_urls() -> Any:
    from django.conf import settings

    from tests import urls

    both = type(sys)("both")
    both.urlpatterns = [*urls.urlpatterns, *urlpatterns]  # type: ignore[attr-defined]
    assert settings.ROOT_URLCONF
    with override_settings(ROOT_URLCONF=both):
        yield


def upload(client: Client, content: bytes = JPEG) -> Any:
    return client.post("/api/photos", {"image": SimpleUploadedFile("a.jpg", content)})


def test_upload_is_stored_and_represented_by_urls_and_facts(client: Client) -> None:
    response = upload(client)
    assert response.status_code == 200, response.content
    photo = Photo.objects.get()
    image = response.json()["image"]
    assert list(image) == ["url", "state", *FACTS, "resizes"]
    assert image["url"] == f"http://testserver{photo.image.url}"
    assert image["resizes"]["9x"] == {
        "url": f"http://testserver{photo.image.resize('9x').url}", "width": 9, "height": 7
    }  # fmt: skip


def test_list_takes_one_query_and_no_storage_call(
    client: Client, media: CountingStorage, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        upload(client)
    Photo.objects.create()
    media.calls.clear()
    with django_assert_num_queries(1):
        listed = client.get("/api/photos").json()
    assert not media.calls
    assert [bool(row["image"]) for row in listed] == [True, True, True, False]


def test_refused_file_is_an_error_in_the_form_of_the_framework(client: Client) -> None:
    response = upload(client, HTML)
    assert response.status_code == 422
    (detail,) = response.json()["detail"]
    assert (detail["type"], detail["loc"]) == ("unsupported_type", ["body"])
    assert "Choose JPEG" in detail["msg"]


def test_file_of_a_ticket_is_saved_for_its_user_alone(client: Client, other: Client) -> None:
    given = steps.ticket(client, JPEG)
    steps.put(client, given, JPEG)
    body = {"image": {"ticket": given["ticket"]}}
    refused = other.post("/api/tickets", body, "application/json")
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["type"] == "upload_refused"
    taken = client.post("/api/tickets", body, "application/json")
    assert taken.json()["image"]["size"] == len(JPEG)


def test_schema_describes_the_object() -> None:
    schemas = api.get_openapi_schema()["components"]["schemas"]
    assert list(schemas["MediaSchema"]["properties"]) == ["url", "state", *FACTS, "resizes"]
    assert schemas["TicketSchema"]["required"] == ["ticket"]


def test_import_without_the_framework_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shift_media.contrib.ninja"
    monkeypatch.setitem(sys.modules, "ninja", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"django-shift-media\[ninja\]"):
        importlib.import_module(name)
