"""A simulated CloudFront with our own documents: failover, caching, and redirect loops."""

from __future__ import annotations

import http.client
import io
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from PIL import Image

from shift_media.aws import cloudfront
from shift_media.aws.documents import BucketSetup, cloudfront_documents
from shift_media.aws.website import website_host
from shift_media.http import HEADERS
from tests.fields.material import upload
from tests.resizes.conftest import picture
from tests.servers.app import App, Environ
from tests.servers.cloudfront import ERROR_TTL, Distribution, at, private_bucket
from tests.servers.cloudfront_api import CloudFrontApi
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, new_bucket
from tests.servers.rgw import RGW
from tests.servers.sites import S3Site
from tests.testapp.models import Photo

APP_HOST = "www.example.com"
APP_URL = f"https://{APP_HOST}/media/"
REGION = "eu-central-1"
MOST_REDIRECTS = 10

Made = tuple[S3Site, App, Distribution]


def ask(url: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=60)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, headers={"Host": parts.netloc})
        got = connection.getresponse()
        return got.status, {n.lower(): v for n, v in got.getheaders()}, got.read()
    finally:
        connection.close()


def assert_picture(body: bytes) -> None:
    assert Image.open(io.BytesIO(body)).size == (400, 300)


# (a) The private bucket, failing over to the app


@pytest.fixture
def app() -> Iterator[App]:
    with override_settings(ALLOWED_HOSTS=[APP_HOST]):
        app = App(get_wsgi_application())
        try:
            yield app
        finally:
            app.stop()


def printed(*options: str) -> dict[str, Any]:
    """Return the documents as they are printed."""
    out = io.StringIO()
    call_command("media_bucket", "print", "cloudfront", *options, stdout=out)
    documents: dict[str, Any] = json.loads(out.getvalue())
    return documents


@pytest.fixture(params=[403, 404])
def made(
    request: pytest.FixtureRequest, seaweedfs: Any, tmp_path: Path, app: App
) -> Iterator[Made]:
    """Yield a site in content mode on a private bucket, behind the distribution of (a)."""
    proxy = FaultProxy(seaweedfs.port)
    bucket, client = new_bucket(seaweedfs), client_of(seaweedfs)
    site = S3Site(seaweedfs, proxy, bucket, tmp_path / "locks", client)
    site.configure(delivery="content")
    host = f"{bucket}.s3.us-east-1.amazonaws.com"
    servers = {host: private_bucket(client, bucket, request.param), APP_HOST: at(app.port)}
    distribution = Distribution(printed("--app-url", APP_URL), servers)
    site.configure(delivery="content", public_url=distribution.url)
    try:
        yield site, app, distribution
    finally:
        distribution.stop()
        site.close()
        proxy.stop()


@pytest.mark.s3
def test_origin_group_serves_missing_resize_without_redirect(made: Made) -> None:
    site, app, distribution = made
    resize = site.resize(site.add(picture()))
    assert ask(f"{site.server.endpoint}/{site.bucket}/{resize.original}")[0] == 403
    assert resize.url == f"{distribution.url}{resize.key}"

    status, headers, body = ask(resize.url)
    assert (status, headers["x-cache"]) == (200, "Miss from cloudfront")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert_picture(body)
    assert distribution.requests == [
        ("bucket", f"/{resize.key}"),
        ("app", f"/media/{resize.key}"),
    ]
    for url in (resize.url, f"{resize.url}?x=1"):  # Queries are not part of the cache key.
        status, headers, again = ask(url)
        assert (status, headers["x-cache"], again) == (200, "Hit from cloudfront", body)
    assert app.requests == [f"/media/{resize.key}"]

    distribution.forget()  # Another edge location gets it from the bucket, with all headers.
    status, headers, again = ask(resize.url)
    assert (status, again) == (200, body)
    assert distribution.requests == [("bucket", f"/{resize.key}")]
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    for name, value in HEADERS.items():
        assert headers[name.lower()] == value
    distribution.now = cloudfront.YEAR + 1
    assert ask(resize.url)[1]["x-cache"] == "Miss from cloudfront"


@pytest.mark.s3
def test_unsigned_key_is_404_and_not_cached(made: Made) -> None:
    site, app, distribution = made
    resize = site.resize(site.add(picture()))
    for _ in range(2):
        status, headers, _ = ask(resize.url.replace("400x300", "401x300"))
        assert (status, headers["cache-control"]) == (404, "no-store")
    assert len(app.requests) == 2
    assert ask(f"{distribution.url}")[0] == 404
    assert ask(resize.url, "PUT")[0] == 403
    assert ask(resize.url, "HEAD")[0] == 200


@pytest.mark.s3
def test_503_of_app_is_cached_for_one_second(made: Made) -> None:
    site, _, distribution = made
    resize = site.resize(site.add(picture()))
    site.proxy.inject(method="GET", status=503, code="SlowDown")
    assert ask(resize.url)[0] == 503
    site.proxy.clear()
    assert ask(resize.url)[0] == 503  # Cached, although the app sends no-store.
    assert cloudfront.BUSY_SECONDS < ERROR_TTL
    distribution.now += cloudfront.BUSY_SECONDS
    status, _, body = ask(resize.url)
    assert status == 200
    assert_picture(body)


@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
def test_deleted_media_is_invalidated_in_cloudfront(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _, distribution = made
    api = CloudFrontApi("EDFDVBD6EXAMPLE")
    api.created = distribution.invalidate
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", api.endpoint)
    options = {"public_url": distribution.url, "cloudfront_distribution": api.distribution}
    try:
        site.configure(delivery="content", **options)
        photo, other = (Photo.objects.create(image=upload()) for _ in range(2))
        url, kept = photo.image.resize("32x32").url, other.image.resize("32x32").url
        for one in (url, kept, photo.image.url):
            assert ask(one)[0] == 200
        assert ask(url)[1]["x-cache"] == "Hit from cloudfront"
        original = photo.image.url
        photo.delete()
        for gone in (url, original):
            assert ask(gone)[0] == 404
        assert ask(kept)[1]["x-cache"] == "Hit from cloudfront"
    finally:
        api.stop()


# (b) The website endpoint, whose redirects must not be cached


class Website:
    """A bucket with website rules on Ceph, the app that they lead to, and a distribution."""

    def __init__(self, server: RGW, folder: Path, app: Callable[[Website], App]) -> None:
        self.server, self.bucket = server, f"cloudfront-{uuid.uuid4().hex[:12]}"
        self.proxy = FaultProxy(server.port)
        self.client = client_of(server)
        self.client.create_bucket(Bucket=self.bucket)
        self.site = S3Site(server, self.proxy, self.bucket, folder / "locks", self.client)
        self.app = app(self)
        self.distribution: Distribution | None = None
        self.site.configure()
        rule = f"http://127.0.0.1:{self.app.port}/media/"
        options = ("--website", "--policy", "--yes", "--widen", "--app-url", rule)
        call_command("media_bucket", "apply", *options, stdout=io.StringIO())

    def behind(self, cache_policy: dict[str, Any]) -> None:
        """Put a distribution in front, with our documents except the cache policy."""
        setup = BucketSetup(bucket=self.bucket, region=REGION, cloudfront_origin="website")
        documents = {**cloudfront_documents(setup), "cache-policy": cache_policy}
        host = f"{self.bucket}.s3-website.localhost:{self.server.port}"
        servers = {website_host(self.bucket, REGION): at(self.server.port, host)}
        self.distribution = Distribution(documents, servers)
        self.site.configure(public_url=self.distribution.url)

    def follow(self, url: str) -> tuple[list[int], bytes]:
        """Follow up to ten redirects; the body is empty after more."""
        way: list[int] = []
        while len(way) <= MOST_REDIRECTS:
            status, headers, body = ask(url)
            way.append(status)
            if status not in (301, 302, 303, 307, 308):
                return way, body
            url = urljoin(url, headers["location"])
        return way, b""

    def stop(self) -> None:
        if self.distribution:
            self.distribution.stop()
        self.app.stop()
        self.site.close()
        self.proxy.stop()


def ours(website: Website) -> App:
    return App(get_wsgi_application())


def naive(website: Website) -> App:
    """Serve an app that stores the requested resize and always redirects back."""

    def app(environ: Environ, start: Any) -> Iterable[bytes]:
        key = environ["PATH_INFO"].removeprefix("/media/")
        body = picture(size=(400, 300))
        website.client.put_object(
            Bucket=website.bucket, Key=key, Body=body, CacheControl="max-age=60"
        )
        assert website.distribution
        start("302 Found", [("Location", f"{website.distribution.url}{key}")])
        return [b""]

    return App(app)


WITH_DEFAULTS = cloudfront.caching_policy("b")  # CloudFront's default of a day


@pytest.fixture
def website(rgw: RGW, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Website]:
    website = Website(rgw, tmp_path, request.param)
    try:
        yield website
    finally:
        website.stop()


@pytest.mark.rgw
@pytest.mark.parametrize("website", [naive], indirect=True)
def test_cached_redirect_loops_with_app_that_only_redirects(website: Website) -> None:
    website.behind(WITH_DEFAULTS)
    resize = website.site.resize(website.site.add(picture()))
    way, body = website.follow(resize.url)
    assert (len(way), set(way), body) == (MOST_REDIRECTS + 1, {307, 302}, b"")
    assert website.follow(resize.url)[1] == b""  # It is in the bucket, but no client gets it.


@pytest.mark.rgw
@pytest.mark.parametrize("website", [naive], indirect=True)
def test_redirecting_policy_caches_no_redirect_and_app_that_only_redirects_does_not_loop(
    website: Website,
) -> None:
    website.behind(cloudfront.redirecting_policy(website.bucket))
    resize = website.site.resize(website.site.add(picture()))
    way, body = website.follow(resize.url)
    assert way == [307, 302, 200]
    assert_picture(body)
    assert website.follow(resize.url) == ([200], body)
    assert ask(resize.url)[1]["x-cache"] == "Hit from cloudfront"  # Media are still cached.


@pytest.mark.acceptance(13)
@pytest.mark.rgw
@pytest.mark.parametrize("website", [ours], indirect=True)
def test_cached_redirect_does_not_loop_with_our_app(website: Website) -> None:
    website.behind(WITH_DEFAULTS)
    resize = website.site.resize(website.site.add(picture()))
    way, body = website.follow(resize.url)
    assert way == [307, 302, 307, 200]
    assert_picture(body)
    assert website.follow(resize.url) == ([307, 200], body)


@pytest.mark.rgw
@pytest.mark.parametrize("website", [ours], indirect=True)
def test_redirecting_policy_serves_second_view_from_cache(website: Website) -> None:
    website.behind(cloudfront.redirecting_policy(website.bucket))
    resize = website.site.resize(website.site.add(picture()))
    way, body = website.follow(resize.url)
    assert way == [307, 302, 200]
    assert_picture(body)
    before = len(website.app.requests)
    assert website.follow(resize.url) == ([200], body)
    status, headers, _ = ask(resize.url)
    assert (status, headers["x-cache"]) == (200, "Hit from cloudfront")
    assert headers["x-content-type-options"] == "nosniff"
    assert len(website.app.requests) == before
