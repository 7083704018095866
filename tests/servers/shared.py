"""Servers that all workers of one test run share.

The first test that needs a server starts it and writes its state, ports and process ids among it,
into a JSON file below the base temporary folder of the run. The other workers of pytest-xdist
read that file. The process that began the run stops the servers when its workers have ended.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import pytest
from filelock import FileLock

_FOLDER = "servers"
_started: dict[str, Server] = {}
"""The servers that this process has started: it alone can wait for their processes."""


class Server(Protocol):
    """A server that a process can use and stop although another process started it."""

    def state(self) -> dict[str, Any]:
        """Return what `of` takes, as JSON."""

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return the object of a running server."""

    def leave(self) -> None:
        """Leave its processes to the one that calls `stop`."""

    def stop(self) -> None: ...


def base_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the base temporary folder of the whole run, which contains those of the workers."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


S = TypeVar("S", bound=Server)


def share(
    factory: pytest.TempPathFactory, name: str, kind: type[S], start: Callable[[Path], S]
) -> S:
    """Return the server of that name; start it in a new folder if no worker has done so."""
    root = base_folder(factory) / _FOLDER
    root.mkdir(exist_ok=True)
    record = root / f"{name}.json"
    with FileLock(root / f"{name}.lock"):
        if record.exists():
            return kind.of(json.loads(record.read_text()))
        server = start(Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root)))
        if "PYTEST_XDIST_WORKER" in os.environ:
            server.leave()  # This worker ends before the process that stops the server.
        else:
            _started[name] = server
        record.write_text(json.dumps(server.state()))
        return server


def stop(base: Path, name: str, kind: type[Server]) -> None:
    """Stop a server of the run with this base temporary folder, if one was started."""
    record = base / _FOLDER / f"{name}.json"
    if record.exists():
        server = _started.pop(name, None) or kind.of(json.loads(record.read_text()))
        server.stop()
        record.unlink(missing_ok=True)
