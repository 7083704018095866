"""One PostgreSQL for a run, on a socket in its own folder; each test has a database of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from tests.servers.shared import share

# Its socket's path must be short, and its user must be able to enter the folder: not below the
# temporary folder that a test has, which is set after this.
_BASE = tempfile.gettempdir()


class Postgres:
    """A server for which durability does not matter, and one database of it."""

    def __init__(self, programs: Path, folder: Path | None = None, name: str = "postgres") -> None:
        """Prepare a new server, or use the running one in a folder."""
        self._programs = programs
        self._name = name
        self.folder = folder or Path(tempfile.mkdtemp(prefix="shift-media-pg-", dir=_BASE))
        # The server refuses to run as root.
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}

    @property
    def settings(self) -> dict[str, Any]:
        """Return an entry of Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self._name,
            "USER": "tester",
            "HOST": str(self.folder),
        }

    def state(self) -> dict[str, Any]:
        """Return the arguments with which another process can use this server, as JSON."""
        return {"programs": str(self._programs), "folder": str(self.folder)}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return the object of a running server."""
        return cls(Path(state["programs"]), Path(state["folder"]))

    def new_database(self) -> Postgres:
        """Create an empty database."""
        import psycopg

        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(
            host=str(self.folder), user="tester", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return Postgres(self._programs, self.folder, name)

    def start(self) -> Self:
        """Create the cluster, start it, and wait until it answers."""
        data = self.folder / "data"
        if self._user:
            shutil.chown(self.folder, "nobody")
        self._run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-N", "-E", "UTF8")
        return self.resume()

    def resume(self) -> Self:
        """Start it on the cluster that is there, and wait until it answers."""
        data = self.folder / "data"
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c log_min_messages=fatal"
        self._run("pg_ctl", "-D", data, "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def leave(self) -> None:
        """Leave it running: it is no child of this process."""

    def crash(self) -> None:
        """End all its processes at once; `resume` recovers from its log."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop", check=False)

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self.crash()
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
def postgres(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """Return an empty database on the PostgreSQL that all workers share."""
    programs = needs("postgres")
    server = share(tmp_path_factory, "postgres", Postgres, lambda _: Postgres(programs).start())
    return server.new_database()
