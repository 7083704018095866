"""Programs that read hostile files: with limits, without secrets, ended with all children."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shift_media.core.errors import TranscodeError

TICK_SECONDS = 0.25
"""The time without output after which `Program.lines` yields an empty line."""

GRACE_SECONDS = 2.0
"""The time between SIGTERM and SIGKILL."""

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_ERROR_BYTES = 2000


def signals_of_this_system(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals of some names that this system has; Windows lacks most of them."""
    return tuple(signal.Signals[name] for name in names if hasattr(signal, name))


KILLS = signals_of_this_system("SIGKILL", "SIGTERM", "SIGHUP")
"""Signals of the machine or its administrators. Others, such as SIGSEGV, are about the file."""

_ENDED_BY_SIGNAL = 255
"""The exit status of ffmpeg, which catches SIGTERM and SIGINT (``fftools/ffmpeg.c``)."""

_USED_UP = 0.8
"""The part of its CPU time after which a program that got SIGKILL has reached the limit.

The kernel compares the limit with a time that it counts in ticks, and reports a more exact one.
"""

_POLL_SECONDS = (0.001, 0.05)
"""The first and the longest pause between two looks at whether a program has ended."""

# The environment of the program: what is needed to start it, and none of the site's secrets.
_ENVIRONMENT = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR"),
    *("LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "CUDA_VISIBLE_DEVICES"),
)

# SVT-AV1 writes what it does to the standard error, unless it is to write errors alone.
_CONSTANT = {"LC_ALL": "C.UTF-8", "SVT_LOG": "1"}


def _require_process_groups() -> None:
    """Raise `TranscodeError` on a system where a program cannot be ended with its children."""
    if not hasattr(os, "killpg"):
        raise TranscodeError(
            "Programs such as ffmpeg need the process groups and limits of Linux or macOS. On "
            "Windows run them in WSL or a container, or transcode with MediaConvert.",
            code="unsupported_system",
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a program.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all cores together.
        file_bytes: of the largest file that it writes.
        memory_bytes: of its address space; 0 for no limit.
    """

    seconds: float
    cpu_seconds: int
    file_bytes: int = 8 << 30
    memory_bytes: int = 4 << 30


def python() -> str:
    """Return the path of the interpreter, also in a server that embeds Python, such as uWSGI."""
    if sys.executable and "python" in os.path.basename(sys.executable):
        return sys.executable
    installed = Path(sysconfig.get_path("scripts")) / "python3"
    return str(installed) if installed.exists() else sys.executable


class Program:
    """A running program. Leaving the context ends it and all processes that it has started.

    Args:
        command: an absolute path and arguments. There is no shell.
        folder: its working directory, in which its standard error is written to a file.
        bounds: its limits.
        takes_input: True if `write` is going to be used; else its standard input is empty.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        bounds: Bounds,
        *,
        takes_input: bool = False,
    ) -> None:
        _require_process_groups()
        self.set_deadline(bounds.seconds)
        self._cpu_limit, self._cpu_seconds = bounds.cpu_seconds, 0.0
        self._error_file = folder / f"stderr-{time.monotonic_ns()}"
        limits = (os.getpid(), bounds.cpu_seconds, bounds.file_bytes, bounds.memory_bytes)
        launch = [python(), "-I", "-S", _LAUNCH, *map(str, limits), *command]
        with self._error_file.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 (a list; the names are made by this app)
                launch,
                cwd=folder,
                stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env={
                    **_CONSTANT,
                    **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                },
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    def set_deadline(self, seconds: float) -> None:
        """Replace the deadline by one that is so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def write(self, text: str) -> None:
        """Write to the standard input, at most 64 KB, which is what a pipe holds.

        A program that has ended is no error here: `lines` raises it.
        """
        assert self._process.stdin is not None  # noqa: S101 (it was requested)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), text.encode())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the standard output, and an empty line for each tick without any.

        Raises `TranscodeError` at the deadline, and if the exit status is not 0.
        """
        assert self._process.stdout is not None  # noqa: S101 (it was requested)
        pipe, rest = self._process.stdout.fileno(), b""
        while True:
            left = self._deadline - time.monotonic()
            if left < 0:
                self.end()
                raise TranscodeError("The program exceeded its time limit.", code="deadline")
            if not select.select([pipe], [], [], min(TICK_SECONDS, left))[0]:
                yield ""
                continue
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        if rest:
            yield rest.decode(errors="replace")
        self._finish()

    def _finish(self) -> None:
        code = self._wait(max(0.0, self._deadline - time.monotonic()) + GRACE_SECONDS)
        if code is None:
            self.end()
            raise TranscodeError("The program exceeded its time limit.", code="deadline")
        if code:
            raise self._failure(code)

    def _wait(self, seconds: float) -> int | None:
        """Return how the process has ended, and store its CPU time; None if it still runs.

        `subprocess` does not say how much CPU time a process has used.
        """
        end, (pause, longest) = time.monotonic() + seconds, _POLL_SECONDS
        while self._process.returncode is None:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:  # gevent has waited for it, or the site ignores SIGCHLD.
                return self._process.wait()
            if pid:
                self._cpu_seconds = usage.ru_utime + usage.ru_stime
                self._process.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return None
            else:
                time.sleep(pause)
                pause = min(2 * pause, longest)
        return self._process.returncode

    def _failure(self, code: int) -> TranscodeError:
        """Return the error for an exit status; a fault of the machine may pass."""
        said = self.error_output()
        if code == -signal.SIGKILL and self._cpu_seconds >= _USED_UP * self._cpu_limit:
            text = f"The program used up its {self._cpu_limit} s of CPU time."
            return TranscodeError(text, code="cpu_limit")
        if -code in KILLS or code == _ENDED_BY_SIGNAL:
            name = signal.Signals(-code).name if code < 0 else "a signal"
            text = f"The program was ended by {name}: the machine was short of memory, or stopped."
            return TranscodeError(text, code="killed", retryable=True)
        if os.strerror(errno.ENOSPC) in said:
            text = "The disk of the worker is full: free space in its temporary folder."
            return TranscodeError(text, code="disk_full", retryable=True)
        return TranscodeError(f"The program ended with {code}: {said}", code="failed")

    def error_output(self) -> str:
        """Return the end of the standard error, at most 2,000 bytes of it."""
        try:
            return self._error_file.read_bytes()[-_ERROR_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""

    def end(self) -> None:
        """End the process and its group by SIGTERM, and by SIGKILL two seconds later."""
        for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self._process.poll() is None or number == signal.SIGKILL:
                    os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._error_file.unlink(missing_ok=True)
