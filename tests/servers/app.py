"""A WSGI app on loopback in threads of this process, so that overridden settings hold in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from django.core.servers.basehttp import ThreadedWSGIServer

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Any], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Log nothing, because `App.requests` keeps them."""


class App:
    """A server of a WSGI app that keeps the paths of its requests."""

    def __init__(self, app: WSGIApp) -> None:
        self.requests: list[str] = []

        def noting(environ: Environ, start: Any) -> Iterable[bytes]:
            self.requests.append(environ["PATH_INFO"])
            return app(environ, start)

        self._server = ThreadedWSGIServer(("127.0.0.1", 0), _Handler, connections_override={})
        self._server.daemon_threads = True
        self._server.set_app(noting)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
