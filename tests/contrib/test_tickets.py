"""Tickets of direct uploads in Django REST framework."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory, override_settings

from tests.direct import steps
from tests.direct.conftest import client, other, uploads
from tests.fields.conftest import media, use
from tests.fields.material import picture
from tests.parts import package
from tests.testapp.models import Photo

package("rest_framework", "drf")

from rest_framework import (  # noqa: E402 (after the look)
    authentication,
    exceptions,
    serializers,
    viewsets,
)
from rest_framework.settings import api_settings  # noqa: E402

from shift_media.contrib.rest_framework import (  # noqa: E402
    MediaModelSerializer,
    MediaSerializerField,
)

__all__ = ["client", "media", "other", "uploads", "use"]  # fixtures

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads"),
    pytest.mark.acceptance(78),
]

JPEG = picture()


class PhotoSerializer(MediaModelSerializer):
    image = MediaSerializerField(presets=["9x"])

    class Meta:
        model = Photo
        fields = ("title", "image")


class Photos(viewsets.ModelViewSet[Photo]):
    queryset = Photo.objects.order_by("pk")
    serializer_class = PhotoSerializer


def staged(client: Client) -> str:
    given = steps.ticket(client, JPEG)
    assert steps.put(client, given, JPEG).status_code == 204
    token: str = given["ticket"]
    return token


def send(client: Client, action: str = "create", pk: int = 0, **request: Any) -> Any:
    """Send a request of the client's user to the view set."""
    sent = RequestFactory().generic("POST", "/photos/", **request)
    sent.user = steps.request_of(client, "").user  # type: ignore[attr-defined]
    sent._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    view = Photos.as_view({"post": action})
    return view(sent, pk=pk)


def json_of(**data: str) -> dict[str, Any]:
    return {"data": json.dumps(data), "content_type": "application/json"}


def form_of(**data: str) -> dict[str, Any]:
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    return {"data": encode_multipart(BOUNDARY, data), "content_type": MULTIPART_CONTENT}


@pytest.mark.parametrize("body", [json_of, form_of])
def test_file_of_a_ticket_is_saved_by_a_serializer(client: Client, body: Any) -> None:
    response = send(client, **body(**{"title": "a", "image-upload": staged(client)}))
    assert response.status_code == 201, response.data
    photo = Photo.objects.get()
    assert photo.image_meta["original_name"] == "Ä lake.JPG"
    assert response.data["image"]["width"] == 64
    update = body(**{"image-upload": staged(client)})
    assert send(client, "partial_update", photo.pk, **update).status_code == 200
    assert Photo.objects.get().image.key != photo.image.key


def test_file_of_a_ticket_in_an_object_is_saved_by_a_serializer(
    client: Client, other: Client
) -> None:
    body = {"content_type": "application/json"}
    mine, others = ({"image": {"ticket": staged(one)}} for one in (client, other))
    refused = send(client, data=json.dumps(others), **body)
    assert [error.code for error in refused.data["image"]] == ["upload_refused"]
    response = send(client, data=json.dumps(mine), **body)
    assert response.status_code == 201, response.data
    assert response.data["image"]["size"] == len(JPEG)


def test_ticket_of_another_user_is_an_error_of_the_serializer_field(
    client: Client, other: Client
) -> None:
    response = send(client, **json_of(**{"image-upload": staged(other)}))
    assert response.status_code == 400
    assert [error.code for error in response.data["image"]] == ["upload_refused"]
    assert not Photo.objects.exists()


def test_ticket_is_refused_by_a_serializer_that_has_no_request(client: Client) -> None:
    serializer = PhotoSerializer(data={"image-upload": staged(client)})
    assert not serializer.is_valid()
    assert [error.code for error in serializer.errors["image"]] == ["upload_unsupported"]


def test_nested_serializer_takes_its_own_ticket(client: Client) -> None:
    class Outer(serializers.Serializer[Any]):
        photo = PhotoSerializer()

    request = steps.request_of(client, "")
    sent = {"photo": {"image-upload": staged(client)}}
    serializer = Outer(data=sent, context={"request": request})
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data["photo"]["image"].size == len(JPEG)


class NameAuthentication(authentication.BaseAuthentication):
    """The token of a user is the user's name."""

    def authenticate(self, request: Any) -> Any:
        kind, _, name = request.headers.get("Authorization", "").partition(" ")
        if kind != "Name":
            return None
        user = User.objects.filter(username=name).first()
        if user is None:
            raise exceptions.AuthenticationFailed
        return user, name

    def authenticate_header(self, request: Any) -> str:
        return "Name"


@pytest.fixture
def tokens(client: Client, uploads: None) -> Iterator[None]:
    """Let direct uploads know the users of the framework's authentication classes."""
    given = {
        "UPLOADS": {steps.FIELD: "shift_media.direct.may_add"},
        "UPLOAD_AUTHENTICATION": "shift_media.contrib.rest_framework.user_of_token",
    }
    classes = [authentication.SessionAuthentication, NameAuthentication]
    with override_settings(SHIFT_MEDIA=given), pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_settings, "DEFAULT_AUTHENTICATION_CLASSES", classes)
        yield


@pytest.mark.usefixtures("tokens")
def test_user_of_the_frameworks_authentication_uploads_without_cookies(client: Client) -> None:
    app = Client(enforce_csrf_checks=True)

    def ask(**headers: str) -> Any:
        sent = steps.announced(JPEG)
        return app.post(steps.URL, sent, content_type="application/json", headers=headers)

    given = ask(authorization="Name ada")
    assert given.status_code == 201, given.content
    assert ask().json()["code"] == "forbidden"
    wrong = ask(authorization="Name eve")
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Name")
    steps.put(client, given.json(), JPEG)
    body = json_of(**{"image-upload": given.json()["ticket"]})
    assert send(client, **body).status_code == 201
