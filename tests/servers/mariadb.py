"""One MariaDB for a run, on a socket in its own folder; each test has a database of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Self

# The path of the socket must be short, and the server has another user, as PostgreSQL has.
_BASE = tempfile.gettempdir()

_STARTS_WITHIN = 120
"""Seconds. It takes two on a machine that has nothing else to do."""

# A crash of the server loses nothing that the kernel has; only one of the machine does.
_QUICK = (
    "--skip-log-bin",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
)

_OPTIONS = (
    *_QUICK,
    "--skip-networking",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
    # The default of MariaDB: it compares without case and without accents.
    "--collation-server=utf8mb4_general_ci",
)


def use_driver() -> None:
    """Import mysqlclient, or PyMySQL in its place, which needs no compiler."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        # Django asks for a version of mysqlclient, whose interface PyMySQL has.
        pymysql.version_info = (2, 2, 7, "final", 0)
        pymysql.install_as_MySQLdb()


def connect(settings: dict[str, Any]) -> Any:
    """Return a connection of the driver to a database that Django's settings describe."""
    use_driver()
    import MySQLdb

    return MySQLdb.connect(
        user=settings["USER"], unix_socket=settings["HOST"], database=settings["NAME"]
    )


class MariaDB:
    """A server for which durability does not matter, and one database of it."""

    def __init__(self, program: Path, folder: Path | None = None, name: str = "mysql") -> None:
        """Prepare a new server, or use the running one in a folder."""
        self._program = program
        self._name = name
        self.folder = folder or Path(tempfile.mkdtemp(prefix="shift-media-db-", dir=_BASE))
        self._user = {"user": "nobody"} if os.geteuid() == 0 else {}

    @property
    def socket(self) -> Path:
        """Return the path of its socket."""
        return self.folder / "socket"

    @property
    def settings(self) -> dict[str, Any]:
        """Return an entry of Django's DATABASES."""
        return {
            "ENGINE": "tests.servers.mysql_backend",
            "NAME": self._name,
            "USER": "root",
            "HOST": str(self.socket),
            "OPTIONS": {"charset": "utf8mb4"},
        }

    @property
    def _environment(self) -> dict[str, str]:
        # Its user may not write to the temporary folder of the tests.
        return {**os.environ, "TMPDIR": str(self.folder)}

    def state(self) -> dict[str, Any]:
        """Return the arguments with which another process can use this server, as JSON."""
        return {"program": str(self._program), "folder": str(self.folder)}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return the object of a running server."""
        return cls(Path(state["program"]), Path(state["folder"]))

    def new_database(self) -> MariaDB:
        """Create an empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return MariaDB(self._program, self.folder, name)

    def execute(self, statement: str) -> None:
        """Execute a statement of SQL as its administrator."""
        with contextlib.closing(connect({**self.settings, "NAME": "mysql"})) as connection:
            connection.cursor().execute(statement)

    def start(self) -> Self:
        """Create its tables, start it, and wait until it answers."""
        if self._user:
            shutil.chown(self.folder, "nobody")
        subprocess.run(
            [
                _installer(self._program),
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                *_QUICK,
            ],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            **self._user,
        )
        return self.resume()

    def resume(self) -> Self:
        """Start it on the tables that are there, and wait until it answers."""
        where = {
            "datadir": self.folder / "data",
            "socket": self.socket,
            "pid-file": self.folder / "pid",
        }
        given = (f"--{name}={path}" for name, path in where.items())
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._program, "--no-defaults", *given, *_OPTIONS],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )
        self._process = process
        self._wait(process)
        return self

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._is_listening():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"MariaDB did not start: {said[-2000:]}")
            time.sleep(0.02)

    def _is_listening(self) -> bool:
        # Not by the driver, which leaves the socket of a refused connection open.
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def leave(self) -> None:
        """Leave it running to the process that calls `stop`."""
        self._process.returncode = 0  # Popen warns about a process that was never waited for.

    def crash(self) -> None:
        """End it at once; `resume` recovers from its log."""
        pid_file = self.folder / "pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGKILL)
        if process := getattr(self, "_process", None):
            process.wait()
        while Path(f"/proc/{pid}/fd").exists() and _is_running(pid):
            time.sleep(0.02)
        pid_file.unlink()

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _installer(program: Path) -> Path:
    """Return the script that makes the first tables. Debian has the server in /usr/sbin."""
    found = shutil.which("mariadb-install-db", path=f"{program.parent}{os.pathsep}/usr/bin")
    return Path(found or "mariadb-install-db")
