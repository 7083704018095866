"""Redis on loopback and a free port, which keeps nothing on disk."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testproject.servers.processes import Processes, free_ports, is_listening


class Redis:
    """A Django cache that several hosts share."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        (self._port,) = free_ports(1)
        self._processes = Processes(folder / "redis.log")

    @property
    def url(self) -> str:
        """Return the LOCATION of a Django cache."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> Redis:
        """Start it, and wait until it listens."""
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--save", ""]
        command = [self._program, *options, "--dir", self._folder]
        self._processes.start(command, cwd=self._folder)
        self._processes.wait(lambda: is_listening(self._port), "Redis")
        return self

    def hang(self) -> None:
        """Keep its connections and answer nothing."""
        for process in self._processes.running:
            process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Kill it, as when a machine goes."""
        self._processes.stop()


@pytest.fixture
def redis(needs: Callable[[str], Path], tmp_path: Path) -> Iterator[Redis]:
    """Run a Redis for one test, which may kill it."""
    server = Redis(needs("redis"), tmp_path)
    try:
        yield server.start()
    finally:
        server.stop()
