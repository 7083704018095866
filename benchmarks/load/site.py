"""The servers of the site: PostgreSQL, Redis, an S3 server, two hosts with gunicorn, and nginx."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from testproject.servers.processes import Processes, free_ports, is_listening, is_responding
from tests import parts
from tests.parts import ROOT
from tests.servers.fixtures import new_bucket
from tests.servers.nginx import MAIN
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.rgw import RGW
from tests.servers.seaweedfs import SeaweedFS

_BALANCER = """
    upstream hosts {{ {servers} keepalive 32; keepalive_timeout 30s; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 30m;
        location / {{
            proxy_pass http://hosts;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host 127.0.0.1:{port};
        }}
    }}
"""


class LoadSite:
    """All servers of the site; `hosts` are the ports of the two that run the app.

    Args:
        folder: for their files.
        s3: ``"seaweedfs"`` or ``"rgw"``.
        workers: processes of gunicorn on each host.
    """

    def __init__(self, folder: Path, s3: str, workers: int = 2, threads: int = 16) -> None:
        self.folder, self._s3 = folder, s3
        self._workers, self._threads = workers, threads
        self.port, *self.hosts = free_ports(3)
        self.created = folder / "created"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> LoadSite:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The address of the site, that of nginx."""
        return f"http://127.0.0.1:{self.port}"

    def _start(self, stack: contextlib.ExitStack) -> None:
        postgres = Postgres(_part("postgres"))
        stack.callback(postgres.stop)
        postgres.start()
        self.redis = Redis(_part("redis"), self.folder)
        stack.callback(self.redis.stop)
        self.redis.start()
        (self.folder / "s3").mkdir()
        server: Any = (
            RGW(self.folder / "s3")
            if self._s3 == "rgw"
            else SeaweedFS(_part("seaweedfs"), self.folder / "s3")
        )
        stack.callback(server.stop)
        server.start()
        bucket = {
            "bucket_name": new_bucket(server),
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "region_name": server.region,
            "endpoint_url": server.endpoint,
            "addressing_style": "path",
            "public_url": f"{self.url}/media/",
        }
        site = {"database": postgres.settings, "cache": self.redis.url, "bucket": bucket}
        os.environ |= {
            "LOAD_SITE": json.dumps(site),
            "DJANGO_SETTINGS_MODULE": "benchmarks.load.settings",
            "SHIFT_MEDIA_DEMO_DIR": str(self.folder / "data"),
            "SHIFT_MEDIA_DEMO_DEBUG": "0",
            "PYTHONPATH": str(ROOT),
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
        subprocess.run(migrate, cwd=ROOT, check=True)
        self._start_hosts(stack)

    def _start_hosts(self, stack: contextlib.ExitStack) -> None:
        self.created.touch()
        self._processes = Processes(self.folder / "gunicorn.log")
        stack.callback(self._processes.stop, gently=True)
        for port in self.hosts:
            temporary = self.folder / f"tmp-{port}"
            temporary.mkdir()
            environment = {
                **os.environ,
                "TMPDIR": str(temporary),
                "LOAD_LOCKS": str(temporary / "locks"),
                "LOAD_CREATED": str(self.created),
            }
            options = [
                f"--bind=127.0.0.1:{port}",
                f"--workers={self._workers}",
                "--worker-class=gthread",
                f"--threads={self._threads}",
                "--log-level=warning",
                "--keep-alive=60",  # longer than nginx keeps a connection
                "--preload",
            ]
            command = [sys.executable, "-m", "gunicorn", "testproject.wsgi", *options]
            self._processes.start(command, cwd=ROOT, env=environment)
        nginx = Processes(self.folder / "nginx.log")
        stack.callback(nginx.stop, gently=True)
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in self.hosts)
        config = _BALANCER.format(servers=servers, port=self.port)
        file = self.folder / "nginx.conf"
        file.write_text(MAIN.format(folder=self.folder, config=config))
        nginx.start([_part("nginx"), "-c", file])
        for port in self.hosts:
            up = f"http://127.0.0.1:{port}/media/x"
            self._processes.wait(lambda up=up: is_responding(up), f"Host {port}", 120)  # type: ignore[misc]
        nginx.wait(lambda: is_listening(self.port), "nginx")

    def workers(self) -> list[int]:
        """Return the process ids of gunicorn, masters and workers of both hosts."""
        masters = [process.pid for process in self._processes.running]
        children = [
            int(pid)
            for master in masters
            for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()
        ]
        return [*masters, *children]

    def temporary_files(self) -> int:
        """Return the number of files in the temporary folders of the hosts, without locks."""
        folders = [self.folder / f"tmp-{port}" for port in self.hosts]
        paths = [path for folder in folders for path in folder.rglob("*")]
        return sum(path.is_file() and "locks" not in path.parts for path in paths)


def _part(name: str) -> Path:
    place = parts.locate(name)
    if place is None:
        raise SystemExit(parts.missing(name))
    return place
