"""Private files behind a real nginx, which sends them, and behind one that caches what it may."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shift_media.core.keys import parse_original_key
from shift_media.http import PRIVATE_HEADERS
from testproject.servers.processes import Processes, free_ports, is_listening
from tests.resizes.conftest import picture
from tests.resizes.test_nginx import Ask, app, ask, start
from tests.servers.app import App
from tests.servers.nginx import MAIN

__all__ = ["app", "start"]

pytestmark = [pytest.mark.acceptance(79), pytest.mark.needs("nginx")]

PRIVATE = {"originals": "private", "derived": "private"}
CACHE = """
    proxy_cache_path {folder}/cache keys_zone=cdn:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_set_header Host $host;
            proxy_cache cdn;
            proxy_cache_key $uri;
            proxy_cache_valid any 1h;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
"""
"""A cache that keeps what its origin does not forbid, errors too, and ignores the query string."""


@pytest.fixture
def cached(
    app: App, needs: Callable[[str], Path], tmp_path: Path
) -> Iterator[Callable[[str], Any]]:
    """Start the cache before the app; return a function that requests a URL of it."""
    folder, (port,) = tmp_path / "cache", free_ports(1)
    folder.mkdir()
    config = CACHE.format(folder=folder, port=port, origin=app.port)
    file = folder / "nginx.conf"
    file.write_text(MAIN.format(folder=folder, config=config))
    processes = Processes(folder / "output.log")
    processes.start([needs("nginx"), "-c", file])
    processes.wait(lambda: is_listening(port), "nginx")
    yield lambda path, **headers: ask(port, path, headers)
    processes.stop(gently=True)


@pytest.mark.slow
def test_nginx_sends_private_files_and_only_with_a_signature(
    start: Callable[..., Ask], app: App, tmp_path: Path, site: Any, add: Any, resize_of: Any
) -> None:
    storage = site(location=tmp_path / "private", accel_location="/private-files/", **PRIVATE)
    places = {"/srv/example": str(tmp_path), "127.0.0.1:8000": f"127.0.0.1:{app.port}"}
    asking = start("nginx-private", places)
    key = add(picture())
    clip = f"{parse_original_key(key).prefix}_web/720p.mp4"
    storage.put(clip, io.BytesIO(b"movie"), content_type="video/mp4")
    resize = resize_of(key)
    urls = {resize.url: "image/jpeg", storage.derived_url(clip): "video/mp4"}
    urls[storage.url(key)] = "image/jpeg"
    for url, content_type in urls.items():
        status, headers, body = asking(url)
        assert (status, headers["content-type"]) == (200, content_type)
        assert headers["cache-control"].startswith("private")
        assert int(headers["content-length"]) == len(body) > 0
        assert "access-control-allow-origin" not in headers
        for name, value in PRIVATE_HEADERS.items():
            assert headers[name.lower()] == value
        status, headers, part = asking(url, Range="bytes=1-3")
        assert (status, part) == (206, body[1:4])
        assert headers["cache-control"].startswith("private")
        assert asking(url.partition("?")[0])[0] == 404
    for path in (resize.key, key, clip):
        assert asking(f"/private-files/{path}")[0] == 404


def test_shared_cache_keeps_no_private_answer(
    cached: Callable[..., Any], app: App, site: Any, add: Any, resize_of: Any
) -> None:
    storage = site(**PRIVATE)
    key = add(picture())
    playlist = f"{parse_original_key(key).prefix}_web/hls.m3u8"
    storage.put(playlist, io.BytesIO(b"#EXTM3U\n"), content_type="text/plain")
    missing = storage.derived_url(playlist.replace("hls", "gone"))
    urls = [resize_of(key).url, storage.url(key), storage.derived_url(playlist), missing]
    for url in urls:
        plain = url.partition("?")[0]
        first, second = cached(url), cached(url)
        assert first[0] == second[0] == (404 if url == missing else 200)
        assert {first[1]["x-cache"], second[1]["x-cache"]} == {"MISS"}
        if plain != url:
            assert cached(plain)[0] == 404
            assert cached(url)[0] == 200
    before = len(app.requests)
    cached(urls[0])
    assert len(app.requests) == before + 1


def test_cache_of_the_test_keeps_public_answers(
    cached: Callable[..., Any], site: Any, add: Any, resize_of: Any
) -> None:
    site()
    url = resize_of(add(picture())).url
    assert [cached(url)[1]["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
