"""The example docs/examples/docker: its files are linted, and its services run without Docker."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from testproject.servers.processes import Processes, free_ports, is_listening
from tests.docs.blocks import DOCS
from tests.parts import ROOT
from tests.servers.nginx import MAIN
from tests.servers.postgres import Postgres, postgres
from tests.servers.redis import Redis
from tests.servers.seaweedfs import SeaweedFS
from tests.transcoding.conftest import Draw, draw

__all__ = ["draw", "postgres"]

EXAMPLE = DOCS / "examples" / "docker"
SERVICES: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"]
BIN = Path(sys.executable).parent


def test_dockerfile_follows_hadolint() -> None:
    linted = subprocess.run(
        [BIN / "hadolint", "--failure-threshold", "info", EXAMPLE / "Dockerfile"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout


def test_services_name_versions_and_services_that_exist() -> None:
    for name, service in SERVICES.items():
        if image := service.get("image"):
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]*", image), name
        assert set(service.get("depends_on", ())) <= set(SERVICES), name
    settings = (EXAMPLE / "site" / "settings.py").read_text()
    needed = set(re.findall(r'environ\["(\w+)"\]', settings))
    assert needed == set(SERVICES["app1"]["environment"])


def command_of(service: str) -> list[str]:
    """Return the command of a service: its own, or that of the image."""
    command: list[str] | None = SERVICES[service].get("command")
    if command is None:
        text = (EXAMPLE / "Dockerfile").read_text()
        command = yaml.safe_load(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1])  # type: ignore[index]
    return command


class Stack:
    """The services of the example on loopback."""

    def __init__(
        self, folder: Path, postgres: Postgres, redis: Redis, s3: SeaweedFS, nginx: Path
    ) -> None:
        self.apps = free_ports(2)
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.bucket = f"example-{uuid.uuid4().hex}"
        self.processes = Processes(folder / "log")
        self._nginx, self._folder, self._s3, self._port = nginx, folder, s3, port
        database = postgres.settings
        given = {
            "SECRET_KEY": "a-key", "SIGNING_KEY": "another-key", "SITE": self.url,
            "DATABASE_HOST": database["HOST"], "CACHE": redis.url, "S3_ENDPOINT": s3.endpoint,
            "POSTGRES_PASSWORD": "unused", "S3_ACCESS_KEY": s3.access_key,
            "S3_SECRET_KEY": s3.secret_key, "S3_BUCKET": self.bucket,
        }  # fmt: skip
        self.environment = {
            **os.environ, **SERVICES["app1"]["environment"], **given,
            "DATABASE_NAME": database["NAME"], "DATABASE_USER": database["USER"],
            "PYTHONPATH": str(ROOT), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)

    def start(self) -> None:
        site = EXAMPLE / "site"
        done = subprocess.run(
            command_of("setup"), cwd=site, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for name, port in zip(("app1", "app2"), self.apps, strict=True):
            command = [
                part.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for part in command_of(name)
            ]
            self.processes.start(command, cwd=site, env=self.environment)
        self.processes.start(command_of("worker"), cwd=site, env=self.environment)
        config = (EXAMPLE / "nginx.conf").read_text()
        first, second = self.apps
        places = {
            "app1:8000": f"127.0.0.1:{first}",
            "app2:8000": f"127.0.0.1:{second}",
            "s3:8333": f"127.0.0.1:{self._s3.port}",
            "bucket/media/": f"bucket/{self.bucket}/",
            "/var/cache/nginx": str(self._folder / "kept"),
            "listen 80;": f"listen 127.0.0.1:{self._port};",
        }
        for said, here in places.items():
            assert said in config
            config = config.replace(said, here)
        (self._folder / "kept").mkdir()
        file = self._folder / "nginx.conf"
        file.write_text(MAIN.format(folder=self._folder, config=config))
        self.processes.start([self._nginx, "-c", file])
        ports = [*self.apps, self._port]
        self.processes.wait(lambda: all(map(is_listening, ports)), "the example")

    def get(self, url: str) -> bytes:
        with urllib.request.urlopen(urllib.parse.urljoin(self.url, url), timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def upload(self, name: str, content: bytes) -> None:
        """Send the form of the page, as a browser does."""
        with urllib.request.urlopen(self.url) as page:
            cookie = page.headers["Set-Cookie"].partition(";")[0]
        token = cookie.partition("=")[2]
        boundary = b"a-boundary"
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = b"--%b\r\n%b%b\r\n--%b--\r\n" % (boundary, head, content, boundary)
        headers = {
            "Content-Type": "multipart/form-data; boundary=a-boundary",
            "Cookie": cookie, "X-CSRFToken": token, "Origin": self.url,
        }  # fmt: skip
        request = urllib.request.Request(self.url, body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200


@pytest.fixture
def stack(
    needs: Callable[[str], Path],
    tmp_path: Path, postgres: Postgres, redis: Redis, seaweedfs: SeaweedFS,
) -> Iterator[Stack]:  # fmt: skip
    folder = tmp_path / "example"
    folder.mkdir()
    stack = Stack(folder, postgres, redis, seaweedfs, needs("nginx"))
    try:
        stack.start()
        yield stack
    finally:
        stack.processes.stop(gently=True)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.needs("nginx")
def test_two_hosts_make_each_resize_once_and_worker_transcodes(stack: Stack, draw: Draw) -> None:
    file = io.BytesIO()
    Image.effect_noise((1200, 900), 40).convert("RGB").save(file, "JPEG")
    stack.upload("a.jpg", file.getvalue())
    stack.upload(
        "b.mp4", draw("b.mp4", "-f", "lavfi", "-i", "testsrc2=d=1:s=160x90:r=10").read_bytes()
    )
    page = stack.get("/").decode()
    (resize,) = re.findall(r'<img[^>]* src="([^"]+)"', page)
    with ThreadPoolExecutor(12) as pool:
        bodies = set(pool.map(stack.get, [resize] * 12))
    assert len(bodies) == 1
    assert Image.open(io.BytesIO(bodies.pop())).size == (400, 300)
    made = [line for line in stack.processes.log.read_text().splitlines() if "Made " in line]
    assert len(made) == 1
    assert resize.rpartition("/")[2] in made[0]

    def source() -> bool:
        return "<source" in stack.get("/").decode()

    stack.processes.wait(source, "a rendition")
    (mp4,) = re.findall(r'<source src="([^"]+\.mp4)"', stack.get("/").decode())
    assert stack.get(mp4)[4:8] == b"ftyp"
