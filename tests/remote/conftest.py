"""A server that answers each path as a test says, and fetches that may reach it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shift_media.core.addresses import parse_network
from shift_media.remote.fetching import RemoteFetch

Answer = Callable[[socket.socket], None]


class RawServer:
    """A server of raw answers: what a function for a path writes into the connection."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.answers: dict[str, bytes | Answer] = {}
        self.requests: list[str] = []
        self.connections = 0
        self._wrap = wrap
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str, host: str = "files.example.org", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._wrap(plain) if self._wrap else plain
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
                    head += part
                self.requests.append(head.decode())
                answer = self.answers[head.split(b" ")[1].decode()]
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)
        except OSError:
            pass  # The client has closed the connection.


def body(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return the answer with a body of announced length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def redirect(location: str, status: int = 302) -> bytes:
    """Return the answer that redirects."""
    return body(b"", f"Location: {location}", status=f"{status} Found")


@pytest.fixture
def server() -> Iterator[RawServer]:
    """Return a server without TLS."""
    server = RawServer()
    yield server
    server.close()


class Names:
    """A resolver: each name has a list of answers, of which the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str] | OSError | threading.Event]] = {
            "files.example.org": [["127.0.0.1"]]
        }
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.answers.get(host) or [[host]]  # an address stands for itself
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(30)
            return []
        return answer


@pytest.fixture
def names() -> Names:
    """Return the resolver of `fetch`."""
    return Names()


Fetch = Callable[..., Any]


@pytest.fixture
def fetch(server: RawServer, names: Names) -> Fetch:
    """Return a function that fetches a URL; 127.0.0.1 is allowed, other loopback is not."""

    def fetched(url: str, **limits: Any) -> Any:
        given = {"max_bytes": 1000, "seconds": 10, "networks": ["127.0.0.1/32"], **limits}
        networks = tuple(parse_network(text) for text in given.pop("networks"))
        ports = given.pop("ports", (server.port,))
        return RemoteFetch(ports=ports, networks=networks, resolve=names, **given)(url)

    return fetched
