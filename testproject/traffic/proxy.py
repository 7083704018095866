"""A small proxy in front of a bucket's website, which logs the requests to the bucket."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from testproject.traffic.log import TrafficLog

_CHUNK = 1 << 16
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "host", "cookie"))


class WebsiteProxy(ThreadingHTTPServer):
    """A proxy that forwards requests to a website endpoint, with its name as the Host header."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], website: tuple[str, int, str], log: TrafficLog
    ) -> None:
        self.website = website
        self.log = log
        super().__init__(address, _Handler)

    def start(self) -> WebsiteProxy:
        """Start serving in a thread."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebsiteProxy

    def do_GET(self) -> None:
        """Forward the request, log it, and send the response back."""
        host, port, name = self.server.website
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP_BY_HOP}
        started = time.perf_counter()
        upstream = http.client.HTTPConnection(host, port, timeout=60)
        try:
            upstream.request(self.command, self.path, headers={**headers, "Host": name})
            answer = upstream.getresponse()
            self._log(answer, started)
            self._send_back(answer)
        except OSError:
            self.close_connection = True
        finally:
            upstream.close()

    do_HEAD = do_GET

    def _log(self, answer: http.client.HTTPResponse, started: float) -> None:
        path = self.path.partition("?")[0]
        self.server.log.add(
            "bucket",
            path.removeprefix("/"),
            method=self.command,
            path=path,
            status=answer.status,
            ms=round(1000 * (time.perf_counter() - started), 1),
            location=answer.getheader("Location", ""),
        )

    def _send_back(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if answer.length is None and self.command != "HEAD":
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        while part := answer.read(_CHUNK):
            self.wfile.write(part)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing, because `_log` does."""
