"""Requests by a number of clients, each of which asks again as soon as it has an answer."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import quantiles

from benchmarks.server.servers import Server

TIMEOUT = 120
"""Seconds that a client waits for an answer."""


@dataclass
class Run:
    """What a number of requests took.

    Attributes:
        seconds: from the first request to the last answer.
        cpu: milliseconds of the server with all its processes, for each request.
        engine: those of the worker processes alone.
        latencies: seconds of each request.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    engine: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """Return the milliseconds within which so many percent were answered."""
        if len(self.latencies) < 2:
            return 1000 * max(self.latencies, default=0.0)
        return 1000 * quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def row(self) -> dict[str, float]:
        """Return the columns of a table."""
        return {
            "1/s": self.rate,
            "CPU ms": self.cpu,
            "p50 ms": self.percentile(50),
            "p99 ms": self.percentile(99),
        }


def ask(server: Server, paths: Iterable[str], clients: int) -> Run:
    """Request all paths by so many clients. Raises `RuntimeError` for an answer but 200."""
    run, before = Run(), server.milliseconds()
    engine = server.milliseconds(of_workers=True)
    begun = time.monotonic()
    run_clients(server, iter(paths), clients, run.latencies)
    run.seconds = time.monotonic() - begun
    count = max(1, len(run.latencies))
    run.cpu = (server.milliseconds() - before) / count
    run.engine = (server.milliseconds(of_workers=True) - engine) / count
    return run


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    if connection.sock is not None and hasattr(socket, "TCP_QUICKACK"):
        # uvicorn sends headers and content apart. Without this the kernel confirms the headers
        # after 40 ms, and the content waits for that.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    response = connection.getresponse()
    return response.status, response.read()


def run_clients(
    server: Server,
    paths: Iterator[str],
    clients: int,
    latencies: list[float],
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Let clients share out the paths, and add the seconds of each request."""
    lock, failures = threading.Lock(), list[str]()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        while not failures and not is_over():
            with lock:
                path = next(paths, None)
            if path is None:
                return
            since = time.monotonic()
            try:
                status, content = _get(connection, path)
            except (OSError, http.client.HTTPException) as error:
                status, content = 0, repr(error).encode()
            latencies.append(time.monotonic() - since)
            if status != 200:
                failures.append(f"{path} was answered with {status}: {content!r}")
        connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0][:500])
