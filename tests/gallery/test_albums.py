"""The gallery's albums: their pages, their form and their archive."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from testproject.gallery.models import Album, AlbumPicture
from tests.fields.material import HTML, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

COUNTS = {"pictures-TOTAL_FORMS": 0, "pictures-INITIAL_FORMS": 0}


def post(client: Client, *files: Any, alts: tuple[str, ...] = ("a", "b")) -> Any:
    pictures = {"pictures-new": list(files), "pictures-new-alt": list(alts)}
    return client.post("/albums/add/", {"title": "Lakes", **COUNTS, **pictures})


def test_album_is_added_shown_and_downloaded(
    client: Client, django_assert_num_queries: Any
) -> None:
    response = post(client, upload(name="one.jpg"), upload(name="two.jpg"))
    assert response.status_code == 302
    with django_assert_num_queries(2):
        page = client.get(response["Location"]).content.decode()
    assert [page.count(f'alt="{alt}"') for alt in "ab"] == [1, 1]
    with django_assert_num_queries(2):
        assert "Lakes" in client.get("/albums/").content.decode()
    content = b"".join(client.get(f"{response['Location']}zip/").streaming_content)
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["one.jpg", "two.jpg"]


def test_refused_picture_is_named_and_no_album_is_added(client: Client) -> None:
    response = post(client, upload(name="one.jpg"), upload(HTML, "two.jpg"))
    assert response.status_code == 422
    assert "two.jpg: The content of this file is HTML" in response.content.decode()
    assert not Album.objects.exists()


def test_deleted_album_takes_its_pictures_along(client: Client) -> None:
    post(client, upload(), alts=("a",))
    album = Album.objects.get()
    assert "Delete “Lakes”?" in client.get(f"/albums/{album.pk}/delete/").content.decode()
    client.post(f"/albums/{album.pk}/delete/")
    assert not AlbumPicture.objects.exists()
