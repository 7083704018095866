"""A MediaConvert for tests: its REST-JSON over HTTP, and real ffmpeg on a real bucket.

A job changes only when a test calls `progress`, `finish` or `fail`.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.servers.mediaconvert_jobs import JobRun
from tests.servers.rest_json import Answer, Query, RestJsonServer, refuse

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TOKEN_SECONDS = 60  # in which a repeated request creates no second job
_ENDED = ("COMPLETE", "CANCELED", "ERROR")


@dataclass
class Job:
    """The request for a job, and the description of it that the API returns."""

    request: dict[str, Any]
    answer: dict[str, Any]
    created: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> list[str]:
        return [one["fileInput"] for one in self.request["settings"]["inputs"]]


class MediaConvertServer(RestJsonServer):
    """A service that reads and writes the buckets of an S3 client."""

    version = "/2017-08-29"

    def __init__(self, s3: S3Client, ffmpeg: Path) -> None:
        self.jobs: dict[str, Job] = {}
        self.forgets_tokens = False
        self._numbers = itertools.count(1)
        self._s3, self._ffmpeg = s3, ffmpeg
        super().__init__()

    def states(self) -> list[str]:
        """Return the states of all jobs, in the order of their creation."""
        return [job.answer["status"] for job in self.jobs.values()]

    # What tests call.

    def progress(self, id: str, percent: int) -> None:
        """Report a job as progressing, with this percentage."""
        answer = self.jobs[id].answer
        answer |= {"status": "PROGRESSING", "currentPhase": "TRANSCODING"}
        answer["jobPercentComplete"] = percent

    def fail(self, id: str, code: int, text: str) -> None:
        """End a job with an error of the service."""
        answer = self.jobs[id].answer
        answer |= {"status": "ERROR", "errorCode": code, "errorMessage": text}

    def finish(self, id: str, *, late: bool = False) -> None:
        """Make all outputs of a job; with ``late`` also those of one that was cancelled."""
        job = self.jobs[id]
        if job.answer["status"] in _ENDED and not late:
            return
        with tempfile.TemporaryDirectory(prefix="mediaconvert-") as folder:
            run = JobRun(self._s3, self._ffmpeg, Path(folder), job.request["settings"])
            details = run.make_outputs()
        if not late:
            job.answer |= {"status": "COMPLETE", "outputGroupDetails": details}
            job.answer["jobPercentComplete"] = 100

    # The API.

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Answer:
        """Answer one request."""
        collection, _, id = path.strip("/").partition("/")
        with self.lock:
            if (method, collection, id) == ("POST", "jobs", ""):
                return self._create(body)
            if method == "GET" and collection in ("jobs", "search") and not id:
                return 200, self._page(query)
            if (method, collection) == ("GET", "tags"):
                arn = unquote(id)
                job = next(job for job in self.jobs.values() if job.answer["arn"] == arn)
                return 200, {"resourceTags": {"arn": arn, "tags": job.request["tags"]}}
            if collection != "jobs" or id not in self.jobs:
                return refuse(404, "NotFoundException", f"There is no {id}.")
            if method == "GET":
                return 200, {"job": self.jobs[id].answer}
            return self._cancel(id)

    def _create(self, body: dict[str, Any]) -> Answer:
        if not body.get("role", "").startswith("arn:"):
            return refuse(400, "BadRequestException", "The role is no ARN.")
        if body.get("queue", "Default") not in ("Default", "videos"):
            return refuse(404, "NotFoundException", "There is no such queue.")
        token = body["clientRequestToken"]
        for job in self.jobs.values():
            recent = time.monotonic() - job.created < TOKEN_SECONDS and not self.forgets_tokens
            if recent and job.request["clientRequestToken"] == token:
                return 201, {"job": job.answer}
        id = f"{int(time.time() * 1000)}-{next(self._numbers):06}"
        answer = {
            "id": id,
            "arn": f"arn:aws:mediaconvert:us-east-1:123456789012:jobs/{id}",
            "createdAt": int(time.time()),
            "status": "SUBMITTED",
            "role": body["role"],
            "settings": body["settings"],
            "userMetadata": body["userMetadata"],
        }
        self.jobs[id] = Job(body, answer)
        return 201, {"job": answer}

    def _page(self, query: Query) -> dict[str, Any]:
        """Return jobs, latest first, two at a time, so that clients must request more pages."""
        wanted = query.get("inputFile", [""])[0]
        status = query.get("status", [""])[0]
        found = [
            job.answer
            for job in reversed(self.jobs.values())
            if any(wanted in url for url in job.inputs) and status in ("", job.answer["status"])
        ]
        start = int(query.get("nextToken", ["0"])[0])
        page: dict[str, Any] = {"jobs": found[start : start + 2]}
        if found[start + 2 :]:
            page["nextToken"] = str(start + 2)
        return page

    def _cancel(self, id: str) -> Answer:
        answer = self.jobs[id].answer
        if answer["status"] in _ENDED:
            return refuse(409, "ConflictException", f"It is {answer['status']}.")
        answer["status"] = "CANCELED"
        return 202, {}
