"""Anonymous HTTP requests: no proxy, no cookies, no credentials.

Only servers of the deployment are sent requests, wherever a redirect leads.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import shift_media

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

MAX_REDIRECTS = 10
"""Redirects that are followed. Browsers give up after twenty, and three are enough."""

_MAX_BYTES = 1 << 20  # The images of the probe have a few thousand.
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}

Server = tuple[str, str, int]
"""A scheme, a host and a port."""


class Unreachable(Exception):
    """The server sent no complete HTTP response in time."""


class UnknownServer(Exception):
    """A URL leads to a server outside the deployment, which gets no request."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        url: The URL that was requested.
        status: The status code.
        headers: The headers; names are case-insensitive.
        body: The body, cut after a megabyte.
        server: The server's name in findings, such as ``"the app"``.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    server: str

    @property
    def is_redirect(self) -> bool:
        """Return True if a browser would follow it to another URL."""
        return self.status in _REDIRECT_STATUSES and bool(self.header("Location"))

    @property
    def location(self) -> str:
        """The absolute URL that it redirects to."""
        return urljoin(self.url, self.header("Location"))

    def header(self, name: str) -> str:
        """Return a header; empty if it is absent."""
        return self.headers.get(name) or ""

    def __str__(self) -> str:
        return f"{self.status} from {self.server}"


@dataclass(frozen=True, slots=True)
class RedirectChain:
    """The responses from a URL to the end of its redirects.

    Attributes:
        responses: All of them in order; the last one may be a redirect that was not followed.
        ending: ``"response"`` if the last one is not a redirect, ``"loop"`` after too many
            redirects, ``"unknown server"`` if the last one leads out of the deployment,
            ``"unreachable"`` if the next server did not respond.
        detail: The reason for the last two endings.
    """

    responses: tuple[Response, ...]
    ending: Literal["response", "loop", "unknown server", "unreachable"]
    detail: str = ""

    @property
    def last(self) -> Response:
        """The last response."""
        return self.responses[-1]

    def __str__(self) -> str:
        return " → ".join(map(str, self.responses)) or self.detail


@dataclass
class HttpClient:
    """A client for the servers of one deployment.

    Args:
        timeout: Seconds to connect, to wait for a response, and to read its body.
    """

    timeout: float = 10.0
    _names: dict[Server, str] = field(default_factory=dict)

    def allow(self, url: str, name: str) -> None:
        """Allow requests to the server of a URL. The first name that it is given stays."""
        parts = urlsplit(url)
        if parts.hostname:
            self._names.setdefault(_server(parts), name)

    def server_name(self, url: str) -> str:
        """Return the name of a URL's server; empty if it was not allowed.

        A host on its default ports is one server, by http and by https.
        """
        scheme, host, port = server = _server(urlsplit(url))
        if server in self._names or _DEFAULT_PORTS.get(scheme) != port:
            return self._names.get(server, "")
        servers = ((other, host, _DEFAULT_PORTS[other]) for other in _DEFAULT_PORTS)
        return next((self._names[one] for one in servers if one in self._names), "")

    def request(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request, and follow no redirect; raises `Unreachable` and `UnknownServer`."""
        from urllib3.exceptions import HTTPError

        name = self.server_name(url)
        if not name:
            raise UnknownServer(
                f"{origin(url)} is not part of this deployment, and got no request."
            )
        parts = urlsplit(url)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        agent = f"shift_media/{shift_media.__version__}"
        try:
            with self._pool(parts) as pool:
                response = pool.urlopen(
                    method,
                    target,
                    body,
                    {"Host": _host_header(parts), "User-Agent": agent, **(headers or {})},
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                )
                try:
                    content = self._read(response)
                finally:
                    response.close()
        except (HTTPError, OSError) as error:
            raise Unreachable(
                f"{name}, {origin(url)}, gave no answer: {_cause(error)}."
            ) from error
        return Response(url, response.status, response.headers, content, name)

    def follow(self, url: str) -> RedirectChain:
        """Send a request and follow redirects as a browser does."""
        responses: list[Response] = []
        while len(responses) <= MAX_REDIRECTS:
            try:
                response = self.request(url)
            except Unreachable as error:
                return RedirectChain(tuple(responses), "unreachable", str(error))
            except UnknownServer as error:
                return RedirectChain(tuple(responses), "unknown server", str(error))
            responses.append(response)
            if not response.is_redirect:
                return RedirectChain(tuple(responses), "response")
            url = response.location
        return RedirectChain(tuple(responses), "loop")

    def _pool(self, parts: SplitResult) -> HTTPConnectionPool:
        from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout

        host = parts.hostname or ""
        timeout = Timeout(connect=self.timeout, read=self.timeout)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnectionPool(host, parts.port, timeout=timeout, ssl_context=context)
        # Names below .localhost mean this machine (RFC 6761, 6.3), but some resolvers do not know
        # them. The Host header keeps the name, because it chooses the bucket.
        address = "localhost" if host.endswith(".localhost") else host
        return HTTPConnectionPool(address, parts.port, timeout=timeout)

    def _read(self, response: BaseHTTPResponse) -> bytes:
        # The pool's timeout is for each packet. A server that sends few bytes at a time needs a
        # limit for the whole body.
        deadline = time.monotonic() + self.timeout
        body = bytearray()
        while len(body) < _MAX_BYTES and (chunk := response.read1(_MAX_BYTES - len(body))):
            body += chunk
            if time.monotonic() > deadline:
                raise TimeoutError(f"its answer took longer than {self.timeout:g} s")
        return bytes(body)


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL: ``http://cdn.example:8000``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_host_header(parts)}"


def _host_header(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _server(parts: SplitResult) -> Server:
    host = (parts.hostname or "").lower()
    return parts.scheme, host, parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def _cause(error: BaseException) -> str:
    """Return the message of the first error in the chain: that of the socket, not of urllib3."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__
