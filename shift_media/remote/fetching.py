"""One fetch: names are resolved and checked, redirects followed, bytes received within limits."""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, cast
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from django.core.files.base import File
from django.utils.encoding import iri_to_uri

from shift_media.core.addresses import Network, is_public, parse_address
from shift_media.core.keys import display_name
from shift_media.remote.connection import Deadline, PinnedConnection
from shift_media.validators import InvalidMedia, seekable, too_large

REDIRECTS: Final = 5
_REDIRECT_STATUSES: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}
_URL_LENGTH: Final = 4096
_HEADERS: Final = {
    "Accept": "*/*",
    # Bytes that grow when they are decoded could exceed each limit.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "django-shift-media",
}

Resolve = Callable[[str, int], list[str]]


def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of a host as text, in the order of the system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class RemoteFetch:
    """A fetch within limits; see `shift_media.remote.from_url`.

    Attributes:
        max_bytes: the most bytes of the file.
        seconds: the most seconds of all requests together.
        ports: that may be connected to.
        networks: that are allowed although they are not public.
        resolve: returns the addresses of a host.
    """

    max_bytes: int
    seconds: float
    ports: tuple[int, ...]
    networks: tuple[Network, ...] = ()
    resolve: Resolve = resolve_name

    def __call__(self, url: str) -> File[Any]:
        """Return the file of a URL; raise `InvalidMedia`."""
        deadline = Deadline.after(self.seconds)
        for _ in range(REDIRECTS + 1):
            file, url = self._answer(_parsed(url), deadline)
            if file is not None:
                return file
        raise _failed(f"More than {REDIRECTS} redirects, the last one to {url!r}.")

    def _answer(self, url: SplitResult, deadline: Deadline) -> tuple[File[Any] | None, str]:
        """Return the file of a URL, or None and the URL to which its server redirects."""
        host, port = _host(url), url.port or _PORTS[url.scheme]
        addresses = self._checked_addresses(host, port, deadline)
        tls = ssl.create_default_context() if url.scheme == "https" else None
        connection = PinnedConnection(host, port, addresses, deadline, tls)
        try:
            with closing(connection):
                connection.request("GET", _target(url), headers=_HEADERS)
                with connection.getresponse() as response:
                    if response.status in _REDIRECT_STATUSES:
                        return None, urljoin(url.geturl(), _location(response))
                    return self._received(response, _name(url)), ""
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(f"{host!r} does not answer as expected: {error!r}") from error

    def _checked_addresses(self, host: str, port: int, deadline: Deadline) -> list[str]:
        """Return the addresses of a host, all of which are allowed."""
        if port not in self.ports:
            raise _refused(
                f"Port {port} is not allowed. Allowed are {self.ports}, by "
                'SHIFT_MEDIA["REMOTE_PORTS"].'
            )
        try:
            addresses = _in_time(partial(self.resolve, host, port), deadline)
        except (OSError, UnicodeError) as error:
            raise _refused(f"{host!r} cannot be resolved: {error}") from error
        for text in addresses:
            if not self._is_allowed(text):
                raise _refused(
                    f"{host!r} resolves to {text}, which is not a public address. Allow its "
                    'network in SHIFT_MEDIA["REMOTE_NETWORKS"] if users may reach it.'
                )
        return addresses

    def _is_allowed(self, text: str) -> bool:
        address = parse_address(text)
        return is_public(address) or any(address in network for network in self.networks)

    def _received(self, response: http.client.HTTPResponse, name: str) -> File[Any]:
        if response.status != 200:
            raise _failed(f"The answer is {response.status} {response.reason}.")
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity":
            raise _failed(f"The answer is encoded as {encoding!r}, without being asked to.")
        if response.length is not None and response.length > self.max_bytes:
            raise too_large(response.length, self.max_bytes)
        file = seekable(File(cast("IO[bytes]", _Body(response)), name), self.max_bytes)
        file.seek(0)
        return file


class _Body(io.RawIOBase):
    """The bytes of a response, which raises ``OSError`` if there are fewer than announced."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self._left = response.length

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._response.read(None if size < 0 else size)
        if self._left is not None:
            self._left -= len(chunk)
            if not chunk and self._left:
                raise OSError(f"The answer ended {self._left} bytes early.")
        return chunk


def _parsed(url: str) -> SplitResult:
    """Return the parts of a URL that may be fetched; raise `InvalidMedia` for another one."""
    try:
        parts = urlsplit(url.strip())
        allowed = parts.scheme in _PORTS and _host(parts) and parts.port != 0
    except ValueError as error:
        raise _refused(f"It is not a URL: {error}") from error
    if not allowed or len(url) > _URL_LENGTH:
        raise _refused("It is not a URL with http or https and a host.")
    if "@" in parts.netloc:
        raise _refused("The URL contains a user name or a password.")
    return parts


def _host(url: SplitResult) -> str:
    """Return the host of a URL in ASCII; raise ``ValueError`` for one that no name can have."""
    return (url.hostname or "").encode("idna").decode()


def _target(url: SplitResult) -> str:
    """Return the path and the query of a URL, as a request names them."""
    return str(iri_to_uri((url.path or "/") + (f"?{url.query}" if url.query else "")))


def _location(response: http.client.HTTPResponse) -> str:
    """Return where a redirect leads; some servers write other letters than ASCII as UTF-8."""
    return response.headers.get("Location", "").encode("latin-1").decode("utf-8", "replace")


def _name(url: SplitResult) -> str:
    """Return the file name in a URL, as a client would have sent it."""
    return display_name(unquote(url.path)) or "file"


def _in_time(resolve: Callable[[], list[str]], deadline: Deadline) -> list[str]:
    """Return the result of a function that has no timeout, or raise ``TimeoutError``.

    The system's resolver waits as long as its own configuration says; the thread ends with it.
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(resolve())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=answer, daemon=True, name="shift_media-resolve").start()
    try:
        found = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError("The name was not resolved in time.") from None
    if isinstance(found, Exception):
        raise found
    return found


def _refused(detail: str) -> InvalidMedia:
    return InvalidMedia("remote_refused", detail)


def _failed(detail: str) -> InvalidMedia:
    return InvalidMedia("remote_failed", detail)
