"""The steps of a direct upload, as the script of a page takes them."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.http import HttpRequest
from django.test import Client, RequestFactory

from shift_media.direct import files
from tests.testapp.models import Photo

FIELD = "testapp.Photo.image"
URL = "/media/upload/"


def announced(content: bytes, **changes: Any) -> dict[str, Any]:
    """Return the announcement of an upload."""
    digest = hashlib.sha256(content).hexdigest()
    announcement = {
        "field": FIELD, "name": "Ä lake.JPG", "type": "image/jpeg", "size": len(content),
        "sha256": digest,
    }  # fmt: skip
    return announcement | changes


def ask(client: Client, content: bytes, **changes: Any) -> Any:
    """Return the response to a request for a ticket."""
    return client.post(URL, announced(content, **changes), content_type="application/json")


def ticket(client: Client, content: bytes, **changes: Any) -> dict[str, Any]:
    """Return the content of a response with a ticket."""
    response = ask(client, content, **changes)
    assert response.status_code == 201, response.content
    given: dict[str, Any] = response.json()
    return given


def put(client: Client, given: dict[str, Any], content: bytes) -> Any:
    """Send the bytes to the app, and return the response."""
    return client.put(given["url"], content, "image/jpeg", headers=given["headers"])


class PhotoForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    """The form of a page."""

    class Meta:
        model = Photo
        fields = ("title", "image")


def request_of(client: Client, token: str) -> HttpRequest:
    """Return the request by which a page sends its form."""
    from django.contrib.auth import get_user
    from django.contrib.auth.models import AnonymousUser

    request = RequestFactory().post("/photos/", {"title": "a lake", "image-upload": token})
    request.session = client.session
    request.user = get_user(request) if client.session.keys() else AnonymousUser()
    return request


def form(client: Client, token: str) -> PhotoForm:
    """Return a form that was sent with a ticket instead of a file."""
    request = request_of(client, token)
    return PhotoForm(request.POST, files(request))


def errors(client: Client, token: str) -> list[str]:
    """Return the error codes of the file in a form."""
    return [error.code for error in form(client, token).errors.as_data().get("image", [])]
