"""A proxy in front of a real S3 server that counts requests and injects faults."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_BLOCK = 1 << 16
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
    "<Message>made by the test</Message><RequestId>0</RequestId></Error>"
)


@dataclass
class Fault:
    """A fault in the next requests that match; by default in all of them.

    Args:
        method, key, query: which requests; the key is the end of the path, the query a part.
        times: how many of them.
        status, code: answer so, with an error body of S3's, instead of asking the server.
        body: the body of that answer instead.
        forward: ask the server nevertheless, and throw its answer away.
        hang: give no answer at all; with ``cut`` nothing after those bytes.
        lose: answer a write with 200 without asking the server.
        delay: seconds before anything.
        until: wait for that before anything; a minute at most.
        cut: send so many bytes of the server's answer, then close.
        shorten: announce and send so many bytes less than there are.
        corrupt: change a byte in the middle of each block.
    """

    method: str = ""
    key: str = ""
    query: str = ""
    times: int | None = None
    status: int = 0
    code: str = ""
    body: bytes | None = None
    forward: bool = False
    hang: bool = False
    lose: bool = False
    delay: float = 0
    until: threading.Event | None = None
    cut: int | None = None
    shorten: int = 0
    corrupt: bool = False

    def matches(self, request: Request) -> bool:
        return (
            self.times != 0
            and self.method in ("", request.method)
            and request.key.endswith(self.key)
            and self.query in request.query
        )


@dataclass(frozen=True)
class Request:
    """A request that was counted; ``key`` is without the bucket."""

    method: str
    key: str
    query: str
    headers: Mapping[str, str]


class FaultProxy:
    """A proxy on loopback that passes requests on to one server, in threads."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def inject(self, **options: Any) -> None:
        """Inject a fault into matching requests from now on."""
        self._faults.append(Fault(**options))

    def clear(self) -> None:
        """Forget the faults and the requests, and end hanging requests."""
        self.closing.set()
        self.closing = threading.Event()
        self._faults.clear()
        self.requests.clear()

    def methods(self) -> list[str]:
        """Return the methods of all requests, in their order."""
        return [request.method for request in self.requests]

    def counts(self) -> Counter[tuple[str, str]]:
        """Return the number of requests by method and key."""
        return Counter((request.method, request.key) for request in self.requests)

    def stop(self) -> None:
        """Stop the proxy, and end hanging requests."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, request: Request) -> Fault:
        """Count a request, and return its fault."""
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.matches(request):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return Fault()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: FaultProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about clients that disconnect, as they do in many tests."""


@dataclass
class _Answer:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: http.client.HTTPResponse | None = None
    content: bytes = b""

    @property
    def length(self) -> int | None:
        lengths = [value for name, value in self.headers if name.lower() == "content-length"]
        return int(lengths[0]) if lengths else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        proxy = self.server.proxy
        parts = urlsplit(self.path)
        key = unquote(parts.path.lstrip("/").partition("/")[2])
        fault = proxy.take(Request(self.command, key, parts.query, dict(self.headers)))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(fault.delay)
        if fault.until is not None:
            fault.until.wait(60)
        made = bool(fault.status or fault.lose or (fault.hang and fault.cut is None))
        if fault.forward or not made:
            connection = http.client.HTTPConnection("127.0.0.1", proxy.upstream, timeout=60)
            with contextlib.closing(connection):
                answer = self._ask(connection, body)
                if not made:
                    self._pass_on(answer, fault)
                    return
        if fault.hang:
            proxy.closing.wait(30)
            self.close_connection = True
        else:
            self._pass_on(self._made_up(fault), fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, because `FaultProxy.requests` keeps them."""

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> _Answer:
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        answer = _Answer(response.status, response.getheaders(), response)
        if answer.length is None:
            # Listings are chunked. They are passed on with a length, which is simpler.
            answer.content, answer.body = response.read(), None
        return answer

    def _made_up(self, fault: Fault) -> _Answer:
        if fault.lose:
            return _Answer(200, [("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')])
        content = _ERROR.format(code=fault.code).encode() if fault.body is None else fault.body
        return _Answer(fault.status, [("Content-Type", "application/xml")], content=content)

    def _pass_on(self, answer: _Answer, fault: Fault) -> None:
        self.send_response_only(answer.status)
        length = answer.length
        if length is None:
            length = len(answer.content)
        length = max(0, length - fault.shorten)
        for name, value in answer.headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self._send_body(answer, length, fault)

    def _send_body(self, answer: _Answer, length: int, fault: Fault) -> None:
        left = length if fault.cut is None else min(length, fault.cut)
        if answer.body is None:
            self.wfile.write(answer.content[:left])
        while answer.body and left > 0 and (part := answer.body.read(min(_BLOCK, left))):
            left -= len(part)
            if fault.corrupt:
                middle = len(part) // 2
                part = part[:middle] + bytes([part[middle] ^ 1]) + part[middle + 1 :]
            self.wfile.write(part)
        if fault.cut is not None:
            self.close_connection = True
            if fault.hang:
                self.wfile.flush()
                self.server.proxy.closing.wait(30)
