"""Requests of a browser: resizes and direct uploads against the app in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings

from shift_media.testing import (
    InMemoryMediaStorage,
    assert_resized,
    make_image,
    upload_directly,
)
from tests.testapp.models import Photo

FIELD = "testapp.Photo.image"


@pytest.fixture
def photo(db: None, media_storage: InMemoryMediaStorage) -> Photo:
    return Photo.objects.create(image=make_image(64, 48))


def test_shown_resize_is_returned_and_stored(
    photo: Photo, media_storage: InMemoryMediaStorage
) -> None:
    resize = photo.image.resize("32x32", mode="fill", format="webp")
    picture = assert_resized(resize)
    assert (picture.size, picture.format) == ((32, 32), "WEBP")
    assert media_storage.exists(resize.key)


def test_url_is_compared_with_the_given_size(photo: Photo) -> None:
    url = photo.image.resize("32x").url
    assert_resized(f"https://testserver{url}", width=32, height=24, format="jpg")
    with pytest.raises(AssertionError, match=r"is \(32, 24\), expected \(33, 24\)"):
        assert_resized(url, width=33)
    with pytest.raises(AssertionError, match="is a JPEG, expected WEBP"):
        assert_resized(url, format="webp")


def test_missing_resize_is_an_assertion_error_with_the_answer(photo: Photo) -> None:
    resize = photo.image.resize("32x")
    photo.image.storage.delete(photo.image.key)
    with pytest.raises(AssertionError, match="answered with 404 instead of a picture"):
        assert_resized(resize)


@pytest.fixture
def client(db: None, media_storage: InMemoryMediaStorage) -> Iterator[Client]:
    user = User.objects.create_user("ada")
    permission = {"codename": "add_photo", "content_type__app_label": "testapp"}
    user.user_permissions.add(Permission.objects.get(**permission))
    client = Client()
    client.force_login(user)
    with override_settings(SHIFT_MEDIA={"UPLOADS": {FIELD: "shift_media.direct.may_add"}}):
        yield client


def test_direct_upload_returns_a_ticket_and_stages_the_bytes(
    client: Client, media_storage: InMemoryMediaStorage
) -> None:
    file = make_image(name="Lake.JPG")
    ticket = upload_directly(client, FIELD, file)
    (entry,) = media_storage.entries()
    assert ticket.count(".") == 1
    assert entry.size == file.size


def test_refused_upload_is_an_assertion_error_with_its_message(client: Client) -> None:
    with pytest.raises(AssertionError, match="403: You may not upload here"):
        upload_directly(Client(), FIELD, make_image())
    with pytest.raises(AssertionError, match=r"400: .*ticket for"):
        upload_directly(client, FIELD, make_image(), type="text/html")
