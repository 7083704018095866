"""Pictures that are drawn in development, in place of media that were not copied."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.metadata import Metadata
from shift_media.storages import default_media_storage
from shift_media.testing import InMemoryMediaStorage, assert_resized, make_image
from shift_media.testing.pytest_plugin import media_storage
from tests.testapp.models import Clip, Photo

__all__ = ["media_storage"]

pytestmark = pytest.mark.django_db
ON = {"DEV_PLACEHOLDERS": True}
KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"


@pytest.fixture
def photo(media_storage: InMemoryMediaStorage) -> Photo:
    """Return a row of a copied database: its file is not here."""
    row = Photo.objects.create(image=make_image(1000, 500, color=(200, 30, 30)))
    media_storage.delete(row.image.key)
    return row


@pytest.fixture
def development(photo: Photo) -> Iterator[None]:
    with override_settings(DEBUG=True, SHIFT_MEDIA=ON):
        yield


def get(url: str) -> Any:
    return Client().get(url)


@pytest.mark.parametrize("format", RESIZE_FORMATS)
def test_missing_original_gives_a_picture_of_the_right_size_and_format(
    format: str, photo: Photo, development: None
) -> None:
    assert_resized(photo.image.resize("400x400", format=format), width=400, height=200)


def test_picture_has_the_mean_colour_and_is_neither_stored_nor_kept(
    photo: Photo, development: None, media_storage: InMemoryMediaStorage
) -> None:
    response = get(photo.image.resize("400x400").url)
    picture = Image.open(io.BytesIO(response.getvalue())).convert("RGB")
    red, green, blue = picture.getpixel((200, 20))  # type: ignore[misc]
    assert red > 150 > green + blue
    assert response["Cache-Control"] == "no-store"
    assert list(media_storage.entries()) == []


def test_missing_original_is_drawn_itself(photo: Photo, development: None) -> None:
    picture = Image.open(io.BytesIO(get(photo.image.url).getvalue()))
    assert (picture.size, picture.format) == ((1000, 500), "JPEG")


def test_huge_original_is_drawn_smaller(photo: Photo, development: None) -> None:
    metadata = Metadata(content_type="image/jpeg", size=1, width=12000, height=6000)
    Photo.objects.update(image_meta=metadata.to_json(photo.image.key))
    assert Image.open(io.BytesIO(get(photo.image.url).getvalue())).size == (2000, 1000)


def test_resize_of_unknown_original_has_its_box(development: None) -> None:
    assert_resized(Photo(image=KEY).image.resize("300x300", mode="fill"), width=300, height=300)
    assert_resized(Photo(image=KEY).image.resize("300x"), width=300, height=200)


def test_tiny_resize_is_drawn(photo: Photo, development: None) -> None:
    assert_resized(photo.image.resize("1x1", mode="stretch"), width=1, height=1)


def test_poster_of_missing_video_is_drawn_and_the_video_is_not(development: None) -> None:
    key = KEY.replace(".jpg", ".mp4")
    facts = Metadata(content_type="video/mp4", size=1, width=640, height=360)
    clip = Clip.objects.create(video=key, video_meta=facts.to_json(key))
    folder = default_media_storage.derived_url(key.rpartition("/")[0])  # type: ignore[attr-defined]
    poster = get(f"{folder}/_poster.jpg")
    assert Image.open(io.BytesIO(poster.getvalue())).size == (640, 360)
    assert_resized(clip.video.resize("320x"), width=320, height=180)
    assert get(f"{folder}/_web/a/720p.mp4").status_code == 404
    assert get(clip.video.url).status_code == 404


@pytest.mark.parametrize(
    ("debug", "settings"), [(True, {}), (False, ON), (True, {"DEV_PLACEHOLDERS": False})]
)
def test_without_debug_or_setting_it_is_404_without_a_query(
    debug: bool, settings: dict[str, Any], photo: Photo
) -> None:
    with override_settings(DEBUG=debug, SHIFT_MEDIA=settings):
        urls = [photo.image.url, photo.image.resize("400x400").url]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert [get(url).status_code for url in urls] == [404, 404]
    assert len(queries) == 0


def test_wrong_signature_stays_404(photo: Photo, development: None) -> None:
    url = photo.image.resize("400x400").url
    assert get(url.replace("400x400", "401x401")).status_code == 404


def test_private_original_without_signature_stays_404(photo: Photo, development: None) -> None:
    storage: Any = default_media_storage
    storage.originals = "private"
    assert get(photo.image.url).status_code == 200
    assert get(photo.image.url.partition("?")[0]).status_code == 404


def test_stored_picture_is_shown_as_it_is(photo: Photo, development: None) -> None:
    other = Photo.objects.create(image=make_image(64, 48))
    assert get(other.image.url).getvalue() == other.image.read()
