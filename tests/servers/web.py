"""The application servers that sites run on, each with the gallery on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from testproject.servers.processes import Processes, free_ports, is_responding
from tests.parts import ROOT

WSGI, ASGI = "testproject.wsgi:application", "testproject.asgi:application"

COMMANDS: dict[str, Callable[[Path, int, Path], list[str | Path]]] = {
    "gunicorn": lambda program, port, folder: [
        program, WSGI, f"--bind=127.0.0.1:{port}", "--log-level=warning",
    ],
    "uwsgi": lambda program, port, folder: [
        program, "--http", f"127.0.0.1:{port}", "--module", WSGI, "--master", "--need-app",
        "--die-on-term", "--virtualenv", sys.prefix, "--pythonpath", str(ROOT),
        "--offload-threads=1",
    ],
    "uvicorn": lambda program, port, folder: [
        program, ASGI, f"--port={port}", "--lifespan=off", "--log-level=warning",
    ],
    "hypercorn": lambda program, port, folder: [program, ASGI, f"--bind=127.0.0.1:{port}"],
    "daphne": lambda program, port, folder: [program, "-b", "127.0.0.1", "-p", str(port), ASGI],
}  # fmt: skip
"""The command of each server, from its program, a port and a folder of its own."""


def tree(pids: list[int]) -> Iterator[int]:
    """Yield processes and all that they have started."""
    for pid in pids:
        yield pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError):  # The thread has ended.
                children = (task / "children").read_text().split()
                yield from tree([int(child) for child in children])


def is_worker(pid: int) -> bool:
    """Return True for a process that decodes pictures for a server."""
    try:
        return b"workers/start.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@contextmanager
def serving(name: str, program: Path, folder: Path) -> Iterator[tuple[int, Processes]]:
    """Serve the gallery, whose media are in the folder; yield the port and the processes."""
    (port,) = free_ports(1)
    processes = Processes(folder / f"{name}.log")
    settings = {"DJANGO_SETTINGS_MODULE": "tests.resizes.processes", "TEST_SITE": str(folder)}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    processes.start(COMMANDS[name](program, port, folder), cwd=ROOT, env=environment)
    try:
        processes.wait(lambda: is_responding(f"http://127.0.0.1:{port}/media/x"), name)
        yield port, processes
    finally:
        processes.stop(gently=True)
