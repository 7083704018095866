"""Two storages in one bucket, each with a location of its own, and one at the root."""

from __future__ import annotations

import datetime
import urllib.request
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from shift_media.checks.private_files import check_shared_buckets
from shift_media.deletion.site_marker import MARKER_KEY, claim, read_marker
from shift_media.deletion.sweep import Sweep
from shift_media.storages import S3MediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.storages.s3.cloudfront import build_paths
from shift_media.storages.s3.options import check_location
from shift_media.testing import MediaStorageContract
from shift_media.testing.steps import JPEG, fetch_bytes, list_keys, new_key, put_bytes
from tests import parts
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options

SERVERS = [
    pytest.param("seaweedfs", marks=pytest.mark.s3),
    pytest.param("rgw", marks=pytest.mark.rgw),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def sites(server: S3Server) -> list[S3MediaStorage]:
    """Return the storages of three sites in one bucket: shop, blog and the root."""
    options = storage_options(server, new_bucket(server))
    return [S3MediaStorage(**options, location=name) for name in ("shop", "blog", "")]


def raw_keys(server: S3Server, storage: S3MediaStorage) -> set[str]:
    listed = client_of(server).list_objects_v2(Bucket=storage.bucket_name)
    return {item["Key"] for item in listed.get("Contents", ())}


class TestContractAtLocation(MediaStorageContract):
    """The contract on a storage with a location."""

    many = 1001 if parts.full() else 30
    storage: S3MediaStorage
    server: S3Server

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, server: S3Server) -> None:
        cls.server = server
        options = storage_options(server, new_bucket(server))
        cls.storage = S3MediaStorage(**options, location="sites/shop")

    def make_storage(self) -> MediaStorage:
        return self.storage

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        bucket = self.storage.bucket_name
        head = client_of(self.server).head_object(Bucket=bucket, Key=f"sites/shop/{key}")
        return head["ContentType"]


def test_location_stands_before_key_in_bucket_and_url_only(
    server: S3Server, sites: list[S3MediaStorage]
) -> None:
    shop, key = sites[0], str(new_key())
    assert shop.save(key, ContentFile(b"x")) == key
    assert raw_keys(server, shop) == {f"shop/{key}"}
    assert shop.url(key) == f"https://cdn.example/shop/{key}"
    assert list_keys(shop, "") == [key]
    assert [entry.key for entry in shop.entries(key[:2])] == [key]
    assert shop.listdir("") == ([key[:8]], [])
    assert shop.copy(key, f"{key}2")
    assert fetch_bytes(shop, f"{key}2") == b"x"


def test_other_names_are_below_the_location_too(
    server: S3Server, sites: list[S3MediaStorage]
) -> None:
    shop = sites[0]
    assert shop.save("docs/a.txt", ContentFile(b"text")) == "docs/a.txt"
    with shop.open("docs/b.txt", "wb") as file:
        file.write(b"written")
    assert raw_keys(server, shop) == {"shop/docs/a.txt", "shop/docs/b.txt"}
    with shop.open("docs/b.txt") as file:
        assert file.read() == b"written"
    assert shop.listdir("docs") == ([], ["a.txt", "b.txt"])
    shop.delete("docs/a.txt")
    assert raw_keys(server, shop) == {"shop/docs/b.txt"}


def test_no_site_sees_or_deletes_the_files_of_another(
    server: S3Server, sites: list[S3MediaStorage]
) -> None:
    shop, blog, _ = sites
    key = new_key()
    for site in (shop, blog):
        for name in (str(key), f"{key.prefix}b", f"{key.prefix}c"):
            assert put_bytes(site, name, site.location.encode()), "the other's key was taken"
    assert fetch_bytes(blog, str(key)) == b"blog"
    shop.delete(str(key))
    shop.delete_many([f"{key.prefix}b"])
    assert shop.delete_prefixes([key.prefix, new_key().prefix])[key.prefix] == 1
    assert list_keys(shop, "") == []
    assert list_keys(blog, "") == sorted([str(key), f"{key.prefix}b", f"{key.prefix}c"])
    assert shop.delete_prefix(key.prefix) == 0
    assert len(raw_keys(server, blog)) == 3


@pytest.mark.slow
@pytest.mark.django_db
def test_sweep_removes_orphans_of_its_own_location_only(
    server: S3Server, sites: list[S3MediaStorage]
) -> None:
    keys = [str(new_key()) for _ in sites]
    for site, key in zip(sites, keys, strict=True):
        put_bytes(site, key, b"orphan")
    later = timezone.now() + datetime.timedelta(days=1)
    for site, count in ((sites[0], 1), (sites[2], 1)):
        report = Sweep(site, later).run()
        assert (report.orphans, report.foreign.objects) == (count, 0)
    assert raw_keys(server, sites[1]) == {f"blog/{keys[1]}"}


def test_each_site_claims_its_own_location(server: S3Server, sites: list[S3MediaStorage]) -> None:
    for site in sites:
        name = site.location or "root"
        assert claim(site, name)
        assert read_marker(site) == name
    assert raw_keys(server, sites[0]) == {MARKER_KEY, f"shop/{MARKER_KEY}", f"blog/{MARKER_KEY}"}


def test_presigned_urls_read_and_write_below_the_location(
    server: S3Server, sites: list[S3MediaStorage]
) -> None:
    options = storage_options(server, sites[0].bucket_name)
    private = S3MediaStorage(**options, location="shop", originals="private")
    key = str(new_key())
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"
    upload = private.presigned_upload(key, content_type=JPEG, size=1, sha256=digest, seconds=60)
    assert upload is not None
    request = urllib.request.Request(
        upload.url, b"x", {**upload.headers, "Content-Length": "1"}, method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert raw_keys(server, private) == {f"shop/{key}"}
    with urllib.request.urlopen(private.url(key)) as answer:
        assert answer.read() == b"x"


# The option


@pytest.mark.parametrize(
    ("location", "key_prefix"),
    [
        ("", ""),
        ("shop", "shop/"),
        ("shop/", "shop/"),
        ("sites/Shop-1", "sites/Shop-1/"),
    ],
)
def test_slash_at_the_end_of_location_does_not_matter(location: str, key_prefix: str) -> None:
    storage = S3MediaStorage(bucket_name="b", public_url="/m/", location=location)
    assert (storage.key_prefix, storage.public_url) == (key_prefix, f"/m/{key_prefix}")


@pytest.mark.parametrize(
    "location",
    ["/a", "../a", "a//b", "a/_b", "_a", "a b", "a*", "ä", "a/..", "upscale", "x" * 201],
)
def test_location_that_could_mean_something_else_is_refused(location: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"write a path of letters|leading slash"):
        S3MediaStorage(bucket_name="b", public_url="/m/", location=location)


@pytest.mark.slow
@given(st.text(max_size=12))
def test_accepted_location_is_its_own_url_path(text: str) -> None:
    try:
        plain = check_location(text)
    except ImproperlyConfigured:
        return
    assert check_location(plain) == plain == text.rstrip("/")
    assert not set(plain) & set("*?_ %\\#") - {"_"}


@pytest.mark.parametrize(
    ("public_url", "result"),
    [
        ("https://cdn.example", "https://cdn.example/shop/"),
        ("https://cdn.example/shop", "https://cdn.example/shop/"),
        ("https://cdn.example/shop/", "https://cdn.example/shop/"),
        ("https://shop/", "https://shop/shop/"),
        ("https://cdn.example/workshop/", "https://cdn.example/workshop/shop/"),
    ],
)
def test_public_url_ends_in_the_location_once(public_url: str, result: str) -> None:
    options: dict[str, Any] = {"bucket_name": "b", "location": "shop"}
    assert S3MediaStorage(**options, public_url=public_url).public_url == result


def test_custom_domain_is_followed_by_the_location() -> None:
    storage = S3MediaStorage(bucket_name="b", custom_domain="cdn.example", location="shop")
    assert storage.public_url == "https://cdn.example/shop/"


def test_invalidated_paths_are_below_the_location() -> None:
    storage = S3MediaStorage(bucket_name="b", public_url="https://cdn.example/", location="shop")
    assert build_paths(["a/b/"], storage.public_url) == ["/shop/a/b/*"]


@pytest.mark.parametrize(
    ("public", "private", "warned"),
    [
        ("", "", True),
        ("", "private", True),
        ("site", "site/private", True),
        ("public", "private", False),
        ("site", "sites", False),
        ("public", "", False),
    ],
)
def test_check_warns_of_private_originals_that_another_policy_publishes(
    public: str, private: str, warned: bool
) -> None:
    def at(location: str, originals: str) -> dict[str, Any]:
        options = {"bucket_name": "b", "public_url": "https://cdn.example/"}
        return {
            "BACKEND": "shift_media.storages.S3MediaStorage",
            "OPTIONS": {**options, "location": location, "originals": originals},
        }

    named = {"media": at(public, "public"), "secret": at(private, "private")}
    with override_settings(STORAGES={**settings.STORAGES, **named}):
        found = [message.id for message in check_shared_buckets(None)]
    assert found == (["shift_media.W011"] if warned else [])


def test_missing_attachment_has_no_download_name(sites: list[S3MediaStorage]) -> None:
    assert sites[0].read_download_name(str(new_key("pdf"))) == ""
