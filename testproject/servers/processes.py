"""Processes of servers: start them, wait until they are ready, stop them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_reserved: set[int] = set()
"""Ports that were returned before; their servers may not listen yet."""


def free_ports(count: int) -> list[int]:
    """Return free ports on loopback, different ones at each call."""
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port not in _reserved:
                _reserved.add(port)
                ports.append(port)
        return ports


class Processes:
    """A group of processes: waiting fails if one of them ends, and all are stopped together.

    Args:
        log: The file for their output.
        adopted: Ids of processes of the group that another process has started.
    """

    def __init__(self, log: Path, adopted: Sequence[int] = ()) -> None:
        self.log = log
        self.running: list[subprocess.Popen[bytes]] = []
        self._adopted = list(adopted)

    @property
    def pids(self) -> list[int]:
        """The ids of all running processes."""
        return [*self._adopted, *(process.pid for process in self.running)]

    def start(
        self,
        command: Sequence[str | Path],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process; its output goes to the log."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 (commands of this package)
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cwd,
                env=env,
            )
        self.running.append(process)

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until ``ready`` returns True.

        Raises `RuntimeError` as soon as a process has ended, and `TimeoutError` after a time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for process in self.running:
                if process.poll() is not None:
                    tail = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{process.args!r} ended: {process.returncode}\n{tail}")
            if ready():
                return
            time.sleep(0.05)
        raise TimeoutError(f"{what} is not ready after {seconds} s; see {self.log}")

    def leave(self) -> None:
        """Leave running processes to another process, which stops them by their ids."""
        self._adopted = self.pids
        for process in self.running:
            # Otherwise Python warns at exit that it is still running.
            process.returncode = 0
        self.running = []

    def stop(self, *, gently: bool = False) -> None:
        """Kill all processes; with ``gently``, let them stop their own child processes first."""
        for pid in reversed(self._adopted):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if gently else signal.SIGKILL)
        for process in reversed(self.running):
            process.terminate() if gently else process.kill()
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running = []
        self._adopted = []


def is_listening(port: int) -> bool:
    """Return True if a server listens on a port on loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def is_responding(url: str) -> bool:
    """Return True if a server responds without a server error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True
