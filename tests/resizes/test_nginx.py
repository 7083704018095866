"""The configurations for nginx in the guides, run in a real nginx."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from PIL import Image

from shift_media.checks.storages import INVALID_KEY
from shift_media.core.keys import new_original_key
from shift_media.http import HEADERS
from shift_media.storages import default_media_storage
from testproject.servers.processes import Processes, free_ports, is_listening
from tests.docs.blocks import DOCS, read_blocks
from tests.resizes.conftest import picture
from tests.servers.app import App
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, new_bucket
from tests.servers.nginx import MAIN
from tests.servers.sites import S3Site

GUIDES = [DOCS / "how-to" / name for name in ("nginx.rst", "private-files.rst")]
CONFIGS = {
    block.name: block.text
    for guide in GUIDES
    for block in read_blocks(guide)
    if block.language == "nginx"
}
IMMUTABLE = "public, max-age=31536000, immutable"
HOST = "www.example.com"

Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


@pytest.fixture
def start(needs: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[..., Ask]]:
    """Start nginx with a configuration of the guide, changed to this machine's ports and paths."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    processes = Processes(folder / "output.log")

    def start(name: str, places: dict[str, str]) -> Ask:
        (port,) = free_ports(1)
        config = CONFIGS[name]
        for said, here in {"listen 80;": f"listen 127.0.0.1:{port};", **places}.items():
            assert said in config
            config = config.replace(said, here)
        file = folder / "nginx.conf"
        file.write_text(MAIN.format(folder=folder, config=config))
        processes.start([needs("nginx"), "-c", file])
        processes.wait(lambda: is_listening(port), "nginx")
        return lambda path, **headers: ask(port, path, headers)

    yield start
    processes.stop(gently=True)


def ask(port: int, path: str, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": HOST, **headers})
        got = connection.getresponse()
        return got.status, {n.lower(): v for n, v in got.getheaders()}, got.read()
    finally:
        connection.close()


@pytest.fixture
def app() -> Iterator[App]:
    with override_settings(ALLOWED_HOSTS=[HOST]):
        app = App(get_wsgi_application())
        try:
            yield app
        finally:
            app.stop()


def assert_resize(answer: Answer) -> None:
    status, headers, body = answer
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(body)).size == (400, 300)
    assert headers["cache-control"] == IMMUTABLE
    for name, value in HEADERS.items():
        assert headers[name.lower()] == value


def assert_ranges(asking: Ask, path: str, content: bytes) -> None:
    """Assert that a range can be kept for long, and a range beyond the end cannot."""
    status, headers, body = asking(path, Range="bytes=0-")
    assert (status, headers["cache-control"], body) == (206, IMMUTABLE, content)
    status, headers, _ = asking(path, Range=f"bytes={len(content)}-")
    assert (status, headers["cache-control"]) == (416, "no-cache")
    status, headers, _ = asking(path, **{"If-Match": '"other"'})
    assert (status, headers.get("cache-control")) == (412, None)


def test_guides_have_five_configurations() -> None:
    assert set(CONFIGS) == {
        f"nginx-{name}" for name in ("accel", "disk", "limits", "private", "s3")
    }


@pytest.mark.needs("nginx")
def test_nginx_before_local_disk_asks_app_once(
    start: Callable[..., Ask],
    app: App,
    tmp_path: Path,
    site: Any,
    add: Callable[..., str],
    resize_of: Any,
) -> None:
    storage: Any = default_media_storage
    site(location=tmp_path / "media")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    places = {"/srv/example": str(tmp_path), "127.0.0.1:8000": f"127.0.0.1:{app.port}"}
    asking = start("nginx-disk", places)
    key = add(picture())
    resize = resize_of(key)
    first = asking(f"/media/{resize.key}")
    assert_resize(first)
    second = asking(f"/media/{resize.key}")
    assert_resize(second)
    assert second[2] == first[2]
    assert app.requests == [f"/media/{resize.key}"]
    assert asking(f"/media/{resize.key}", **{"If-None-Match": second[1]["etag"]})[0] == 304
    assert asking(f"/media/{resize.key}", Range="bytes=0-9")[2] == first[2][:10]
    assert_ranges(asking, f"/media/{resize.key}", first[2])
    assert len(app.requests) == 1

    folder = key.rpartition("/")[0]
    storage.put(f"{folder}/_web/a/720p.mp4", io.BytesIO(b"movie"), content_type="video/mp4")
    status, headers, body = asking(f"/media/{folder}/_web/a/720p.mp4")
    assert (status, headers["content-type"], body) == (200, "video/mp4", b"movie")
    assert len(app.requests) == 1

    assert asking(f"/media/{key}")[2] == picture()  # From the app, which checks access.
    assert app.requests[-1] == f"/media/{key}"
    (tmp_path / "media" / folder / "_m").mkdir()
    (tmp_path / "media" / folder / "_m" / "2048.jpg").write_bytes(b"mezzanine")
    forged = resize.key.replace("400x300", "401x300")
    for path in (forged, f"{folder}/_m/2048.jpg", "../secret.jpg", f"{folder}/../../x"):
        assert asking(f"/media/{path}")[0] in (400, 404), path


@pytest.fixture(params=["public", "private"])
def s3(request: pytest.FixtureRequest, seaweedfs: Any, tmp_path: Path) -> Iterator[S3Site]:
    """Return a site on S3 as in the guide, with a proxy that counts the requests of nginx."""
    bucket = new_bucket(seaweedfs)
    proxy = FaultProxy(seaweedfs.port)
    site = S3Site(seaweedfs, proxy, bucket, tmp_path / "locks", client_of(seaweedfs))
    told = {"delivery": "content", "endpoint_url": seaweedfs.endpoint}
    site.configure(public_url=f"https://{HOST}/media/", originals=request.param, **told)
    call_command("media_bucket", "apply", "--yes", "--widen", stdout=io.StringIO())
    try:
        yield site
    finally:
        site.close()
        proxy.stop()


@pytest.mark.s3
@pytest.mark.needs("nginx")
def test_nginx_before_s3_asks_app_once_and_bucket_once(
    start: Callable[..., Ask], app: App, s3: S3Site, tmp_path: Path
) -> None:
    asking = start(
        "nginx-s3",
        {
            "127.0.0.1:8000": f"127.0.0.1:{app.port}",
            "my-site-media.s3.eu-central-1.amazonaws.com:443": s3.proxy.endpoint.removeprefix(
                "http://"
            ),
            "proxy_pass https://bucket/$key;": f"proxy_pass http://bucket/{s3.bucket}/$key;",
            "/var/cache/nginx/media": f"{tmp_path}/cache",
        },
    )
    key = s3.add(picture())
    resize = s3.resize(key)
    assert resize.url == f"https://{HOST}/media/{resize.key}"
    assert_resize(asking(f"/media/{resize.key}"))  # from the app
    assert app.requests == [f"/media/{resize.key}"]
    assert_resize(asking(f"/media/{resize.key}"))  # from the bucket
    assert s3.proxy.methods() == ["GET", "GET"]
    assert_resize(asking(f"/media/{resize.key}?x=1"))  # from nginx's cache
    assert s3.proxy.methods() == ["GET", "GET"]
    assert len(app.requests) == 1
    assert_ranges(asking, f"/media/{resize.key}", asking(f"/media/{resize.key}")[2])
    assert "x-amz-meta-sha256" not in asking(f"/media/{resize.key}")[1]

    status, headers, body = asking(f"/media/{key}")
    if s3.storage.originals == "public":
        assert (status, body) == (200, picture())
        assert headers["x-content-type-options"] == "nosniff"
    else:
        assert status == 404
    for _ in range(2):
        forged = f"/media/{resize.key.replace('400x300', '401x300')}"
        status, headers, _body = asking(forged)
        assert (status, headers["cache-control"]) == (404, "no-store")
        assert app.requests[-1] == forged
    assert asking(f"/media/{new_original_key('gone', 'jpg')}")[0] == 404


@pytest.mark.needs("nginx")
def test_surplus_requests_of_one_client_are_429_and_do_not_reach_the_app(
    start: Callable[..., Ask], app: App, site: Any
) -> None:
    site()
    asking = start("nginx-limits", {"127.0.0.1:8000": f"127.0.0.1:{app.port}"})
    statuses = [asking("/media/upload/")[0] for _ in range(40)]
    passed = statuses.count(405)
    assert statuses[:21] == [405] * 21  # The burst, and one.
    assert 429 in statuses[-10:]
    assert passed + statuses.count(429) == 40
    assert len(app.requests) == passed
    assert asking(f"/media/{INVALID_KEY}")[0] == 404
