"""Requests of a browser in tests: fetch a resize, upload a file directly."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.files.base import File
from django.test import Client
from django.urls import reverse
from PIL import Image

from shift_media.core.formats import BY_EXTENSION, HEAD_BYTES, RESIZE_FORMATS, detect
from shift_media.resizes.resize import Resize


def assert_resized(
    resize: Resize | str,
    *,
    width: int | None = None,
    height: int | None = None,
    format: str | None = None,
    client: Client | None = None,
) -> Image.Image:
    """Assert that a URL shows a picture of the size and format that it promises; return it.

    Args:
        resize: ``photo.image.resize(…)``, or a URL from a page.
        width: in pixels; by default that of the resize, if it is known without I/O.
        height: as the width.
        format: as in `MediaFile.resize`, by default that of the URL.
        client: of the request.
    """
    url = resize if isinstance(resize, str) else resize.url
    if not isinstance(resize, str):
        width, height = width or resize.width, height or resize.height
    response = (client or Client()).get(_path(url))
    assert response.status_code == 200, (
        f"{url} was answered with {response.status_code} instead of a picture: "
        f"{_beginning(response)}"
    )
    picture = Image.open(io.BytesIO(response.getvalue()))
    picture.load()
    expected = (width or picture.width, height or picture.height)
    assert picture.size == expected, f"{url} is {picture.size}, expected {expected}"
    extension = format or urlsplit(url).path.rpartition(".")[2]
    wanted = RESIZE_FORMATS[extension].pillow if extension in RESIZE_FORMATS else extension
    assert picture.format == wanted, f"{url} is a {picture.format}, expected {wanted}"
    return picture


def _path(url: str) -> str:
    """Return the path and the query of a URL, which the app answers itself in tests."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _beginning(response: Any) -> str:
    content = b"" if response.streaming else response.content
    return repr(response.headers.get("Location") or content[:200])


def upload_directly(client: Client, field: str, file: File[Any], **announced: Any) -> str:
    """Upload a file as the script of a direct upload does, and return the ticket to post.

    A form takes it in place of the file: ``client.post(url, {"image-upload": ticket})``. It needs
    a storage that the app serves, such as one in memory.

    Args:
        client: logged in as a user who may upload.
        field: label of the field, such as ``"gallery.Photo.image"``.
        file: what to upload, such as ``make_image()``.
        announced: what the announcement says otherwise than it is: ``type``, ``size`` …

    Raises ``AssertionError``, with the message for the user, if the upload is refused.
    """
    file.seek(0)
    content = file.read()
    content_type = announced.get("type") or _content_type(content)
    announcement = {
        "field": field,
        "name": file.name,
        "type": content_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **announced,
    }
    url = reverse("shift_media:upload")
    answer = client.post(url, announcement, content_type="application/json")
    assert answer.status_code == 201, f"{_refusal(answer)} (ticket for {field})"
    given = answer.json()
    assert not urlsplit(given["url"]).netloc, (
        f"The bytes go to {given['url'].partition('?')[0]}, which the test client cannot reach. "
        "Use shift_media.testing.in_memory_media() or the fixture media_storage."
    )
    stored = client.put(given["url"], content, content_type, headers=given["headers"])
    assert stored.status_code == 204, f"{_refusal(stored)} (bytes for {field})"
    ticket: str = given["ticket"]
    return ticket


def _content_type(content: bytes) -> str:
    return BY_EXTENSION[detect(content[:HEAD_BYTES]).extension].content_type


def _refusal(response: Any) -> str:
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    body: Mapping[str, Any] = response.json() if is_json else {}
    return f"The upload was refused with {response.status_code}: {body.get('message', '')}"
