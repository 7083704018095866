"""One worker process, as the server sees it: started, called, and killed."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shift_media.conf import settings
from shift_media.core.errors import OutOfResources
from shift_media.imaging.calls import CALLS, unpack_error
from shift_media.workers import wire
from shift_media.workers.failures import WorkerFailed, explain
from shift_media.workers.sources import SharedSource

logger = logging.getLogger("shift_media")

START_SECONDS: Final = 30
"""For its imports, which take 0.2 seconds of CPU time, on a machine that has much else to do."""

IDLE_SECONDS: Final = 300
"""The time without a call after which a worker ends and frees its memory."""

MAX_IDLE_BYTES: Final = 160 << 20
"""The memory that a worker may hold between calls. One with more is replaced."""

IMPORTS: Final = "SHIFT_MEDIA_WORKER_IMPORTS"
"""Environment variable: modules, separated by commas, that workers import. For tests."""

_START: Final = str(Path(__file__).with_name("start.py"))
_PACKAGES: Final = str(Path(__file__).parents[2])
_PASSED: Final = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "VIPS_CONCURRENCY"),
    *("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"),
)
"""The variables of the environment that a worker has. None of them is a secret of the site."""
_CONSTANT: Final = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
_EXIT_SECONDS: Final = 5
_PAUSE_SECONDS: Final = 0.005
_ERROR_BYTES: Final = 2000

_BROKEN: Final = (wire.BrokenMessage, OSError, ValueError, TypeError, KeyError)
"""The exceptions where a worker ends, says nothing, or says something else than it should."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How workers are started, and the limits of a call.

    Attributes:
        python: path of the interpreter.
        memory: of the address space, in bytes.
        seconds: for each result.
        decoder: as in ``SHIFT_MEDIA["ENGINE"]``: "pillow" never needs libvips.
        imports: further modules that are imported, separated by commas.
    """

    python: str
    memory: int
    seconds: int
    decoder: str
    imports: str = ""

    @classmethod
    def from_settings(cls) -> WorkerOptions:
        """Return the options as the settings are."""
        return cls(
            settings.WORKER_PYTHON,
            settings.WORKER_MEMORY,
            settings.WORKER_SECONDS,
            settings.ENGINE,
            os.environ.get(IMPORTS, ""),
        )


class WorkerProcess:
    """A process that answers one call at a time.

    Attributes:
        calls: how many it has answered.
        is_usable: False while it is called, and afterwards if it must be replaced.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self.calls = 0
        self.is_usable = True
        self._is_ready = False
        self._waited = 0.0
        self._seconds = options.seconds
        self._connection, other = socket.socketpair()
        self._stderr = os.memfd_create("shift_media-worker")
        try:
            with other:
                self._process = subprocess.Popen(  # noqa: S603 (a list; the path is a setting)
                    [options.python, "-I", "-S", "-B", _START, _to_argument(options)],
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    cwd="/",
                    start_new_session=True,
                    env=_environment(),
                )
        except BaseException:
            self._close()
            raise

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        pid: int = self._process.pid
        return pid

    @property
    def is_running(self) -> bool:
        """False once it has ended, as an idle worker does by itself."""
        return self._process.poll() is None

    def call(
        self, name: str, source: SharedSource, arguments: Mapping[str, Any]
    ) -> Generator[Any, None, None]:
        """Yield the results of one of the `CALLS`; raise its `MediaError`, or `WorkerFailed`."""
        self.is_usable = False
        try:
            self.wait_until_ready()
            self._waited = _waiting_seconds(self.pid)
            self._send(name, source, arguments)
        except _BROKEN as error:
            raise self._fail(error) from error
        has_ended = False
        while not has_ended:
            try:
                result, has_ended = self._receive(CALLS[name].unpack)
            except _BROKEN as error:
                raise self._fail(error) from error
            if not has_ended:
                yield result
        if result is not None:
            raise result

    def wait_until_ready(self) -> None:
        """Wait until it has imported its decoders, once."""
        if not self._is_ready:
            wire.receive(self._connection, START_SECONDS)
            self._is_ready = True

    def _send(self, name: str, source: SharedSource, arguments: Mapping[str, Any]) -> None:
        facts = {"size": source.size, "available": source.available, "seconds": self._seconds}
        content = pickle.dumps(dict(arguments))
        self._connection.settimeout(self._seconds)
        wire.send(self._connection, {"call": name, **facts}, content, source.descriptor)

    def _receive(self, unpack: Callable[[dict[str, Any], bytes], Any]) -> tuple[Any, bool]:
        """Return a result and False, or what has ended the call, an error or None, and True."""
        facts, content = wire.receive(self._connection, self._seconds)
        if "end" not in facts:
            return unpack(facts, content), False
        error: Exception | None = None if facts["end"] is None else unpack_error(facts["end"])
        is_first, self.calls = not self.calls, self.calls + 1
        if isinstance(error, OutOfResources):
            # What earlier pictures have left in its memory is not the fault of this one.
            error = WorkerFailed(error, is_repeatable=not is_first)
        else:
            self.is_usable = facts["is_usable"] is True and self._is_small()
        return error, True

    def _is_small(self) -> bool:
        return _resident_bytes(self.pid) <= MAX_IDLE_BYTES

    def _fail(self, error: Exception) -> WorkerFailed:
        """Kill the worker, and return why it could not answer."""
        waited = _waiting_seconds(self.pid) - self._waited
        code = None
        if isinstance(error, wire.ConnectionClosed | ConnectionError):
            code = self._peek_exit_code()
        written = _tail(self._stderr)
        self.end()
        failed = explain(
            error,
            code,
            is_ready=self._is_ready,
            is_first=not self.calls,
            is_starved=waited > self._seconds / 2,
        )
        logger.warning("A worker process was lost: %s\n%s", failed, written)
        return failed

    def _peek_exit_code(self) -> int | None:
        """Return the exit code, as of ``Popen``, within some time; None if it runs on.

        The process is left to `end`, which may kill its group only as long as it was not waited
        for: then its id may be that of another process.
        """
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        until = time.monotonic() + _EXIT_SECONDS
        try:
            while (ended := os.waitid(os.P_PID, self.pid, flags)) is None:
                if time.monotonic() > until:
                    return None
                time.sleep(_PAUSE_SECONDS)
        except ChildProcessError:  # The server ignores its children, or has waited for this one.
            return 0
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def end(self) -> None:
        """Kill the process and all that it has started, once."""
        if self._connection.fileno() < 0:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def abandon(self) -> None:
        """Close the connection in a process that was forked: the worker belongs to its parent."""
        self._process.returncode = 0  # else its destructor would warn of a running process
        self._close()

    def _close(self) -> None:
        self._connection.close()
        os.close(self._stderr)


def _to_argument(options: WorkerOptions) -> str:
    """Return what `start.py` reads: it finds modules where this process does."""
    path = [_PACKAGES, *(os.path.abspath(folder) for folder in sys.path)]
    return json.dumps(
        {
            "path": path,
            "memory": options.memory,
            "decoder": options.decoder,
            "imports": list(filter(None, options.imports.split(","))),
            "idle_seconds": IDLE_SECONDS,
        }
    )


def _environment() -> dict[str, str]:
    return {**_CONSTANT, **{name: os.environ[name] for name in _PASSED if name in os.environ}}


def _tail(descriptor: int) -> str:
    """Return the end of what a worker has written to its standard error."""
    start = max(0, os.fstat(descriptor).st_size - _ERROR_BYTES)
    return os.pread(descriptor, _ERROR_BYTES, start).decode(errors="replace").strip()


def _resident_bytes(pid: int) -> int:
    """Return the memory of a process (proc_pid_statm(5))."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _waiting_seconds(pid: int) -> float:
    """Return how long a process has waited for a core, since it was started; 0 if not known.

    It is the second number of ``schedstat`` (Documentation/scheduler/sched-stats.rst of Linux).
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
