"""CloudFront's CreateInvalidation over REST-XML, with its quota and with injected faults."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
MOST_WILDCARDS = 15

_CREATED = (
    f'<Invalidation xmlns="{NAMESPACE}"><Id>I{{id}}</Id><Status>InProgress</Status>'
    "<CreateTime>2026-01-01T00:00:00Z</CreateTime><InvalidationBatch><Paths><Quantity>0</Quantity>"
    "</Paths><CallerReference>r</CallerReference></InvalidationBatch></Invalidation>"
)
_REFUSED = (
    f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{{code}}</Code>'
    "<Message>made by the test</Message></Error><RequestId>0</RequestId></ErrorResponse>"
)


class CloudFrontApi:
    """One distribution with the quota of fifteen wildcard paths in progress at a time.

    Attributes:
        requests: The paths of each request, including refused ones.
        signed: The Authorization header of each request.
        in_progress: The caller references of invalidations in progress, and their paths.
        created: Called with the paths of each invalidation that is created.
        status, code: An error to answer with, if set.
        lost: With ``status``: answer with the error, but create the invalidation.
    """

    def __init__(self, distribution: str) -> None:
        self.distribution = distribution
        self.requests: list[list[str]] = []
        self.signed: list[str] = []
        self.in_progress: dict[str, list[str]] = {}
        self.created: Callable[[list[str]], None] = lambda paths: None
        self.status, self.code, self.lost = 0, "", False
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.signed.append(self.headers.get("Authorization", ""))
                status, content = api.answer(self.path, body)
                self.send_response_only(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Write no log; the tests check the requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path != f"/2020-05-31/distribution/{self.distribution}/invalidation":
            return 404, _REFUSED.format(code="NoSuchDistribution").encode()
        root = ET.fromstring(body)
        names = {"c": NAMESPACE}
        paths = [str(found.text) for found in root.findall("c:Paths/c:Items/c:Path", names)]
        reference = root.findtext("c:CallerReference", "", names)
        assert int(root.findtext("c:Paths/c:Quantity", "", names)) == len(paths)
        self.requests.append(paths)
        if self.status and not self.lost:
            return self.status, _REFUSED.format(code=self.code).encode()
        working = sum(map(len, self.in_progress.values()))
        if reference not in self.in_progress and working + len(paths) > MOST_WILDCARDS:
            return 400, _REFUSED.format(code="TooManyInvalidationsInProgress").encode()
        self.in_progress[reference] = paths
        self.created(paths)
        if self.status:
            return self.status, _REFUSED.format(code=self.code).encode()
        return 201, _CREATED.format(id=len(self.in_progress)).encode()
