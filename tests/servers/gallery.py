"""The gallery on S3 under gunicorn, with a log of its requests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from filelock import FileLock

from testproject.servers.processes import Processes, free_ports, is_responding
from tests.parts import ROOT
from tests.servers.fixtures import S3Server, media_on, storage_options
from tests.servers.shared import base_folder

PREFIX = "SHIFT_MEDIA_DEMO_S3_"


def give_database(
    factory: pytest.TempPathFactory, folder: Path, settings: str = "testproject.settings"
) -> Path:
    """Put a migrated, empty SQLite database into a folder; it is made once in a run."""
    made = base_folder(factory) / f"database-of-{settings}"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            part = made.with_suffix(".part")
            told = {"DJANGO_SETTINGS_MODULE": settings, "SHIFT_MEDIA_DEMO_DIR": str(part)}
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--run-syncdb"]
            subprocess.run(migrate, cwd=ROOT, env={**os.environ, **told}, check=True)
            part.rename(made)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(made / "gallery.sqlite3", folder))


@dataclass(frozen=True)
class LoggedRequest:
    """A request in the log of gunicorn."""

    method: str
    path: str
    status: int


class S3Gallery:
    """The processes of one host that serve the gallery, configured by environment variables."""

    def __init__(
        self,
        folder: Path,
        server: S3Server,
        bucket: str,
        *,
        endpoint: str = "",
        public_url: str,
        workers: int = 2,
        threads: int = 8,
        **more: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (self._port,) = free_ports(1)
        self._log = folder / "access.log"
        self._log.touch()
        self._workers, self._threads = workers, threads
        self._processes = Processes(folder / "gunicorn.log")
        self._options = storage_options(server, bucket, endpoint) | {"public_url": public_url}
        told = {
            "BUCKET": bucket,
            "ACCESS_KEY": server.access_key,
            "SECRET_KEY": server.secret_key,
            "REGION": server.region,
            "ENDPOINT": endpoint or server.endpoint,
            "PUBLIC_URL": public_url,
        }
        self.environment = {
            **os.environ,
            **{f"{PREFIX}{name}": value for name, value in told.items()},
            "DJANGO_SETTINGS_MODULE": "testproject.settings_s3",
            "SHIFT_MEDIA_DEMO_DIR": str(folder),
            "SHIFT_MEDIA_DEMO_DEBUG": "0",
            **{f"SHIFT_MEDIA_DEMO_{name}": value for name, value in more.items()},
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def set_bucket_up(self) -> None:
        """Create the bucket with its rules and its policy, as a site does."""
        with media_on(self._options):
            call_command("media_bucket", "create", verbosity=0)
            url = f"--app-url={self.url}/media/"
            call_command("media_bucket", "apply", "--yes", "--widen", url, verbosity=0)

    def start(self) -> S3Gallery:
        """Serve, and wait until it answers."""
        self.launch()
        return self.wait()

    def launch(self) -> None:
        """Start its processes."""
        options = [
            f"--bind=127.0.0.1:{self._port}",
            f"--workers={self._workers}",
            "--worker-class=gthread",
            f"--threads={self._threads}",
            "--log-level=warning",
            "--graceful-timeout=2",
            "--preload",  # one process imports Django for all
            f"--access-logfile={self._log}",
            "--access-logformat=%(m)s %(U)s %(s)s",
        ]
        command = [sys.executable, "-m", "gunicorn", "testproject.wsgi", *options]
        self._processes.start(command, cwd=ROOT, env=self.environment)

    def wait(self) -> S3Gallery:
        """Wait until it answers."""
        try:
            self._processes.wait(lambda: is_responding(f"{self.url}/media/"), "The gallery")
        except BaseException:
            self.stop()
            raise
        self.forget()
        return self

    def requests(self, key: str = "") -> list[LoggedRequest]:
        """Return the requests below ``/media/`` in its access log."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        logged = [LoggedRequest(method, path, int(status)) for method, path, status in lines]
        return [one for one in logged if one.path.startswith(f"/media/{key}")]

    def forget(self) -> None:
        """Empty the access log."""
        os.truncate(self._log, 0)

    def output(self) -> str:
        """Return the output of its processes."""
        return self._processes.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill all its processes at once, as when a machine goes."""
        (master,) = self._processes.running
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        for pid in (master.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self._processes.stop()

    def stop(self) -> None:
        """Stop its processes."""
        self._processes.stop(gently=True)
