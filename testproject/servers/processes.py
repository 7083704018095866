"""Server processes that are started, waited for and stopped."""

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

_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Find ports on loopback that nobody listens on, others at each call."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port not in _given:
                _given.add(port)
                found.append(port)
        return found


class Processes:
    """Processes that belong together: each is watched while waiting, and all are stopped.

    Args:
        log: where their output goes.
        adopted: ids of such processes that another process has started.
    """

    def __init__(self, log: Path, adopted: Sequence[int] = ()) -> None:
        self.log = log
        self.running: list[subprocess.Popen[bytes]] = []
        self._adopted = list(adopted)

    @property
    def pids(self) -> list[int]:
        """Return the ids of all that run."""
        return [*self._adopted, *(process.pid for process in self.running)]

    def start(
        self,
        command: Sequence[str | Path],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process whose output goes to the log."""
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
        """Wait until something is ready; fail at once when a process has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in self.running:
                if process.poll() is not None:
                    tail = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{process.args!r} ended: {process.returncode}\n{tail}")
            if ready():
                return
            time.sleep(0.05)
        raise TimeoutError(f"{what} is not ready after {seconds} s; see {self.log}")

    def stop(self, *, gently: bool = False) -> None:
        """Stop all at once: what they keep is thrown away with the folder.

        Gently those that have processes of their own to stop.
        """
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


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port on loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def answers(url: str) -> bool:
    """Tell whether a server answers, whatever it says."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True
