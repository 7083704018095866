"""PostgreSQL on a socket in its own folder, which goes when the tests are done."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


class Postgres:
    """A server with one empty database, for which durability does not matter."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Its socket's path must be short, and its user must be able to enter the folder.
        self.folder = Path(tempfile.mkdtemp(prefix="shift-media-pg-"))
        # The server refuses to run as root.
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}

    @property
    def settings(self) -> dict[str, Any]:
        """What Django's DATABASES takes."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "tester",
            "HOST": str(self.folder),
        }

    def start(self) -> None:
        """Create the cluster, start it, and wait until it answers."""
        data = self.folder / "data"
        if self._user:
            shutil.chown(self.folder, "nobody")
        self._run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-N", "-E", "UTF8")
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c log_min_messages=fatal"
        self._run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program} of PostgreSQL ended with {done.returncode}.")


@pytest.fixture
def postgres(needs: Callable[[str], Path]) -> Iterator[Postgres]:
    """Run a PostgreSQL for one test."""
    server = Postgres(needs("postgres"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
