"""Fetching of certificates: each once, by one thread, through the proxy of the environment."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shift_media.transcoding.webhooks import certificates as module
from shift_media.transcoding.webhooks.certificates import CertificateCache
from shift_media.transcoding.webhooks.sns import CertificateUnavailable, Unverified
from tests.servers.sns import CERTIFICATE_URL

PEM = b"-----BEGIN CERTIFICATE-----"


def test_concurrent_threads_fetch_a_certificate_once() -> None:
    fetched = []
    begun = threading.Event()

    def fetch(url: str) -> bytes:
        fetched.append(url)
        begun.wait(60)
        return PEM

    certificates = CertificateCache(fetch)
    received: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: received.append(certificates("u"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join()
    assert (fetched, received) == (["u"], [PEM] * 8)


def test_thread_that_waits_too_long_for_a_certificate_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FETCH_SECONDS", 0.1)
    begun, go_on = threading.Event(), threading.Event()

    def fetch(url: str) -> bytes:
        begun.set()
        go_on.wait(60)
        return b""

    certificates = CertificateCache(fetch)
    slow = threading.Thread(target=certificates, args=("slow",))
    slow.start()
    assert begun.wait(60)
    with pytest.raises(CertificateUnavailable):
        certificates("other")
    go_on.set()
    slow.join()


def test_failed_fetch_is_repeated() -> None:
    answers: list[Any] = [CertificateUnavailable(), Unverified(), PEM]

    def fetch(url: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, bytes)
        return answer

    certificates = CertificateCache(fetch)
    for kind in (CertificateUnavailable, Unverified):
        with pytest.raises(kind):
            certificates("u")
    assert certificates("u") == certificates("u") == PEM


@pytest.mark.parametrize(
    ("environment", "proxy", "authorization"),
    [
        ({}, None, None),
        ({"https_proxy": "http://proxy.example:3128"}, "proxy.example", None),
        ({"https_proxy": "proxy.example:3128"}, "proxy.example", None),
        ({"https_proxy": "http://a:b%40c@proxy.example"}, "proxy.example", "Basic YTpiQGM="),
        ({"https_proxy": "http://proxy.example", "no_proxy": ".amazonaws.com"}, None, None),
    ],
)
def test_proxy_of_the_environment_is_used_unless_it_is_bypassed(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    proxy: str | None,
    authorization: str | None,
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with module._new_pool(CERTIFICATE_URL) as pool:
        assert (pool.proxy.host if pool.proxy else None) == proxy
        headers = getattr(pool, "proxy_headers", {})
    assert headers.get("proxy-authorization") == authorization
