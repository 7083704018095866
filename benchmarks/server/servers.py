"""The servers that are measured: gunicorn and uvicorn with the site, and thumbor."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import cpu
from testproject.servers.processes import Processes, free_ports, is_listening

PROCESSES = 2
THUMBOR = Path(sys.prefix) / "thumbor" / "bin" / "python"
"""Python of the environment of thumbor, which wants other versions of libraries than others."""
THREADS = 40
"""Of each process of gunicorn: more than 32 clients, so that no request waits for a thread."""
_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: of its HTTP on loopback.
        pid: of its first process.
    """

    port: int
    pid: int

    def milliseconds(self, *, of_workers: bool = False) -> float:
        """Return its CPU time so far, with all its processes or with its workers alone."""
        pids = cpu.find_tree(self.pid)
        return cpu.milliseconds([pid for pid in pids if not of_workers or cpu.is_worker(pid)])


@contextlib.contextmanager
def started(
    folder: Path, command: Callable[[int], list[str]], python: str | Path = sys.executable
) -> Iterator[Server]:
    """Start a server in a folder, by the module and options for a port; stop it at the end."""
    (port,) = free_ports(1)
    processes = Processes(folder / f"server-{port}.log")
    environment = {
        **os.environ,
        "BENCH_FOLDER": str(folder),
        "DJANGO_SETTINGS_MODULE": "benchmarks.server.settings",
        "PYTHONPATH": str(_ROOT),
    }
    processes.start([python, "-m", *command(port)], cwd=_ROOT, env=environment)
    try:
        processes.wait(lambda: is_listening(port), "The server", _START_SECONDS)
        yield Server(port, processes.running[0].pid)
    finally:
        processes.stop(gently=True)


def gunicorn(port: int) -> list[str]:
    """Return the command of gunicorn with threads."""
    options = ["--worker-class=gthread", f"--threads={THREADS}", "--keep-alive=60"]
    where = [f"--bind=127.0.0.1:{port}", f"--workers={PROCESSES}", "--log-level=warning"]
    return ["gunicorn", "benchmarks.server.wsgi", *where, *options]


def uvicorn(port: int) -> list[str]:
    """Return the command of uvicorn."""
    where = [f"--port={port}", f"--workers={PROCESSES}", "--log-level=warning"]
    return ["uvicorn", "benchmarks.server.asgi:application", *where, "--no-access-log"]


def thumbor(folder: Path, *, keeps_results: bool) -> Callable[[int], list[str]]:
    """Return the command of thumbor, which reads originals from a folder."""
    kept = "file_storage" if keeps_results else "no_storage"
    file = folder / f"thumbor-{kept}.conf"
    results = f"RESULT_STORAGE = 'thumbor.result_storages.{kept}'\n" if keeps_results else ""
    # Without this it keeps nothing that is asked for without a signature.
    results += "RESULT_STORAGE_STORES_UNSAFE = True\n" if keeps_results else ""
    file.write_text(
        "LOADER = 'thumbor.loaders.file_loader'\n"
        f"FILE_LOADER_ROOT_PATH = {str(folder / 'originals')!r}\n"
        "STORAGE = 'thumbor.storages.no_storage'\n"
        f"RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {str(folder / 'results')!r}\n"
        f"{results}QUALITY = 80\nALLOW_UNSAFE_URL = True\n"
    )
    options = ["-i", "127.0.0.1", "-c", str(file), f"--processes={PROCESSES}", "-l", "error"]
    return lambda port: ["thumbor.server", "-p", str(port), *options]


def why_no_thumbor() -> str | None:
    """Return why thumbor cannot be measured here; None if it can."""
    if not THUMBOR.is_file():
        return "thumbor is left out: make bench could not install it."
    command = [str(THUMBOR), "-c", "import thumbor.server"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return None
    last = (ended.stderr.strip().splitlines() or ["it ended without a reason"])[-1]
    return f"thumbor is left out, because it does not run: {last}"


def find_thumbor_version() -> str:
    """Return the version of thumbor; ``"not installed"`` without it."""
    if why_no_thumbor() is not None:
        return "not installed"
    command = [str(THUMBOR), "-c", "import thumbor; print(thumbor.__version__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
