"""Downloads: originals under the name that they were uploaded with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.test import Client, override_settings

from shift_media.core.metadata import Metadata
from shift_media.storages import default_media_storage
from testproject.gallery.models import Photo
from tests.resizes.conftest import picture

Add = Callable[..., str]
Site = Callable[..., Any]
NAME = "Été à la mer, 2026.JPG"


def row(key: str, name: str = NAME) -> Photo:
    facts = Metadata(content_type="image/jpeg", size=1, original_name=name)
    return Photo(image=key, image_meta=facts.to_json(key))


def get(url: str) -> Any:
    response: Any = Client().get(url)
    response.body = (
        b"".join(response.streaming_content) if response.streaming else response.content
    )
    return response


@contextmanager
def no_reads() -> Iterator[None]:
    default_media_storage.calls.clear()
    yield
    assert default_media_storage.calls == {}


@pytest.mark.parametrize("originals", ["public", "private"])
def test_download_has_the_name_of_the_upload_as_an_attachment(
    site: Site, add: Add, originals: str
) -> None:
    site(originals=originals)
    file = row(add()).image
    with no_reads():
        url = file.download_url
    response = get(url)
    assert response.status_code == 200
    assert response.body == picture()
    assert response["Content-Disposition"] == (
        f"attachment; filename=\"photo.jpg\"; filename*=UTF-8''{quote(NAME, safe='')}"
    )
    assert response["Cache-Control"].startswith("public" if originals == "public" else "private")
    assert "Content-Disposition" not in get(file.url)


def test_extension_of_a_download_is_that_of_the_key(storage: Any, add: Add) -> None:
    response = get(row(add(), "setup.bat").image.download_url)
    assert "setup.jpg" in response["Content-Disposition"]


def test_row_without_metadata_downloads_under_the_name_in_the_key(storage: Any, add: Add) -> None:
    response = get(Photo(image=add()).image.download_url)
    assert response["Content-Disposition"] == 'attachment; filename="photo.jpg"'


@pytest.mark.parametrize("originals", ["public", "private"])
@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("download=", "download=x"),
        lambda url: url.partition("&token")[0],
        lambda url: f"{url[:-1]}{'0' if url[-1] != '0' else '1'}",
    ],
    ids=["other name", "no token", "other token"],
)
def test_download_with_a_name_that_was_not_signed_is_404(
    site: Site, add: Add, change: Callable[[str], str], originals: str
) -> None:
    site(originals=originals)
    url = row(add()).image.download_url
    assert get(change(url)).status_code == 404


def test_token_of_one_original_is_none_of_another(storage: Any, add: Add) -> None:
    first, second = row(add()).image, row(add()).image
    query = urlsplit(first.download_url).query
    assert get(f"{second.url}?{query}").status_code == 404


def test_private_download_ends_with_its_expiry(site: Site, add: Add) -> None:
    site(originals="private")
    url = row(add()).image.download_url
    expires = parse_qs(urlsplit(url).query)["expires"][0]
    assert get(url.replace(expires, str(int(expires) + 1))).status_code == 404


def test_download_of_a_legacy_name_is_its_plain_url() -> None:
    with override_settings(MEDIA_URL="/old/"):
        assert Photo(image="2019/old.jpg").image.download_url.endswith("/2019/old.jpg")
