"""One direct upload of 5 GB in parts, to Ceph on this machine: what it costs the app.

The client, this process, makes the bytes and sends them to the bucket. The app runs in a worker of
gunicorn, which signs the parts, completes the upload and saves the row. The task runs in a process
of its own. Needs Ceph (``testproject/servers/rgw.py``) and 20 GB of free disk space.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3

from benchmarks.report import Report
from shift_media.testing import make_video
from testproject.servers.processes import Processes, free_ports, is_responding
from testproject.servers.rgw import RGW

SIZE = 5_000_000_000
DISK_BYTES = 16_000_000_000
PARALLEL = 4
MAX_MEGABYTES = 64
"""The most memory that the upload may add to the worker, or to the task."""
MAX_REQUEST_SECONDS = 20.0
"""The most seconds of CPU time of the worker, for all requests of the upload."""

ROOT = Path(__file__).resolve().parent.parent

SETTINGS = """
import json, os

SECRET_KEY = "of-the-benchmarks"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "films.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "shift_media", "films"]
MIDDLEWARE = ["shift_media.direct.middleware.DirectUploadMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["FILMS_DB"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "media": {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": json.loads(os.environ["FILMS_MEDIA"]),
    },
}
TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
SHIFT_MEDIA = {"UPLOADS": {"films.Film.video": "films.urls.may_upload"}, "TASKS": "default"}
USE_TZ = True
"""
MODELS = """
from django.db import models
from shift_media.fields import MediaField

class Film(models.Model):
    video = MediaField(accept=["video/mp4"], metadata_field="video_meta")
    video_meta = models.JSONField(default=dict, editable=False)
"""
URLS = """
from django.forms import modelform_factory
from django.http import JsonResponse
from django.urls import include, path
from films.models import Film
from shift_media.widgets import DirectInput

FilmForm = modelform_factory(Film, fields=["video"], widgets={"video": DirectInput})

def may_upload(request, field):
    return True

def add(request):
    form = FilmForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    film = form.save()
    return JsonResponse({"key": film.video.key, "meta": film.video_meta})

urlpatterns = [path("add/", add), path("media/", include("shift_media.urls"))]
"""
TASK = """
import sys, time
import django
django.setup()
from shift_media.fields import pending_run

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

memory, cpu, clock = peak(), time.process_time(), time.perf_counter()
outcome = pending_run.store_pending(sys.argv[1], "default")
print(outcome, peak() - memory, time.process_time() - cpu, time.perf_counter() - clock)
"""


def measure(report: Report) -> None:
    """Upload one video, and print what each step costs."""
    folder = Path(tempfile.mkdtemp(prefix="shift_media-uploads-"))
    (folder / "ceph").mkdir()
    server = RGW(folder / "ceph", disk_bytes=DISK_BYTES)
    app = Processes(folder / "app.log")
    try:
        server.start()
        _measure(report, folder, server, app)
    finally:
        app.stop()
        server.stop()
        shutil.rmtree(folder)


def _measure(report: Report, folder: Path, server: RGW, app: Processes) -> None:
    env = _make_site(folder, server)
    (port,) = free_ports(1)
    gunicorn = ["-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "1", "--threads", "8"]
    gunicorn += ["--timeout", "120", "django.core.wsgi:get_wsgi_application()"]
    app.start([sys.executable, *gunicorn], env=env)
    url = f"http://127.0.0.1:{port}"
    app.wait(lambda: is_responding(f"{url}/add/"), "The app")
    worker = _child_of(app.pids[0])
    client = Client(url)
    rows: dict[str, dict[str, float]] = {}
    _step(rows, "sign and complete", worker, client.upload)
    _step(rows, "form", worker, client.submit)
    command = [sys.executable, "-c", TASK, client.key]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    outcome, megabytes, cpu, seconds = done.stdout.split()
    rows["task"] = {"MB": float(megabytes), "CPU s": float(cpu), "s": float(seconds)}
    report.describe(f"{SIZE:,} bytes in {client.parts} parts; the task has {outcome} them")
    report.table("What an upload costs the app", rows)
    requests = rows["sign and complete"]["CPU s"] + rows["form"]["CPU s"]
    report.target(
        "memory of a step", max(r["MB"] for r in rows.values()), MAX_MEGABYTES, at_least=False
    )
    report.target("CPU of the requests", requests, MAX_REQUEST_SECONDS, at_least=False)


def _make_site(folder: Path, server: RGW) -> dict[str, str]:
    package = folder / "films"
    package.mkdir()
    for name, text in (
        ("__init__", ""),
        ("settings", SETTINGS),
        ("models", MODELS),
        ("urls", URLS),
    ):
        (package / f"{name}.py").write_text(text)
    options: dict[str, Any] = {
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region_name": server.region,
        "endpoint_url": server.endpoint,
        "bucket_name": "films",
        "public_url": f"{server.endpoint}/films/",
    }
    boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    ).create_bucket(Bucket="films")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "films.settings",
        "FILMS_DB": str(folder / "db.sqlite3"),
        "FILMS_MEDIA": json.dumps(options),
    }
    migrate = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "-v0"]
    subprocess.run(migrate, env=env, check=True)
    return env


class Client:
    """Uploads a video that is made while it is sent."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._head = make_video().read()
        free = SIZE - len(self._head)
        # A box that no player reads, with a size of 64 bits.
        self._head += b"\0\0\0\1free" + free.to_bytes(8, "big")
        self._ticket = ""
        self.parts, self.key = 0, ""

    def upload(self) -> None:
        """Send all parts, and complete the upload."""
        facts = {"field": "films.Film.video", "name": "film.mp4", "size": SIZE, "parts": True}
        head = base64.b64encode(self._head[:4096]).decode()
        begun = self._ask({**facts, "head": head})
        self._ticket, size = begun["ticket"], begun["part_size"]
        self.parts = -(-SIZE // size)
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda number: self._send(number, size), range(1, self.parts + 1)))
        self._ask({"action": "complete", "ticket": self._ticket})

    def submit(self) -> None:
        """Submit the form with the ticket."""
        sent = urlencode({"video-upload": self._ticket}).encode()
        with urllib.request.urlopen(f"{self._url}/add/", sent, timeout=600) as response:
            self.key = json.load(response)["key"]

    def _ask(self, content: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._url}/media/upload/",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=600) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def _send(self, number: int, part_size: int) -> None:
        size = min(part_size, SIZE - (number - 1) * part_size)
        content = bytes([number % 251]) * size
        if number == 1:
            content = self._head + content[len(self._head) :]
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        md5 = base64.b64encode(digest).decode()
        signed = self._ask(
            {"action": "sign", "ticket": self._ticket, "number": number, "md5": md5}
        )
        url = urlsplit(signed["url"])
        connection = http.client.HTTPConnection(url.netloc, timeout=600)
        connection.request("PUT", f"{url.path}?{url.query}", content, signed["headers"])
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"Part {number}: {response.status} {response.read()!r}")
        connection.close()


def _step(
    rows: dict[str, dict[str, float]], name: str, pid: int, work: Callable[[], None]
) -> None:
    """Add a row: what a step has added to the peak memory of a process, its CPU time, the time."""
    memory, cpu, clock = _peak(pid), _cpu(pid), time.perf_counter()
    work()
    seconds = time.perf_counter() - clock
    rows[name] = {"MB": _peak(pid) - memory, "CPU s": _cpu(pid) - cpu, "s": seconds}


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _peak(pid: int) -> float:
    """Return the peak memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
