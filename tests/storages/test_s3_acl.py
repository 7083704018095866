"""The option default_acl, on Ceph's gateway, and its refusal on AWS."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from shift_media.storages import S3MediaStorage
from shift_media.testing.steps import JPEG, new_key, put_bytes
from testproject.servers.rgw import RGW
from tests.servers.fixtures import new_bucket, storage_options


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def options(rgw: RGW) -> dict[str, Any]:
    bucket = new_bucket(rgw)
    url = f"{rgw.endpoint}/{bucket}/"
    return {**storage_options(rgw, bucket), "public_url": url, "default_acl": "public-read"}


@pytest.mark.rgw
def test_objects_are_readable_by_everybody_without_a_policy(options: dict[str, Any]) -> None:
    storage, key = S3MediaStorage(**options), new_key()
    put_bytes(storage, str(key), b"original")
    put_bytes(storage, f"{key.prefix}_web/a.mp4", b"rendition")
    storage.copy(str(key), f"{key.prefix}copy")
    for name in (str(key), f"{key.prefix}_web/a.mp4", f"{key.prefix}copy"):
        assert status(storage.derived_url(name)) == 200


@pytest.mark.rgw
def test_private_originals_stay_private_and_what_is_derived_is_readable(
    options: dict[str, Any],
) -> None:
    storage, key = S3MediaStorage(**options, originals="private"), new_key()
    resize = f"{key.prefix}320x-fit-80-noupscale-0.webp"
    for name in (str(key), resize):
        put_bytes(storage, name, b"x")
    assert status(storage.derived_url(str(key))) == 403
    assert status(storage.url(str(key))) == 200
    assert status(storage.derived_url(resize)) == 200


@pytest.mark.rgw
def test_presigned_upload_sends_the_acl(options: dict[str, Any]) -> None:
    storage, key = S3MediaStorage(**options), str(new_key())
    digest = hashlib.sha256(b"x").hexdigest()
    upload = storage.presigned_upload(key, content_type=JPEG, size=1, sha256=digest, seconds=60)
    assert upload is not None
    assert upload.headers["x-amz-acl"] == "public-read"
    request = urllib.request.Request(upload.url, b"x", dict(upload.headers), method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert status(storage.url(key)) == 200


@pytest.mark.parametrize(
    ("endpoint", "acl", "says"),
    [
        (None, "public-read", "default_acl: buckets made since 2023"),
        ("https://s3.eu-central-1.amazonaws.com", "private", "default_acl: buckets made since"),
        ("https://s3.example.com", "public-read-write", "'public-read' or 'private'"),
    ],
)
def test_acl_that_makes_no_sense_is_refused_with_its_reason(
    endpoint: str | None, acl: str, says: str
) -> None:
    arguments: dict[str, Any] = {"endpoint_url": endpoint} if endpoint else {}
    with pytest.raises(ImproperlyConfigured, match=says):
        S3MediaStorage(bucket_name="b", public_url="/m/", default_acl=acl, **arguments)
