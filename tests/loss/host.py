"""The machines of the site: database, cache, bucket, disk, and the processes that work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import parts
from tests.loss import video
from tests.parts import ROOT
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.seaweedfs import SeaweedFS

DISK_MEGABYTES = 48


class Host:
    """The servers and processes of the site, each of which can be killed and started again.

    Args:
        folder: for everything but the disk of the site.
        seed: of all operations.
        users: processes that do what users do.
    """

    def __init__(self, folder: Path, seed: str, users: int) -> None:
        self.folder, self.seed = folder, seed
        self.roles = {f"user-{number}": "user" for number in range(users)}
        self.roles |= {"transcoder-0": "transcoder", "transcoder-1": "transcoder"}
        self.roles |= {"keeper": "keeper"}
        self.processes: dict[str, int] = {}
        self.disk = folder / "disk"
        self._starts: dict[str, int] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Host:
        with contextlib.ExitStack() as stack:
            self._start_servers(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start_servers(self, stack: contextlib.ExitStack) -> None:
        self.disk.mkdir(parents=True)
        self.has_small_disk = _mount(self.disk)
        if self.has_small_disk:
            stack.callback(subprocess.run, ["umount", "--lazy", self.disk], check=False)
        self.postgres = Postgres(_part("postgres"))
        stack.callback(self.postgres.stop)
        self.postgres.start()
        (self.folder / "weed").mkdir()
        self.bucket = SeaweedFS(_part("seaweedfs"), self.folder / "weed")
        stack.callback(self.bucket.stop)
        self.bucket.start()
        self.redis = Redis(_part("redis"), self.folder)
        stack.callback(self.redis.stop)
        self.redis.start()
        self.client.create_bucket(Bucket="media")
        self.video = video.make(self.folder / "film.mp4")
        log = self.folder / "processes.log"
        self._forking = Forking(self.environment, log)
        stack.callback(self._forking.stop)
        stack.callback(self.kill_all)
        self.manage("migrate", "--run-syncdb", "--verbosity=0")

    @property
    def client(self) -> Any:
        """A client of the bucket that is not the package's."""
        from tests.servers.fixtures import client_of

        return client_of(self.bucket)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the processes."""
        options = {
            "bucket_name": "media",
            "access_key": self.bucket.access_key,
            "secret_key": self.bucket.secret_key,
            "region_name": self.bucket.region,
            "endpoint_url": self.bucket.endpoint,
            "public_url": "https://cdn.example/",
        }
        site = {
            "database": self.postgres.settings,
            "cache": self.redis.url,
            "disk": str(self.disk),
            "bucket": options,
            "locks": str(self.folder / "locks"),
        }
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.loss.site.settings",
            "LOSS_SITE": json.dumps(site),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.folder),
        }

    def manage(self, *words: str) -> str:
        """Run a command of the site, and return its output."""
        output = self.folder / "command.log"
        if self._forking.ask("manage", str(output), *words):
            raise RuntimeError(f"{words[0]} failed:\n{output.read_text()}")
        return output.read_text()

    # Processes

    def start(self, name: str) -> None:
        """Start a process, which goes on with operations of its own."""
        number = self._starts[name] = self._starts.get(name, 0) + 1
        seed = f"{self.seed}/{name}/{number}"
        files = [str(self.journal(name)), str(self.video)]
        files += [str(self.clock)] if name == "user-0" else []
        self.processes[name] = self._forking.ask(self.roles[name], seed, *files)

    @property
    def clock(self) -> Path:
        """The file with the offset of the clock of one user's process."""
        return self.folder / "clock"

    def journal(self, name: str) -> Path:
        """Return the file in which a process writes what it did."""
        return self.folder / f"{name}.journal"

    def kill(self, name: str) -> None:
        """Kill a process as the kernel does when memory runs out."""
        pid = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _wait(pid, 20)

    def revive(self) -> list[str]:
        """Start processes that have ended; return those that ended by themselves."""
        gone = [name for name in self.roles if name not in self.processes]
        ended = [name for name, pid in self.processes.items() if not _is_alive(pid)]
        for name in (*gone, *ended):
            self.start(name)
        return ended

    def stop_processes(self) -> None:
        """Let every process end its operation."""
        for pid in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in self.processes.values():
            _wait(pid, 60)
        self.kill_all()

    def kill_all(self) -> None:
        """Kill every process."""
        for name in list(self.processes):
            self.kill(name)


class Forking:
    """The process that starts those of the site, which need not import everything again."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.loss.worker"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                bufsize=1,
            )

    def ask(self, *words: str) -> int:
        """Return the id of a new process, or the exit status of a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        """End it; the processes that it has started have ended."""
        self._process.communicate(timeout=60)


def _is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _wait(pid: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while _is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)


def _part(name: str) -> Path:
    place = parts.locate(name)
    if place is None:
        raise SystemExit(parts.missing(name))
    return place


def _mount(folder: Path) -> bool:
    """Mount a small disk in memory; return False where that is not allowed."""
    options = ["-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, check=False)
    return done.returncode == 0
