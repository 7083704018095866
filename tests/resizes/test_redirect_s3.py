"""Redirects between Ceph's website and the app, followed by clients: none of them loops."""

from __future__ import annotations

import http.client
import io
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from PIL import Image

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.storages import S3MediaStorage
from tests.resizes.conftest import picture
from tests.servers.app import App
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import media_on, storage_options
from tests.servers.nginx import KeepingCDN
from tests.servers.rgw import RGW

pytestmark = [pytest.mark.rgw, pytest.mark.needs("rgw")]

MOST_REDIRECTS = 10
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Answer:
    """The last response to a client, and the hops to it: each a server and its status."""

    hops: list[tuple[str, int]]
    status: int
    headers: dict[str, str]
    body: bytes


def ask(url: str) -> tuple[int, dict[str, str], bytes]:
    """Return the response to one request; every host name is on loopback."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Host": parts.netloc})
        answer = connection.getresponse()
        return answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class RedirectSite:
    """A bucket with its website, perhaps a CDN, and an app that calls it through a proxy.

    The app runs in threads of this process, because clients see no difference.
    """

    def __init__(self, server: RGW, folder: Path) -> None:
        self.server = server
        self.proxy = FaultProxy(server.port)
        self.bucket = f"redirect-{uuid.uuid4().hex[:12]}"
        self.website = f"{server.website(self.bucket)}/"
        self.public_url = self.website
        self._folder = folder
        self._running: list[Any] = []
        self._settings = ExitStack()

    def start_cdn(self, nginx: Path) -> None:
        """Start a CDN that keeps redirects in front of the website."""
        folder = self._folder / "nginx"
        folder.mkdir()
        host = urlsplit(self.website).netloc
        cdn = KeepingCDN(nginx, folder, self.server.port, host).start()
        self._running.append(cdn)
        self.public_url = cdn.url

    def serve(self, *options: str, **more: str) -> RedirectSite:
        """Configure the bucket, and serve the app with these options of its storage."""
        told = {**storage_options(self.server, self.bucket), "public_url": self.public_url, **more}
        self._settings.enter_context(media_on({**told, "endpoint_url": self.proxy.endpoint}))
        app = App(get_wsgi_application())
        self._running.append(app)
        self.app = f"127.0.0.1:{app.port}"
        url = f"--app-url=http://{self.app}/media/"
        call_command("media_bucket", "create", verbosity=0)
        call_command("media_bucket", "apply", url, "--yes", "--widen", *options, verbosity=0)
        self.storage = S3MediaStorage(**told)
        return self

    def stop(self) -> None:
        for one in reversed(self._running):
            one.stop()
        self._settings.close()
        self.proxy.stop()

    def add(self, stem: str = "photo") -> Resize:
        """Store an original, and return a resize of it."""
        key = str(new_original_key(stem, "jpg"))
        assert self.storage.put(key, io.BytesIO(picture()), content_type="image/jpeg")
        return builder.build(key, "400x300", storage=self.storage)

    def follow(self, url: str) -> Answer:
        """Return the last response after following redirects; too many of them fail the test."""
        hops: list[tuple[str, int]] = []
        while len(hops) <= MOST_REDIRECTS:
            status, headers, body = ask(url)
            hops.append(("app" if urlsplit(url).netloc == self.app else "public", status))
            if status not in (301, 302, 303, 307, 308):
                return Answer(hops, status, headers, body)
            url = urljoin(url, headers["location"])
        pytest.fail(f"too many redirects: {hops}")


@pytest.fixture
def site(rgw: RGW, tmp_path: Path) -> Iterator[RedirectSite]:
    site = RedirectSite(rgw, tmp_path)
    try:
        yield site
    finally:
        site.stop()


def assert_picture(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.body)).size == (400, 300)


@pytest.mark.acceptance(12, 13)
@pytest.mark.parametrize("code", ["307", "302"])
def test_bucket_that_loses_every_write_causes_no_loop(site: RedirectSite, code: str) -> None:
    site.serve("--redirect-code", code)
    rule = int(code)
    kept, lost = site.add(), site.add()
    assert_picture(first := site.follow(kept.url))
    assert first.hops == [("public", rule), ("app", 302), ("public", 200)]
    assert first.headers["cache-control"] == IMMUTABLE
    site.proxy.inject(method="PUT", lose=True)
    assert_picture(first := site.follow(lost.url))
    assert first.hops == [("public", rule), ("app", 302), ("public", rule), ("app", 200)]
    for _ in range(3):
        assert_picture(again := site.follow(lost.url))
        assert again.hops == [("public", rule), ("app", 200)]
        assert again.headers["cache-control"] == "no-store"
    assert_picture(still := site.follow(kept.url))
    assert still.hops == [("public", 200)]


@pytest.mark.acceptance(13)
@pytest.mark.needs("nginx")
def test_cdn_that_keeps_redirect_causes_no_loop(
    site: RedirectSite, needs: Callable[[str], Path]
) -> None:
    site.start_cdn(needs("nginx"))
    site.serve()
    resize = site.add()
    assert_picture(first := site.follow(resize.url))
    assert first.hops == [("public", 307), ("app", 302), ("public", 307), ("app", 200)]
    assert first.headers["cache-control"] == IMMUTABLE
    for _ in range(3):
        assert_picture(again := site.follow(resize.url))
        assert again.hops == [("public", 307), ("app", 200)]
    assert ask(resize.url)[1]["x-cache"] == "HIT"
    # The bucket has the resize, but the CDN kept the redirect.
    assert ask(f"{site.website}{resize.key}")[0] == 200

    lost = site.add()
    site.proxy.inject(method="PUT", lose=True)
    for _ in range(3):
        assert_picture(site.follow(lost.url))

    gone = site.add()
    site.storage.delete(str(gone.original))
    for _ in range(3):
        answer = site.follow(gone.url)
        assert (answer.status, len(answer.hops)) == (404, 2)

    full = site.add()
    site.proxy.clear()
    site.proxy.inject(method="GET", status=503, code="SlowDown")
    answer = site.follow(full.url)
    assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")


@pytest.mark.acceptance(13)
@pytest.mark.needs("nginx")
def test_cdn_that_keeps_redirect_leads_to_bytes_in_content_mode(
    site: RedirectSite, needs: Callable[[str], Path]
) -> None:
    site.start_cdn(needs("nginx"))
    site.serve(delivery="content")
    resize = site.add()
    for _ in range(3):
        assert_picture(answer := site.follow(resize.url))
        assert answer.hops == [("public", 307), ("app", 200)]
        assert answer.headers["cache-control"] == IMMUTABLE


def test_anonymous_listing_is_403_and_unknown_path_is_404(site: RedirectSite) -> None:
    site.serve()
    resize = site.add()
    assert_picture(site.follow(resize.url))
    for query in ("", "?list-type=2", "?versions", "?uploads"):
        status, _, body = ask(f"{site.server.endpoint}/{site.bucket}/{query}")
        assert status == 403
        assert resize.key.encode() not in body
    for path in ("", "x/", resize.key.rpartition("/")[0], resize.key.replace("400x", "401x")):
        answer = site.follow(f"{site.website}{path}")
        assert answer.status == 404, path
        assert resize.key.encode() not in answer.body
    original = site.follow(f"{site.website}{resize.original}")
    assert (original.hops, original.body) == ([("public", 200)], picture())


# The second stem has characters that Ceph 16 misreads in the patterns of a policy.
@pytest.mark.parametrize("stem", ["photo", "sun-up_scale"])
def test_private_originals_are_refused_and_derived_files_public(
    site: RedirectSite, stem: str
) -> None:
    site.serve(originals="private")
    resize = site.add(stem)
    assert_picture(made := site.follow(resize.url))
    assert made.hops == [("public", 307), ("app", 302), ("public", 200)]
    for rendition in ("_web/up/video.mp4", "_poster.jpg"):
        derived = f"{resize.original.prefix}{rendition}"
        site.storage.put(derived, io.BytesIO(b"movie"), content_type="video/mp4")
        assert site.follow(f"{site.website}{derived}").hops == [("public", 200)]
    key = str(resize.original)
    original = site.follow(f"{site.website}{key}")
    assert original.hops == [("public", 307), ("app", 404)]
    assert ask(f"{site.server.endpoint}/{site.bucket}/{key}")[0] == 403
    status, headers, body = ask(site.storage.url(key))
    assert (status, body) == (200, picture())
    assert headers["cache-control"].startswith("private")
