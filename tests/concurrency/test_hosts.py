"""Single flight across hosts: two hosts of two processes, which share a bucket and a Redis.

A host is a gunicorn with a lock folder of its own; its requests to S3 are counted by a proxy
before the server.
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import override_settings
from PIL import Image

from shift_media.concurrency import locks, shared
from shift_media.resizes.resize import Resize
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.servers.gallery import S3Gallery
from tests.servers.redis import Redis
from tests.servers.sites import PUBLIC_URL, S3Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.redis, pytest.mark.needs("redis")]

CLIENTS = 32
Hosts = list[S3Gallery]
StartHosts = Callable[..., Hosts]


@pytest.fixture
def hosts_on(s3_site: S3Site, redis: Redis, tmp_path: Path) -> Iterator[StartHosts]:
    """Start two hosts on one bucket."""
    running: Hosts = []

    def start(delivery: str) -> Hosts:
        for name in ("one", "two"):
            host = S3Gallery(
                tmp_path / name,
                s3_site.server,
                s3_site.bucket,
                endpoint=s3_site.proxy.endpoint,
                public_url=PUBLIC_URL,
                workers=2,
                threads=16,
                CACHE=redis.url,
                LOCK_DIR=str(tmp_path / name / "locks"),
                S3_DELIVERY=delivery,
            )
            host.launch()
            running.append(host)
        for host in running:
            host.wait()
        s3_site.proxy.clear()
        return running

    yield start
    for host in running:
        host.stop()


def ask(host: S3Gallery, key: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(host.url).netloc, timeout=60)
    try:
        connection.request("GET", f"/media/{key}")
        answer = connection.getresponse()
        location = answer.getheader("Location", "")
        return answer.status, location.encode() if answer.status == 302 else answer.read()
    finally:
        connection.close()


def storm(hosts: Hosts, key: str, meanwhile: Callable[[], None] | None = None) -> list[bytes]:
    """Return the answers of all hosts to simultaneous requests: pictures, or their locations."""
    start = threading.Barrier(CLIENTS)

    def client(number: int) -> tuple[int, bytes]:
        start.wait()
        return ask(hosts[number % len(hosts)], key)

    with ThreadPoolExecutor(CLIENTS) as pool:
        pending: list[Future[tuple[int, bytes]]] = [
            pool.submit(client, number) for number in range(CLIENTS)
        ]
        if meanwhile:
            meanwhile()
        answers = [one.result() for one in pending]
    assert {status for status, _ in answers} <= {200, 302}, answers
    return [body for _, body in answers]


def assert_good(answers: list[bytes], key: str) -> None:
    pictures = {answer for answer in answers if answer != (PUBLIC_URL + key).encode()}
    assert len(pictures) <= 1
    for content in pictures:
        assert Image.open(io.BytesIO(content)).size == (400, 300)


@pytest.mark.acceptance(14)
@pytest.mark.parametrize("delivery", ["redirect", "content"])
def test_32_requests_over_two_hosts_make_one_resize(
    hosts_on: StartHosts, s3_site: S3Site, delivery: str
) -> None:
    key = s3_site.add(picture(size=(2000, 1500)))
    resize = s3_site.resize(key).key
    hosts = hosts_on(delivery)
    answers = storm(hosts, resize)
    counts = s3_site.counts()
    assert counts["GET", key] == 1
    assert counts["PUT", resize] == 1
    assert len(answers) == CLIENTS
    assert_good(answers, resize)
    if delivery == "content":
        assert len(set(answers)) == 1
    for host in hosts:
        # The log is written after the response.
        wait_until(lambda host=host: len(host.requests(resize)) == CLIENTS / 2)
        assert "Traceback" not in host.output()
    print(  # noqa: T201
        f"\n{s3_site.server.__class__.__name__}, {delivery}: {CLIENTS} answers, "
        f"{counts['GET', key]} GET of the original, {counts['PUT', resize]} PUT, "
        f"{counts['HEAD', resize]} HEAD and {counts.get(('GET', resize), 0)} GET of the resize"
    )


def lock_of(key: str) -> int:
    """Return the number of the lock file of a key, which one pair of keys in 4,096 shares."""
    return int(shared.digest(key)[:8], 16) % locks._LOCK_FILES


@pytest.mark.acceptance(14)
def test_other_keys_are_made_while_one_is_being_made(
    hosts_on: StartHosts, s3_site: S3Site
) -> None:
    slow, quick = s3_site.add(picture()), s3_site.add(picture(size=(80, 60)))
    while lock_of(s3_site.resize(quick, "40x30").key) == lock_of(s3_site.resize(slow).key):
        quick = s3_site.add(picture(size=(80, 60)))
    hosts = hosts_on("redirect")
    others = threading.Event()
    s3_site.proxy.inject(method="GET", key=slow, until=others)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, hosts[0], s3_site.resize(slow).key)
        wait_until(lambda: ("GET", slow) in s3_site.counts())
        for host in hosts:
            assert ask(host, s3_site.resize(quick, "40x30").key)[0] in (200, 302)
        assert not waiting.done()
        others.set()
        assert waiting.result()[0] == 302


@pytest.mark.acceptance(15)
def test_resizes_are_made_after_redis_dies_midway(
    hosts_on: StartHosts, s3_site: S3Site, redis: Redis
) -> None:
    key = s3_site.add(picture(size=(2000, 1500)))
    first, second = s3_site.resize(key), s3_site.resize(key, "400x300", quality=70)
    hosts = hosts_on("content")
    dead = threading.Event()
    s3_site.proxy.inject(method="GET", key=key, until=dead)

    def die() -> None:
        wait_until(lambda: ("GET", key) in s3_site.counts())
        redis.stop()
        dead.set()

    assert_good(storm(hosts, first.key, die), first.key)
    # From now on each host makes it once, because only its lock folder is left.
    assert s3_site.counts()["GET", key] <= 2
    s3_site.proxy.clear()
    assert_good(storm(hosts, second.key), second.key)
    assert 1 <= s3_site.counts()["GET", key] <= 2
    assert s3_site.stored() == {key, first.key, second.key}


@pytest.mark.acceptance(15)
def test_another_host_takes_over_from_killed_host(hosts_on: StartHosts, s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    resize = s3_site.resize(key).key
    hosts = hosts_on("redirect")
    s3_site.proxy.inject(method="GET", key=key, delay=30, times=1)
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(ask, hosts[0], resize)
        wait_until(lambda: ("GET", key) in s3_site.counts())
        hosts[0].kill()
        started = time.monotonic()
        assert ask(hosts[1], resize)[0] == 302
        assert time.monotonic() - started <= 30
        with pytest.raises((OSError, http.client.HTTPException)):
            killed.result()
    assert s3_site.stored() == {key, resize}
    assert s3_site.counts()["PUT", resize] == 1


@pytest.mark.acceptance(15)
def test_hanging_redis_is_waited_for_once(
    storage: CountingStorage,
    redis: Redis,
    add: Callable[..., str],
    resize_of: Callable[..., Resize],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = "django.core.cache.backends.redis.RedisCache"
    redis_cache = {"BACKEND": cache, "LOCATION": redis.url, "OPTIONS": {"socket_timeout": 3}}
    key = add()
    with override_settings(CACHES={"default": redis_cache}):
        assert resize_of(key, "20x20").ensure() is True
        redis.hang()
        started = time.monotonic()
        for width in range(30, 35):
            assert resize_of(key, f"{width}x").ensure() is True
        assert time.monotonic() - started < 12  # Five timeouts would take 15 s.
    assert caplog.text.count("shared cache failed") == 1
