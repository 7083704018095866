"""Options of media storages, and the hosts of their URLs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from shift_media.storages import LocalMediaStorage, S3MediaStorage

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"


@pytest.mark.acceptance(11)
@pytest.mark.parametrize(
    "base", ["https://cdn.example", "https://cdn.example/", "/media", "/media/"]
)
@pytest.mark.parametrize(
    "key", ["@evil.example/x", ".evil.example/x", "//evil.example", "evil", KEY]
)
def test_key_never_changes_host_of_public_url(base: str, key: str) -> None:
    storage = LocalMediaStorage(public_url=base)
    parts = urlsplit(storage.derived_url(key))
    assert parts.netloc == urlsplit(base).netloc
    assert parts.path.startswith(urlsplit(storage.public_url).path)


@pytest.mark.acceptance(11)
@pytest.mark.parametrize(
    "base",
    [
        "",
        "cdn.example",
        "//evil.example/",
        "ftp://cdn.example/",
        "javascript:alert(1)",
        "https://",
        "https:///media/",
        "https://user@evil.example/",
        "https://cdn.example@evil.example/",
        "https://cdn.example/?x=",
        "https://cdn.example/?",
        "https://cdn.example/#",
        "https://cdn.example\\@evil.example/",
        "\\\\evil.example/",
        "/\\evil.example/",
        "https://cdn.example/ /",
        "https://cdn.example/\r\nSet-Cookie: x",
        "https://cdn.example/ä/",
    ],
)
def test_ambiguous_public_url_is_refused(base: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="public URL"):
        LocalMediaStorage(public_url=base)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"delivery": "proxy"}, "'redirect' or 'content'"),
        ({"originals": "secret"}, "'public' or 'private'"),
        ({"mezzanine": "yes"}, "True or False"),
        ({"url_expire": 0}, "whole seconds"),
        ({"url_expire": True}, "whole seconds"),
        ({"url_expire": 10**9}, "at most 604800"),
    ],
)
def test_wrong_option_raises_error_that_says_what_to_write(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=says):
        LocalMediaStorage("/nowhere", **options)


def test_unknown_option_raises_type_error() -> None:
    with pytest.raises(TypeError, match="public_urls"):
        LocalMediaStorage("/nowhere", public_urls="https://cdn.example/")


def test_public_url_of_local_storage_is_its_base_url(settings: Any) -> None:
    assert LocalMediaStorage(base_url="/pictures").public_url == "/pictures/"
    assert LocalMediaStorage(base_url="/x/", public_url="https://a.example").public_url == (
        "https://a.example/"
    )
    storage = LocalMediaStorage()
    with override_settings(MEDIA_URL="/elsewhere/"):
        assert storage.derived_url(KEY) == f"/elsewhere/{KEY}"


def test_url_of_name_with_special_characters_is_quoted() -> None:
    storage = LocalMediaStorage(public_url="https://cdn.example/")
    assert storage.url("a b?#%.txt") == "https://cdn.example/a%20b%3F%23%25.txt"


def test_local_storage_delivers_content_of_public_originals_by_default() -> None:
    storage = LocalMediaStorage()
    assert (storage.delivery, storage.originals, storage.mezzanine) == ("content", "public", False)


def test_deconstruct_gives_public_path_and_options() -> None:
    storage = LocalMediaStorage("/srv/media", base_url="/m/", originals="private")
    path, args, kwargs = storage.deconstruct()
    assert path == "shift_media.storages.LocalMediaStorage"
    again = LocalMediaStorage(*args, **kwargs)
    assert (again.location, again.base_url, again.originals) == ("/srv/media", "/m/", "private")


@pytest.mark.slow
def test_local_storage_does_not_import_boto3(tmp_path: Path) -> None:
    code = (
        "import sys, shift_media.storages; from shift_media.storages import LocalMediaStorage\n"
        "assert not {'boto3', 'botocore', 'storages'} & set(sys.modules), 'imported'\n"
        "assert 'S3MediaStorage' in shift_media.storages.__all__"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


# S3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bucket_name": None}, "bucket_name"),
        ({"location": "../media"}, "'../media'.*path"),
        ({"public_url": None}, "public_url.*website.*CDN"),
        ({"public_url": "cdn.example"}, "https"),
        ({"default_acl": "public-read"}, "default_acl.*policy"),
        ({"object_parameters": {"ACL": "public-read"}}, "no ACL.*policy"),
        ({"gzip": True}, "compressed already"),
        ({"querystring_auth": True}, "originals"),
        ({"delivery": "both"}, "'redirect' or 'content'"),
        ({"bucket": "b"}, "Invalid setting 'bucket'"),
        ({"endpoint_url": "s3.example.com"}, "endpoint_url is 's3.example.com': .*https://"),
        ({"endpoint_url": ""}, "endpoint_url is '': .*leave it out for AWS"),
    ],
)
def test_wrong_option_of_s3_raises_error_that_says_what_to_write(
    options: dict[str, Any], says: str
) -> None:
    given = {"bucket_name": "b", "public_url": "https://cdn.example/", **options}
    with pytest.raises(ImproperlyConfigured, match=says):
        S3MediaStorage(**given)


def test_s3_storage_redirects_to_public_originals_by_default() -> None:
    storage = S3MediaStorage(bucket_name="b", public_url="https://cdn.example")
    assert (storage.delivery, storage.originals) == ("redirect", "public")
    assert storage.url(KEY) == f"https://cdn.example/{KEY}"
    assert storage.get_available_name(KEY) == KEY


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({}, "my-media.s3.eu-central-1.amazonaws.com"),
        ({"bucket_name": "my.media"}, "s3.eu-central-1.amazonaws.com"),
        ({"addressing_style": "path"}, "s3.eu-central-1.amazonaws.com"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
def test_signed_url_names_region_of_bucket(options: dict[str, Any], host: str) -> None:
    storage = S3MediaStorage(
        **{
            "bucket_name": "my-media",
            "region_name": "eu-central-1",
            "public_url": "https://cdn.example",
            "originals": "private",
            "access_key": "a",
            "secret_key": "b",
            **options,
        }
    )
    assert urlsplit(storage.url(KEY)).netloc == host


def test_custom_domain_is_default_of_public_url() -> None:
    storage = S3MediaStorage(bucket_name="b", custom_domain="cdn.example")
    assert storage.public_url == "https://cdn.example/"


def test_settings_of_django_storages_apply() -> None:
    with override_settings(AWS_STORAGE_BUCKET_NAME="b", AWS_S3_CUSTOM_DOMAIN="cdn.example"):
        assert S3MediaStorage().bucket_name == "b"
        with override_settings(AWS_LOCATION="static"):
            assert S3MediaStorage().public_url == "https://cdn.example/static/"
            assert S3MediaStorage(location="").public_url == "https://cdn.example/"


def test_deconstruct_of_s3_storage_gives_public_path() -> None:
    options: dict[str, Any] = {"bucket_name": "b", "public_url": "https://cdn.example/"}
    assert S3MediaStorage(**options).deconstruct() == (
        "shift_media.storages.S3MediaStorage",
        (),
        options,
    )
