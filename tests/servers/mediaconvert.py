"""A MediaConvert of the tests' own: its REST-JSON over HTTP, and real ffmpeg on a real bucket.

Nothing happens by itself: `progress`, `finish` and `fail` say how jobs go on.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.mediaconvert_jobs import Making

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

VERSION = "/2017-08-29"
TOKEN_SECONDS = 60  # for which it knows a request again
_ENDED = ("COMPLETE", "CANCELED", "ERROR")


@dataclass
class Fault:
    """What goes wrong with the next requests of a method to a path.

    Args:
        method, path: which requests; the path's beginning, without the version.
        times: how many.
        status, code: the answer; without a status there is none until the client goes.
        after: do what was asked for nevertheless.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    code: str = "InternalServerErrorException"
    after: bool = False


@dataclass
class Job:
    """A job as it was asked for, and what the API tells of it, in its own spelling."""

    request: dict[str, Any]
    told: dict[str, Any]
    created: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> list[str]:
        return [one["fileInput"] for one in self.request["settings"]["inputs"]]


class MediaConvertServer:
    """Listens on loopback; reads and writes the buckets that a client of S3 reaches."""

    def __init__(self, s3: S3Client, ffmpeg: Path) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: list[tuple[str, str]] = []
        self.forgets_tokens = False
        self.closing = threading.Event()
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._s3, self._ffmpeg = s3, ffmpeg
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop, and release requests that hang."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def inject(self, method: str, path: str, **options: Any) -> None:
        """Let matching requests go wrong from now on."""
        self._faults.append(Fault(method, path, **options))

    def count(self, method: str, path: str) -> int:
        """Count the requests of a method to paths that begin so."""
        return sum(m == method and p.startswith(path) for m, p in self.requests)

    def states(self) -> list[str]:
        """List the states of all jobs, in the order in which they were created."""
        return [job.told["status"] for job in self.jobs.values()]

    # How jobs go on.

    def progress(self, id: str, percent: int) -> None:
        """Say that a job is so far."""
        told = self.jobs[id].told
        told |= {"status": "PROGRESSING", "currentPhase": "TRANSCODING"}
        told["jobPercentComplete"] = percent

    def fail(self, id: str, code: int, text: str) -> None:
        """End a job with an error of the service's."""
        told = self.jobs[id].told
        told |= {"status": "ERROR", "errorCode": code, "errorMessage": text}

    def finish(self, id: str, *, late: bool = False) -> None:
        """Make all outputs of a job; ``late`` those of one that was cancelled, too."""
        job = self.jobs[id]
        if job.told["status"] in _ENDED and not late:
            return
        with tempfile.TemporaryDirectory(prefix="mediaconvert-") as folder:
            making = Making(self._s3, self._ffmpeg, Path(folder), job.request["settings"])
            details = making.run()
        if not late:
            job.told |= {"status": "COMPLETE", "outputGroupDetails": details}
            job.told["jobPercentComplete"] = 100

    # What the API does.

    def take(self, method: str, path: str) -> Fault | None:
        """Note a request and find what goes wrong with it."""
        with self._lock:
            self.requests.append((method, path))
            for fault in self._faults:
                if fault.times and fault.method == method and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Do what one request asks for."""
        collection, _, id = path.strip("/").partition("/")
        with self._lock:
            if (method, collection, id) == ("POST", "jobs", ""):
                return self._create(body)
            if method == "GET" and collection in ("jobs", "search") and not id:
                return 200, self._page(query)
            if (method, collection) == ("GET", "tags"):
                arn = unquote(id)
                job = next(job for job in self.jobs.values() if job.told["arn"] == arn)
                return 200, {"resourceTags": {"arn": arn, "tags": job.request["tags"]}}
            if collection != "jobs" or id not in self.jobs:
                return _refused(404, "NotFoundException", f"There is no {id}.")
            if method == "GET":
                return 200, {"job": self.jobs[id].told}
            return self._cancel(id)

    def _create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not body.get("role", "").startswith("arn:"):
            return _refused(400, "BadRequestException", "The role is no ARN.")
        if body.get("queue", "Default") not in ("Default", "videos"):
            return _refused(404, "NotFoundException", "There is no such queue.")
        token = body["clientRequestToken"]
        for job in self.jobs.values():
            recent = time.monotonic() - job.created < TOKEN_SECONDS and not self.forgets_tokens
            if recent and job.request["clientRequestToken"] == token:
                return 201, {"job": job.told}
        id = f"{int(time.time() * 1000)}-{next(self._numbers):06}"
        told = {
            "id": id,
            "arn": f"arn:aws:mediaconvert:us-east-1:123456789012:jobs/{id}",
            "createdAt": int(time.time()),
            "status": "SUBMITTED",
            "role": body["role"],
            "settings": body["settings"],
            "userMetadata": body["userMetadata"],
        }
        self.jobs[id] = Job(body, told)
        return 201, {"job": told}

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """List jobs, the latest first, two at a time, so that clients must turn the page."""
        wanted = query.get("inputFile", [""])[0]
        status = query.get("status", [""])[0]
        found = [
            job.told
            for job in reversed(self.jobs.values())
            if any(wanted in url for url in job.inputs) and status in ("", job.told["status"])
        ]
        start = int(query.get("nextToken", ["0"])[0])
        page: dict[str, Any] = {"jobs": found[start : start + 2]}
        if found[start + 2 :]:
            page["nextToken"] = str(start + 2)
        return page

    def _cancel(self, id: str) -> tuple[int, dict[str, Any]]:
        told = self.jobs[id].told
        if told["status"] in _ENDED:
            return _refused(409, "ConflictException", f"It is {told['status']}.")
        told["status"] = "CANCELED"
        return 202, {}


def _refused(status: int, code: str, text: str) -> tuple[int, dict[str, Any]]:
    return status, {"__type": code, "message": text}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: MediaConvertServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave: some tests make them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        owner = self.server.owner
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else {}
        parts = urlsplit(self.path)
        assert parts.path.startswith(VERSION), parts.path
        path = parts.path.removeprefix(VERSION)
        fault = owner.take(self.command, path)
        if fault is None or fault.after:
            status, answer = owner.answer(self.command, path, parse_qs(parts.query), body)
        if fault is not None and not fault.status:
            owner.closing.wait(30)
            self.close_connection = True
            return
        if fault is not None:
            status, answer = _refused(fault.status, fault.code, "made by the test")
        told = json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        if status >= 400:
            self.send_header("X-Amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; the tests look at `MediaConvertServer.requests`."""
