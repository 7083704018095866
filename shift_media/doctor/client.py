"""Plain HTTP as a stranger speaks it: one answer at a time, no proxy, no cookie, no credentials.

Only places that were allowed are asked, whatever a redirect says.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Literal
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import shift_media

MOST_REDIRECTS = 10
"""Fewer than the twenty of a browser: nobody needs more than three."""

_MOST_BYTES = 1 << 20  # the probe's pictures have a few thousand
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}

Place = tuple[str, str, int]


class Unreachable(Exception):
    """No answer came, or none that is HTTP."""


class Elsewhere(Exception):
    """An address that is none of this set-up, which is not asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; ``body`` is cut after a megabyte, ``place`` names the server."""

    url: str
    status: int
    headers: Message
    body: bytes
    place: str

    @property
    def is_redirect(self) -> bool:
        """Tell whether a browser would go on."""
        return self.status in _REDIRECTS and bool(self.headers["Location"])

    @property
    def location(self) -> str:
        """Where it sends a browser."""
        return urljoin(self.url, self.header("Location"))

    def header(self, name: str) -> str:
        """Give a header, empty where it is not there."""
        return str(self.headers[name] or "")

    def __str__(self) -> str:
        return f"{self.status} from {self.place}"


@dataclass(frozen=True, slots=True)
class Journey:
    """The answers on the way from a URL to its end, the end among them.

    ``ending`` is ``"answer"``, ``"loop"`` (too many redirects), ``"elsewhere"`` (the last one
    leads out of the set-up) or ``"silence"``; the last two with a ``detail``.
    """

    hops: tuple[Answer, ...]
    ending: Literal["answer", "loop", "elsewhere", "silence"]
    detail: str = ""

    @property
    def last(self) -> Answer:
        """The last answer."""
        return self.hops[-1]

    def __str__(self) -> str:
        return " → ".join(map(str, self.hops)) or self.detail


@dataclass
class Client:
    """Ask the places of one set-up, each answer within ``timeout`` seconds."""

    timeout: float = 10.0
    _names: dict[Place, str] = field(default_factory=dict)

    def allow(self, url: str, name: str) -> None:
        """Allow the place of a URL, which is called by the first name that it was given."""
        parts = urlsplit(url)
        if parts.hostname:
            self._names.setdefault(_place(parts), name)

    def name_of(self, url: str) -> str:
        """Name the place of a URL; empty where it was not allowed. http and https are one."""
        scheme, host, port = place = _place(urlsplit(url))
        if place in self._names or _PORTS.get(scheme) != port:
            return self._names.get(place, "")
        others = ((other, host, _PORTS[other]) for other in _PORTS)
        return next((self._names[other] for other in others if other in self._names), "")

    def ask(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Ask once, and follow nothing; raises `Unreachable` and `Elsewhere`."""
        place = self.name_of(url)
        if not place:
            raise Elsewhere(f"{origin(url)} is none of this set-up, and was not asked.")
        parts = urlsplit(url)
        connection = self._connect(parts)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        told = {"Host": parts.netloc, "User-Agent": f"shift_media/{shift_media.__version__}"}
        try:
            connection.request(method, path, body, {**told, **(headers or {})})
            response = connection.getresponse()
            content = self._read(response)
            return Answer(url, response.status, response.headers, content, place)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"{place}, {origin(url)}, gave no answer: {reason}.") from error
        finally:
            connection.close()

    def follow(self, url: str) -> Journey:
        """Follow redirects as a browser does."""
        hops: list[Answer] = []
        while len(hops) <= MOST_REDIRECTS:
            try:
                answer = self.ask(url)
            except Unreachable as error:
                return Journey(tuple(hops), "silence", str(error))
            except Elsewhere as error:
                return Journey(tuple(hops), "elsewhere", str(error))
            hops.append(answer)
            if not answer.is_redirect:
                return Journey(tuple(hops), "answer")
            url = answer.location
        return Journey(tuple(hops), "loop")

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=self.timeout)
        # What ends in .localhost is this machine (RFC 6761, 6.3); not every resolver knows it.
        local = host.endswith(".localhost")
        name = "localhost" if local else host
        return http.client.HTTPConnection(name, parts.port, timeout=self.timeout)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        ends = time.monotonic() + self.timeout
        body = bytearray()
        while len(body) < _MOST_BYTES and (part := response.read1(_MOST_BYTES - len(body))):
            body += part
            if time.monotonic() > ends:
                raise TimeoutError(f"its answer took longer than {self.timeout:g} s")
        return bytes(body)


def origin(url: str) -> str:
    """Give the scheme, host and port of a URL: ``http://cdn.example:8000``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _place(parts: SplitResult) -> Place:
    host = (parts.hostname or "").lower()
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme, 0)
