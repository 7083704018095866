"""The base class of MediaConvert and Elastic Transcoder: jobs of a service of AWS.

Both read the original from its bucket and write into it. Each job carries the primary key of its
row and the token of its attempt as user metadata, so that a job is found again after its answer
was lost, and never taken for another attempt's.
"""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from shift_media.aws.events import JOB_KEY
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.transcoding.backends.aws_client import ServiceClient, ServiceJob
from shift_media.transcoding.backends.reports import Unwanted, failure
from shift_media.transcoding.base import (
    RUNNING,
    Job,
    JobReport,
    RenditionReport,
    State,
    Transcoder,
)

logger = logging.getLogger("shift_media")

TOKEN_KEY = "shift_media_token"  # noqa: S105 (a name)
"""Name of the user metadata with the token of the attempt; `JOB_KEY` has the row's primary key."""

_TOKEN = re.compile(r"[0-9a-f]{8}")


class AwsTranscoder(Transcoder):
    """A transcoder whose jobs a service of AWS runs.

    Attributes:
        service_name: the service in messages.
        states: the service's names of states.
    """

    service_name: ClassVar[str]
    states: ClassVar[Mapping[str, State]]

    def __init__(self, api: ServiceClient, timeout: float) -> None:
        self._api = api
        self._timeout = timedelta(seconds=timeout)
        # Tokens of attempts whose job may exist although its id is unknown.
        self._in_doubt: set[str] = set()

    # The interface.

    def submit(self, job: Job) -> str:
        """Create a job; return the id of the one that exists if an answer was lost before."""
        self._check_job(job)
        if id := self._find(job):
            return id
        request = self._build_request(job)
        if not job.wanted():
            raise Unwanted
        self._in_doubt.add(job.token)
        id = self._api.create(request, lambda: self._find(job))
        self._in_doubt.discard(job.token)
        return id

    def read(self, job: Job) -> JobReport:
        """Return the state of a job; the outputs of a complete one are verified in the bucket.

        Raises `MediaError` if the service or the storage fails. The job goes on nevertheless.
        """
        service_job = self._api.get(job.external_id)
        if service_job is None:
            text = f"{self.service_name} has no job {job.external_id}."
            return failure(text, "lost", retryable=True)
        if service_job.get("UserMetadata", {}).get(TOKEN_KEY) != job.token:
            return failure(f"{job.external_id} is the job of another attempt.", "foreign_job")
        state = self.states.get(service_job.get("Status", ""))
        if state == State.ERROR:
            return self._failure(service_job)
        if state == State.COMPLETE:
            return self._complete(job, service_job)
        if (state is None or state in RUNNING) and self._age(service_job) > self._timeout:
            self._api.cancel(job.external_id)
            return failure(f"The job took longer than {self._timeout}.", "deadline")
        if state is None:
            raise self._unknown_status(service_job)
        return self._running(job, service_job, state)

    def cancel(self, job: Job) -> None:
        """Cancel a job and delete its outputs; an error is logged and not raised."""
        try:
            id = job.external_id
            if not id and job.token in self._in_doubt:
                self._in_doubt.discard(job.token)
                id = self._find(job)
            if id and not self._api.cancel(id):
                logger.warning(
                    "%s has begun already and runs to its end. Its outputs are not used.", id
                )
            job.storage.delete_prefix(job.prefix)
        except (MediaError, OSError) as error:
            logger.warning(
                "Job %s of %s may go on in %s: %s",
                job.external_id,
                job.original,
                self.service_name,
                error,
            )

    # The hooks of each service.

    def _check_job(self, job: Job) -> None:
        """Raise `TranscodeError` for a job that the service cannot run, before any request."""
        bucket_name(job, self.service_name)

    @abstractmethod
    def _build_request(self, job: Job) -> dict[str, Any]:
        """Return the parameters of ``create_job``. Raises `TranscodeError`."""

    @abstractmethod
    def _list(self, job: Job) -> Iterable[ServiceJob]:
        """Return the service's jobs for the original, the latest first."""

    @abstractmethod
    def _submitted_at(self, service_job: ServiceJob) -> datetime | None:
        """Return when a job was created."""

    @abstractmethod
    def _failure(self, service_job: ServiceJob) -> JobReport:
        """Return the report of a job that has failed."""

    @abstractmethod
    def _running(self, job: Job, service_job: ServiceJob, state: State) -> JobReport:
        """Return the report of a job that has not failed and is not complete."""

    @abstractmethod
    def _verify(self, job: Job, service_job: ServiceJob) -> Iterable[RenditionReport]:
        """Return the renditions of a complete job. Raises `TranscodeError` for a bad one."""

    @abstractmethod
    def _payload(self, service_job: ServiceJob) -> dict[str, Any]:
        """Return what is kept of the service's own description of a complete job."""

    # What follows from them.

    def _find(self, job: Job) -> str:
        """Return the id of this attempt's job, or an empty string; cancel jobs of earlier ones."""
        for service_job in self._list(job):
            metadata = service_job.get("UserMetadata", {})
            token = str(metadata.get(TOKEN_KEY, ""))
            # Another site may use the same account, and its metadata may hold anything.
            if metadata.get(JOB_KEY) != str(job.id) or not _TOKEN.fullmatch(token):
                continue
            if token == job.token:
                return str(service_job["Id"])
            if self.states.get(service_job["Status"]) in RUNNING:
                self._api.cancel(service_job["Id"])
                job.storage.delete_prefix(replace(job, token=token).prefix)
        return ""

    def _complete(self, job: Job, service_job: ServiceJob) -> JobReport:
        if not job.wanted():  # Before a poster is written beside an original that may be gone.
            return JobReport(state=State.ERROR, error=Unwanted())
        try:
            renditions = tuple(self._verify(job, service_job))
        except TranscodeError as error:
            return JobReport(state=State.ERROR, error=error)
        return JobReport(
            state=State.COMPLETE,
            progress=100,
            renditions=renditions,
            payload={**self._payload(service_job), **job.profile.payload},
        )

    def _unknown_status(self, service_job: ServiceJob) -> TranscodeError:
        """Return the error of a status that this version does not know; the job goes on."""
        known = ", ".join(self.states)
        return TranscodeError(
            f"{self.service_name} reports the status {service_job.get('Status')!r} for job "
            f"{service_job.get('Id')}, expected one of {known}. It is read again until the "
            "timeout. Update shift_media if there is a newer version.",
            code="unknown_status",
            retryable=True,
        )

    def _age(self, service_job: ServiceJob) -> timedelta:
        submitted_at = self._submitted_at(service_job)
        return timedelta() if submitted_at is None else datetime.now(UTC) - submitted_at


def user_metadata(job: Job) -> dict[str, str]:
    """Return the user metadata of a job: the profile's own, and the names of the attempt."""
    own = job.profile.elastic.user_metadata if job.profile.elastic else {}
    return {**own, JOB_KEY: str(job.id), TOKEN_KEY: job.token}


def bucket_name(job: Job, service_name: str) -> str:
    """Return the bucket of the original. Raises `TranscodeError` if it is not on S3."""
    bucket = getattr(job.storage, "bucket_name", "")
    if not bucket:
        raise TranscodeError(
            f"{service_name} reads from S3 alone. Use S3MediaStorage for this field.",
            code="storage",
        )
    return str(bucket)


def bucket_key(job: Job, key: str) -> str:
    """Return the name of a key's object in the bucket, where a location may stand before it."""
    return f"{getattr(job.storage, 'key_prefix', '')}{key}"
