"""The base class of the services of AWS for tests: REST-JSON, and faults on demand."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

Query = dict[str, list[str]]
Answer = tuple[int, dict[str, Any]]


@dataclass
class RequestFault:
    """A failure of the next requests of a method to a path.

    Args:
        method, path: which requests; the beginning of the path, without the version.
        times: how many requests fail.
        status, code: the answer; without a status there is no answer until the client leaves.
        after: True if the request takes effect nevertheless.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    code: str = "InternalServerErrorException"
    after: bool = False


def refuse(status: int, code: str, text: str) -> Answer:
    """Return an error as these services write it."""
    return status, {"__type": code, "message": text}


class RestJsonServer:
    """A server on loopback. A subclass answers each request in `answer`."""

    version: ClassVar[str]

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._faults: list[RequestFault] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop, and release requests that hang."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def inject(self, method: str, path: str, **options: Any) -> None:
        """Let the next matching requests fail."""
        self._faults.append(RequestFault(method, path, **options))

    def count(self, method: str, path: str) -> int:
        """Return the number of requests of a method to paths with this beginning."""
        return sum(m == method and p.startswith(path) for m, p in self.requests)

    def take(self, method: str, path: str) -> RequestFault | None:
        """Record a request and return its fault, if it has one."""
        with self.lock:
            self.requests.append((method, path))
            for fault in self._faults:
                if fault.times and fault.method == method and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Answer:
        """Answer one request."""
        raise NotImplementedError


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: RestJsonServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not print errors of clients that leave, because some tests make them leave."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else {}
        parts = urlsplit(self.path)
        assert parts.path.startswith(owner.version), parts.path
        path = parts.path.removeprefix(owner.version)
        fault = owner.take(self.command, path)
        if fault is None or fault.after:
            status, answer = owner.answer(self.command, path, parse_qs(parts.query), body)
        if fault is not None and not fault.status:
            owner.closing.wait(30)
            self.close_connection = True
            return
        if fault is not None:
            status, answer = refuse(fault.status, fault.code, "made by the test")
        content = json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status >= 400:
            self.send_header("X-Amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Do not print requests; tests read `RestJsonServer.requests`."""
