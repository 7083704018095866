"""Single flight across hosts: two hosts of two processes, which share a bucket and a Redis.

A host is a gunicorn with a lock folder of its own; its requests to S3 are counted by a proxy
before the server.
"""

from __future__ import annotations

import http.client
import io
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import override_settings
from PIL import Image

from shift_media.concurrency import locks, shared
from shift_media.core.keys import parse_original_key
from shift_media.resizes.resize import Resize
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import S3Server, client_of, new_bucket
from tests.servers.gallery import S3Gallery
from tests.servers.redis import Redis
from tests.servers.sites import PUBLIC_URL, S3Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.redis, pytest.mark.needs("redis")]

CLIENTS = 32
Hosts = list[S3Gallery]


@dataclass
class Pairs:
    """Pairs of hosts on one bucket and one Redis, by their delivery; tests share them."""

    folder: Path
    server: S3Server
    proxy: FaultProxy
    bucket: str
    redis: Redis
    _running: dict[str, Hosts] = field(default_factory=dict)

    def on(self, delivery: str) -> Hosts:
        """Return two running hosts, and start them if none are."""
        if delivery not in self._running:
            hosts = self._running[delivery] = [self._new(delivery) for _ in range(2)]
            for host in hosts:
                host.launch()
            for host in hosts:
                host.wait()
        for host in self._running[delivery]:
            host.forget()
        self.proxy.clear()
        return self._running[delivery]

    def _new(self, delivery: str) -> S3Gallery:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return S3Gallery(
            folder,
            self.server,
            self.bucket,
            endpoint=self.proxy.endpoint,
            public_url=PUBLIC_URL,
            workers=2,
            threads=16,
            CACHE=self.redis.url,
            LOCK_DIR=str(folder / "locks"),
            S3_DELIVERY=delivery,
        )

    @contextmanager
    def to_break(self, delivery: str) -> Iterator[Hosts]:
        """Yield a pair of hosts; afterwards stop it, and start Redis again."""
        try:
            yield self.on(delivery)
        finally:
            self._stop(delivery)
            self.redis.stop()
            self.redis.start()

    def _stop(self, delivery: str) -> None:
        for host in self._running.pop(delivery, ()):
            host.stop()

    def close(self) -> None:
        for delivery in list(self._running):
            self._stop(delivery)
        self.redis.stop()


@pytest.fixture(scope="module")
def pairs(
    s3_server: S3Server,
    s3_proxy: FaultProxy,
    needs: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pairs]:
    """Yield the pairs of hosts of one server."""
    folder = tmp_path_factory.mktemp("hosts")
    redis = Redis(needs("redis"), folder).start()
    pairs = Pairs(folder, s3_server, s3_proxy, new_bucket(s3_server), redis)
    yield pairs
    pairs.close()


@pytest.fixture
def s3_site(pairs: Pairs, tmp_path: Path) -> Iterator[S3Site]:
    """Return a site on the bucket of the hosts."""
    client = client_of(pairs.server)
    site = S3Site(pairs.server, pairs.proxy, pairs.bucket, tmp_path / "locks", client)
    try:
        site.configure()
        yield site
    finally:
        site.close()
        pairs.proxy.clear()


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
    pairs: Pairs, s3_site: S3Site, delivery: str
) -> None:
    key = s3_site.add(picture(size=(2000, 1500)))
    resize = s3_site.resize(key).key
    hosts = pairs.on(delivery)
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


def stored_of(site: S3Site, key: str) -> set[str]:
    """Return the keys of an original and of what was made of it."""
    return {other for other in site.stored() if other.startswith(parse_original_key(key).prefix)}


def lock_of(key: str) -> int:
    """Return the number of the lock file of a key, which one pair of keys in 4,096 shares."""
    return int(shared.digest(key)[:8], 16) % locks._LOCK_FILES


@pytest.mark.acceptance(14)
def test_other_keys_are_made_while_one_is_being_made(pairs: Pairs, s3_site: S3Site) -> None:
    slow, quick = s3_site.add(picture()), s3_site.add(picture(size=(80, 60)))
    while lock_of(s3_site.resize(quick, "40x30").key) == lock_of(s3_site.resize(slow).key):
        quick = s3_site.add(picture(size=(80, 60)))
    hosts = pairs.on("redirect")
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
def test_resizes_are_made_after_redis_dies_midway(pairs: Pairs, s3_site: S3Site) -> None:
    key = s3_site.add(picture(size=(2000, 1500)))
    first, second = s3_site.resize(key), s3_site.resize(key, "400x300", quality=70)
    with pairs.to_break("content") as hosts:
        dead = threading.Event()
        s3_site.proxy.inject(method="GET", key=key, until=dead)

        def die() -> None:
            wait_until(lambda: ("GET", key) in s3_site.counts())
            pairs.redis.stop()
            dead.set()

        assert_good(storm(hosts, first.key, die), first.key)
        # From now on each host makes it once, because only its lock folder is left.
        assert s3_site.counts()["GET", key] <= 2
        s3_site.proxy.clear()
        assert_good(storm(hosts, second.key), second.key)
        assert 1 <= s3_site.counts()["GET", key] <= 2
    assert stored_of(s3_site, key) == {key, first.key, second.key}


@pytest.mark.acceptance(15)
def test_another_host_takes_over_from_killed_host(pairs: Pairs, s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    resize = s3_site.resize(key).key
    with pairs.to_break("redirect") as hosts, ThreadPoolExecutor(1) as pool:
        s3_site.proxy.inject(method="GET", key=key, delay=30, times=1)
        killed = pool.submit(ask, hosts[0], resize)
        wait_until(lambda: ("GET", key) in s3_site.counts())
        hosts[0].kill()
        started = time.monotonic()
        assert ask(hosts[1], resize)[0] == 302
        assert time.monotonic() - started <= 30
        with pytest.raises((OSError, http.client.HTTPException)):
            killed.result()
    assert stored_of(s3_site, key) == {key, resize}
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
