"""Certificates of Amazon SNS: fetched over HTTPS, each once.

`shift_media.transcoding.webhooks.sns.verify` asks for URLs of SNS only.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shift_media.transcoding.webhooks.sns import CertificateUnavailable, Unverified

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_PEM = b"-----BEGIN CERTIFICATE-----"
_FETCH_SECONDS = 5.0
_CERTIFICATE_BYTES = 32 * 1024  # those of SNS have about 2,000
_MAX_CERTIFICATES = 50  # more than there are regions


def fetch(url: str) -> bytes:
    """Return the PEM file at a URL, fetched over HTTPS without redirects.

    At most 32 KB and 5 seconds. Raises `Unverified` if the server has no certificate there,
    `CertificateUnavailable` if it could not be asked.
    """
    from urllib3.exceptions import HTTPError

    # The timeout of urllib3 is for each packet, the deadline for all of them.
    deadline = time.monotonic() + _FETCH_SECONDS
    try:
        with _new_pool(url) as pool:
            response = pool.request(
                "GET",
                url,
                timeout=_FETCH_SECONDS,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with contextlib.closing(response):
                return _read(response, url, deadline)
    except (HTTPError, OSError) as error:
        raise CertificateUnavailable(f"{url} cannot be fetched: {error}") from error


def _new_pool(url: str) -> PoolManager:
    """Return a pool that trusts the system's authorities and uses the environment's proxy."""
    from urllib3 import PoolManager, ProxyManager, make_headers

    context = ssl.create_default_context()
    proxy = urllib.request.getproxies().get("https")
    if not proxy or urllib.request.proxy_bypass(urlsplit(url).hostname or ""):
        return PoolManager(ssl_context=context)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    credentials = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
    headers = make_headers(proxy_basic_auth=credentials) if credentials else None
    return ProxyManager(proxy, proxy_headers=headers, ssl_context=context)


def _read(response: BaseHTTPResponse, url: str, deadline: float) -> bytes:
    if response.status >= 500:
        raise CertificateUnavailable(f"{url} is answered with {response.status}.")
    if response.status >= 300:
        raise Unverified(f"{url} is answered with {response.status}.")
    content = bytearray()
    # One byte at a time, because a longer read would wait until all its bytes have arrived. They
    # are buffered: 2,000 take some 30 ms, once for each certificate.
    for byte in response.stream(1, decode_content=False):
        content += byte
        if len(content) > _CERTIFICATE_BYTES:
            raise Unverified(f"The certificate has more than {_CERTIFICATE_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise CertificateUnavailable(f"{url} took longer than {_FETCH_SECONDS:g} seconds.")
    if not content.lstrip().startswith(_PEM):
        raise Unverified("The certificate is not a PEM file.")
    return bytes(content)


class CertificateCache:
    """Certificates by URL, each fetched once.

    Only URLs of SNS are fetched, so that no client can fill the cache with others. One thread
    fetches at a time: threads that need the same certificate wait for it.
    """

    def __init__(self, fetch: Callable[[str], bytes] = fetch) -> None:
        self._fetch = fetch
        self._contents: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str) -> bytes:
        """Return a certificate; raise what `fetch` raises."""
        if url in self._contents:
            return self._contents[url]
        if not self._lock.acquire(timeout=_FETCH_SECONDS):
            raise CertificateUnavailable("Another certificate is still being fetched.")
        try:
            if url not in self._contents:
                content = self._fetch(url)
                if len(self._contents) >= _MAX_CERTIFICATES:
                    self._contents.clear()
                self._contents[url] = content
            return self._contents[url]
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Remove all certificates, so that each is fetched again."""
        self._contents.clear()
