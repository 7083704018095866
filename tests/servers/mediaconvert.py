"""A MediaConvert of the tests' own: its REST-JSON over HTTP, and real ffmpeg on a real bucket.

Nothing happens by itself: `progress`, `finish` and `fail` say how jobs go on.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.servers.mediaconvert_jobs import Making
from tests.servers.rest_json import Answer, Query, RestJsonServer, refused

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TOKEN_SECONDS = 60  # for which it knows a request again
_ENDED = ("COMPLETE", "CANCELED", "ERROR")


@dataclass
class Job:
    """A job as it was asked for, and what the API tells of it, in its own spelling."""

    request: dict[str, Any]
    told: dict[str, Any]
    created: float = field(default_factory=time.monotonic)

    @property
    def inputs(self) -> list[str]:
        return [one["fileInput"] for one in self.request["settings"]["inputs"]]


class MediaConvertServer(RestJsonServer):
    """Reads and writes the buckets that a client of S3 reaches."""

    version = "/2017-08-29"

    def __init__(self, s3: S3Client, ffmpeg: Path) -> None:
        self.jobs: dict[str, Job] = {}
        self.forgets_tokens = False
        self._numbers = itertools.count(1)
        self._s3, self._ffmpeg = s3, ffmpeg
        super().__init__()

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

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Answer:
        """Do what one request asks for."""
        collection, _, id = path.strip("/").partition("/")
        with self.lock:
            if (method, collection, id) == ("POST", "jobs", ""):
                return self._create(body)
            if method == "GET" and collection in ("jobs", "search") and not id:
                return 200, self._page(query)
            if (method, collection) == ("GET", "tags"):
                arn = unquote(id)
                job = next(job for job in self.jobs.values() if job.told["arn"] == arn)
                return 200, {"resourceTags": {"arn": arn, "tags": job.request["tags"]}}
            if collection != "jobs" or id not in self.jobs:
                return refused(404, "NotFoundException", f"There is no {id}.")
            if method == "GET":
                return 200, {"job": self.jobs[id].told}
            return self._cancel(id)

    def _create(self, body: dict[str, Any]) -> Answer:
        if not body.get("role", "").startswith("arn:"):
            return refused(400, "BadRequestException", "The role is no ARN.")
        if body.get("queue", "Default") not in ("Default", "videos"):
            return refused(404, "NotFoundException", "There is no such queue.")
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

    def _page(self, query: Query) -> dict[str, Any]:
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

    def _cancel(self, id: str) -> Answer:
        told = self.jobs[id].told
        if told["status"] in _ENDED:
            return refused(409, "ConflictException", f"It is {told['status']}.")
        told["status"] = "CANCELED"
        return 202, {}
