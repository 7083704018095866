"""System checks of private files: each weak configuration is reported, with a hint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from tests.test_checks import messages

pytestmark = [pytest.mark.acceptance(79), pytest.mark.django_db]

LOCAL = "shift_media.storages.LocalMediaStorage"
S3 = "shift_media.storages.S3MediaStorage"
PRIVATE = {"originals": "private", "derived": "private"}
BUCKET = {"bucket_name": "b", "access_key": "a", "secret_key": "s", **PRIVATE}


def with_private(backend: str, **options: Any) -> Any:
    storage = {"BACKEND": backend, "OPTIONS": options}
    return override_settings(STORAGES={**django_settings.STORAGES, "private": storage})


def may_read(request: Any, key: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests.test_private_checks.may_reed", 'did you mean "may_read"'),
        ("tests.no_such_module.may_read", "cannot be imported"),
    ],
)
def test_function_that_does_not_exist_is_e015(path: str, expected: str) -> None:
    with override_settings(SHIFT_MEDIA={"MAY_READ": path}):
        assert expected in messages()["shift_media.E015"]


def test_function_that_is_never_called_is_w014() -> None:
    may_read_of_tests = {"MAY_READ": "tests.test_private_checks.may_read"}
    with override_settings(SHIFT_MEDIA=may_read_of_tests):
        assert not messages().keys() & {"shift_media.E015", "shift_media.W014"}
        public = {k: v for k, v in django_settings.STORAGES.items() if k != "private"}
        with override_settings(STORAGES=public):
            assert "is never called" in messages()["shift_media.W014"]


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("/private/", False),
        ("https://www.example.com/private/", False),
        ("https://media.example.com/anything/", False),
        ("/media/", True),
        ("/elsewhere/", True),
        ("https://www.example.com/", True),
    ],
)
def test_private_url_in_a_bucket_that_misses_the_include_is_e016(url: str, wrong: bool) -> None:
    site = {"SITE_URL": "https://www.example.com"}
    with with_private(S3, public_url=url, **BUCKET), override_settings(SHIFT_MEDIA=site):
        assert ("shift_media.E016" in messages()) is wrong


@pytest.mark.parametrize(
    ("folder", "warned"), [("media/private", True), ("media", True), ("media-private", False)]
)
def test_private_folder_below_a_public_one_is_w013(
    folder: str, warned: bool, tmp_path: Path
) -> None:
    options = {"location": tmp_path / folder, "base_url": "/private/", "originals": "private"}
    with override_settings(MEDIA_ROOT=tmp_path / "media"), with_private(LOCAL, **options):
        assert ("shift_media.W013" in messages()) is warned


@pytest.mark.slow
def test_private_url_in_plain_text_is_w012_at_deployment() -> None:
    for scheme, warned in (("http", True), ("https", False)):
        url = f"{scheme}://media.example.com/"
        with with_private(S3, public_url=url, **BUCKET):
            assert ("shift_media.W012" in messages(deploy=True)) is warned
            assert "shift_media.W012" not in messages()


def test_public_parts_of_private_and_public_originals_are_named_at_deployment() -> None:
    found = messages(deploy=True)
    assert "STORAGES['private'] are private, but everybody" in found["shift_media.I002"]
    assert "--find-metadata" in found["shift_media.I003"]
    with with_private(LOCAL, base_url="/private/", **PRIVATE):
        assert "shift_media.I002" not in messages(deploy=True)
    assert not messages().keys() & {"shift_media.I002", "shift_media.I003"}


def test_page_kept_for_longer_than_a_private_resize_is_valid_is_w009() -> None:
    middleware = [*django_settings.MIDDLEWARE, "django.middleware.cache.CacheMiddleware"]
    with (
        override_settings(MIDDLEWARE=middleware, CACHE_MIDDLEWARE_SECONDS=4000),
        with_private(LOCAL, base_url="/private/", url_expire=7200, **PRIVATE),
    ):
        assert "valid for 3600 seconds" in messages()["shift_media.W009"]
