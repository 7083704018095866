"""Programs that read hostile files: with limits, without our secrets, and gone when told to."""

from __future__ import annotations

import contextlib
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
"""How long a reader of a running program waits for a line."""

GRACE_SECONDS = 2.0
"""How long a program has to end by itself before its whole group is killed."""

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_ERROR_BYTES = 2000
_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a program may use at most: seconds by the clock and of the CPU, bytes."""

    seconds: float
    cpu_seconds: int
    file_bytes: int = 8 << 30
    memory_bytes: int = 4 << 30


def python() -> str:
    """Find the interpreter; a server that embeds Python may not name itself as one."""
    if sys.executable and "python" in os.path.basename(sys.executable):
        return sys.executable
    found = Path(sysconfig.get_path("scripts")) / "python3"
    return str(found) if found.exists() else sys.executable


class Program:
    """One program in a session of its own; leaving the context ends it and all it started.

    Args:
        command: an absolute path and arguments, never a shell's line.
        folder: where it runs, and where its complaints are kept; its files are named relatively.
        bounds: what it may use.
        takes_input: whether `write` tells it something; else it reads nothing.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        bounds: Bounds,
        *,
        takes_input: bool = False,
    ) -> None:
        self.allow(bounds.seconds)
        self._complaints = folder / f"stderr-{time.monotonic_ns()}"
        limits = (os.getpid(), bounds.cpu_seconds, bounds.file_bytes, bounds.memory_bytes)
        launch = [python(), "-I", "-S", _LAUNCH, *map(str, limits), *command]
        with self._complaints.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 (a list; names are the server's own)
                launch,
                cwd=folder,
                stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env={
                    "LC_ALL": "C.UTF-8",
                    **{name: os.environ[name] for name in _KEPT if name in os.environ},
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
        """The process, which leads its group."""
        return self._process.pid

    def allow(self, seconds: float) -> None:
        """Set its deadline anew, from now on."""
        self._deadline = time.monotonic() + seconds

    def write(self, text: str) -> None:
        """Tell it something, less than a pipe holds; whether it is still there, `lines` tells."""
        assert self._process.stdin is not None  # noqa: S101 (it was asked for)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), text.encode())

    def lines(self) -> Iterator[str]:
        """Give what it prints, line by line, and an empty line whenever it is silent for a tick.

        Raises `TranscodeError` at the deadline, and where it ended with another code than 0.
        """
        assert self._process.stdout is not None  # noqa: S101 (it was asked for)
        pipe, rest = self._process.stdout.fileno(), b""
        while True:
            left = self._deadline - time.monotonic()
            if left < 0:
                self.end()
                raise TranscodeError("It took longer than it may.", code="deadline")
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
        try:
            code = self._process.wait(max(0.0, self._deadline - time.monotonic()) + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            raise TranscodeError("It took longer than it may.", code="deadline") from None
        if code:
            raise TranscodeError(f"It ended with {code}: {self.complaints()}", code="failed")

    def complaints(self) -> str:
        """Give the last of what it wrote to standard error."""
        try:
            return self._complaints.read_bytes()[-_ERROR_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""

    def end(self) -> None:
        """End it and its whole group: politely, then surely."""
        for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self._process.poll() is None or number == signal.SIGKILL:
                    os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._complaints.unlink(missing_ok=True)
