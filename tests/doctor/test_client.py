"""The doctor's HTTP client: what it follows, and the bounds of time and size."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shift_media.doctor import client
from shift_media.doctor.client import HttpClient, UnknownServer, Unreachable
from tests.doctor.servers import HangingServer, LoopingServer
from tests.servers.sns import certify

TIMEOUT = 0.5


class PathHandler(BaseHTTPRequestHandler):
    """Answers by path: echoes the host, sends much, or sends little at a time."""

    def do_GET(self) -> None:
        getattr(self, f"send_{self.path.strip('/')}")()

    def send_host(self) -> None:
        self.send_body(f"{self.headers['Host']} {self.headers['Cookie']}".encode())

    def send_large(self) -> None:
        self.send_body(b"x" * 3 * (1 << 20))

    def send_body(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def send_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


class QuietServer(ThreadingHTTPServer):
    """A server whose clients may close connections early."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write no traceback."""


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Return a function that starts a server, with TLS if it is given, and returns its port."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(tls: ssl.SSLContext | None = None) -> int:
        server = QuietServer(("127.0.0.1", 0), PathHandler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        running.append((server, thread))
        return server.server_port

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def allowed(url: str) -> HttpClient:
    http = HttpClient(TIMEOUT)
    http.allow(url, "the site")
    return http


def test_server_that_was_not_allowed_gets_no_request() -> None:
    server = HangingServer()
    try:
        with pytest.raises(UnknownServer, match="is not part of this deployment"):
            HttpClient(TIMEOUT).request(server.url)
        assert server.connections == 0
    finally:
        server.stop()


def test_request_follows_no_redirect_and_follow_ends_a_loop() -> None:
    server = LoopingServer()
    try:
        http = allowed(server.url)
        response = http.request(server.url)
        assert (response.status, response.location) == (302, server.url)
        chain = http.follow(server.url)
        assert chain.ending == "loop"
        assert len(chain.responses) == client.MAX_REDIRECTS + 1
    finally:
        server.stop()


def test_host_below_localhost_is_reached_and_keeps_its_host_header(
    serve: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # It must not be used.
    url = f"http://user:secret@my-site-media.s3-website.localhost:{serve()}"
    response = allowed(url).request(f"{url}/host")
    host = url.rpartition("@")[2]
    assert response.body == f"{host} None".encode()


def test_body_is_cut_after_a_megabyte(serve: Callable[..., int]) -> None:
    url = f"http://127.0.0.1:{serve()}"
    assert len(allowed(url).request(f"{url}/large").body) == 1 << 20


def test_body_that_comes_too_slowly_is_unreachable(serve: Callable[..., int]) -> None:
    url = f"http://127.0.0.1:{serve()}"
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"the site, .*: its answer took longer than 0\.5 s"):
        allowed(url).request(f"{url}/slow")
    assert time.monotonic() - started < 3  # The whole body takes 4.


def test_body_that_is_cut_short_is_unreachable(serve: Callable[..., int]) -> None:
    url = f"http://127.0.0.1:{serve()}"
    with pytest.raises(Unreachable, match="gave no answer"):
        allowed(url).request(f"{url}/cut")


def test_refused_connection_is_unreachable_with_its_reason() -> None:
    url = "http://127.0.0.1:1/"
    with pytest.raises(Unreachable, match=r"gave no answer: \[Errno \d+\] Connection refused\.$"):
        allowed(url).request(url)


def test_certificate_that_is_not_trusted_is_unreachable(
    serve: Callable[..., int], tmp_path: Path
) -> None:
    certified = certify("localhost", "localhost")
    (tmp_path / "key.pem").write_bytes(certified.key_pem)
    (tmp_path / "certificate.pem").write_bytes(certified.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    url = f"https://localhost:{serve(context)}/host"
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        allowed(url).request(url)
