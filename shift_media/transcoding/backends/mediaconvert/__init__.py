"""AWS Elemental MediaConvert: it reads the original from the bucket and writes into it."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.apps import apps
from django.core.checks import CheckMessage, Error

from shift_media.aws.events import EVENT_SOURCE
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.transcoding.backends.mediaconvert import inputs, job_settings, schema
from shift_media.transcoding.backends.mediaconvert.client import READ_TIMEOUT, MediaConvertClient
from shift_media.transcoding.backends.mediaconvert.job_settings import Group
from shift_media.transcoding.backends.mediaconvert.outputs import MediaConvertOutputs
from shift_media.transcoding.base import (
    RUNNING,
    Job,
    JobReport,
    RenditionReport,
    State,
    Transcoder,
)
from shift_media.transcoding.events import JobEvent
from shift_media.transcoding.probing import VideoLimits
from shift_media.video import planning

logger = logging.getLogger("shift_media")

STATES = {
    "SUBMITTED": State.SUBMITTED,
    "PROGRESSING": State.PROGRESSING,
    "COMPLETE": State.COMPLETE,
    "CANCELED": State.CANCELED,
    "ERROR": State.ERROR,
}
"""MediaConvert's states, and ours."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_QUEUE = re.compile(r"(arn:aws[a-z-]*:mediaconvert:[a-z0-9-]+:\d{12}:queues/)?[\w .-]+")
_TOKEN = re.compile(r"[0-9a-f]{8}")
_UNWANTED = "The original was replaced or deleted, or the job is somebody else's by now."

# The service's own faults; the others are about the file, the settings or permissions.
_RETRYABLE_ERRORS = (*range(1500, 1600), 1999)


class MediaConvert(Transcoder):
    """Have AWS do it: the originals must be on S3, in a region that has MediaConvert.

    Credentials are those that boto3 finds. They need ``mediaconvert:CreateJob``, ``GetJob``,
    ``SearchJobs``, ``CancelJob`` and ``TagResource``, and ``iam:PassRole`` for the role.

    Args:
        role: ARN of the role that MediaConvert reads and writes the bucket with.
        queue: name or ARN; by default the account's default queue.
        region: by default what boto3 is configured with.
        endpoint_url: another endpoint than the region's.
        acceleration: ``"DISABLED"``, ``"ENABLED"`` or ``"PREFERRED"``.
        priority: within the queue, from -50 to 50.
        status_update: how often MediaConvert sends events: ``"SECONDS_60"``.
        tags: put on each job, beside ``shift-media-job`` and ``shift-media-profile``.
        max_seconds: the longest source.
        max_pixels: its largest frame.
        timeout: seconds after which a job that has not ended is cancelled, and an error.
        read_timeout: seconds to wait for an answer of the API.
    """

    name: ClassVar[str] = "mediaconvert"

    def __init__(
        self,
        *,
        role: str,
        queue: str = "",
        region: str = "",
        endpoint_url: str = "",
        acceleration: str = "DISABLED",
        priority: int = 0,
        status_update: str = "SECONDS_60",
        tags: Mapping[str, str] | None = None,
        max_seconds: int = 4 * 3600,
        max_pixels: int = 36_000_000,
        timeout: int = 24 * 3600,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._role, self._queue, self._region = role, queue, region
        self._endpoint_url = endpoint_url
        self._tags = dict(tags or {})
        self._limits = VideoLimits(max_seconds, max_pixels)
        self._timeout = timedelta(seconds=timeout)
        self._api = MediaConvertClient(region, endpoint_url, read_timeout)
        self._in_doubt: set[str] = set()
        self._options: dict[str, Any] = {
            "AccelerationSettings": {"Mode": acceleration},
            "Priority": priority,
            "StatusUpdateInterval": status_update,
        }

    # The interface.

    def submit(self, job: Job) -> str:
        """Create the job, or find the one that was created when an answer got lost."""
        if found := self._earlier(job):
            return found
        request = self._request(job)
        wrong = list(schema.faults(request))
        if wrong:
            raise TranscodeError("; ".join(wrong), code="bad_settings")
        if not job.wanted():
            raise TranscodeError(_UNWANTED, code="unwanted")
        self._in_doubt.add(job.token)
        id = self._api.create(request, lambda: self._earlier(job))
        self._in_doubt.discard(job.token)
        return id

    def read(self, job: Job) -> JobReport:
        """Tell how far it is; what is complete is looked at in the bucket first.

        Raises `TranscodeError` and `MediaError` where it could not be told: the job goes on.
        """
        found = self._api.get(job.external_id)
        if found is None:
            return _failed(f"MediaConvert knows no job {job.external_id}.", "lost", retryable=True)
        metadata = found.get("UserMetadata", {})
        if metadata.get(inputs.TOKEN) != job.token:
            return _failed(f"{job.external_id} is another attempt's job.", "foreign_job")
        state = STATES[found["Status"]]
        if state == State.ERROR:
            code = found.get("ErrorCode", 0)
            text = str(found.get("ErrorMessage") or "MediaConvert gave no reason.")
            return _failed(text, f"mediaconvert_{code}", retryable=code in _RETRYABLE_ERRORS)
        if state == State.COMPLETE:
            return self._complete(job, found)
        if state in RUNNING and _age(found) > self._timeout:
            self._api.cancel(job.external_id)
            return _failed(f"It took longer than {self._timeout}.", "deadline")
        renditions = tuple(self._planned(job, found)) if state == State.PROGRESSING else ()
        percent = int(found.get("JobPercentComplete") or 0)
        return JobReport(state=state, progress=percent, renditions=renditions)

    def cancel(self, job: Job) -> None:
        """Cancel the job and remove what it has written; a failure is logged, not raised."""
        try:
            if job.external_id:
                self._api.cancel(job.external_id)
            elif job.token in self._in_doubt:
                self._in_doubt.discard(job.token)
                if found := self._earlier(job):
                    self._api.cancel(found)
            job.storage.delete_prefix(job.prefix)
        except (MediaError, OSError) as error:
            logger.warning(
                "MediaConvert's job %s of %s may go on: %s", job.external_id, job.original, error
            )

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Read an event of EventBridge, "MediaConvert Job State Change"."""
        detail = body.get("detail")
        if body.get("source") == EVENT_SOURCE and isinstance(detail, dict):
            return JobEvent.from_message(detail)
        return None

    # Submitting.

    def _earlier(self, job: Job) -> str:
        """Find what was created for this attempt; jobs of earlier ones are cancelled."""
        for found in self._api.of_input(inputs.url_of(job, str(job.original))):
            metadata = found.get("UserMetadata", {})
            token = str(metadata.get(inputs.TOKEN, ""))
            if metadata.get(inputs.JOB) != str(job.id) or not _TOKEN.fullmatch(token):
                continue
            if token == job.token:
                return str(found["Id"])
            if STATES.get(found["Status"]) in RUNNING:
                self._api.cancel(found["Id"])
                prefix = f"{job.original.directory}/_{job.profile.name}/{token}/"
                job.storage.delete_prefix(prefix)
        return ""

    def _request(self, job: Job) -> dict[str, Any]:
        facts = inputs.facts_of(job, self._limits)
        url = inputs.url_of(job, str(job.original))
        groups = job_settings.groups_of(
            planning.plan(job.profile, facts), inputs.url_of(job, job.prefix)
        )
        if all(group.kind in ("poster", "sprite", "stills") for group in groups):
            raise TranscodeError(
                f"MediaConvert makes no stills alone: give {job.profile.name} an MP4.",
                code="stills_alone",
            )
        name = f"{job.id}:{job.token}:{job.original}"
        queue = {"Queue": self._queue} if self._queue else {}
        return {
            "Role": self._role,
            **queue,
            **self._options,
            "ClientRequestToken": hashlib.sha256(name.encode()).hexdigest()[:32],
            "UserMetadata": {
                **(job.profile.elastic.user_metadata if job.profile.elastic else {}),
                inputs.JOB: str(job.id),
                inputs.TOKEN: job.token,
                inputs.SOURCE: inputs.describe(facts),
            },
            "Tags": {
                **self._tags,
                "shift-media-job": str(job.id),
                "shift-media-profile": job.profile.name,
            },
            "Settings": job_settings.settings_of(groups, url),
        }

    # Reading.

    def _groups(self, job: Job, found: Mapping[str, Any]) -> tuple[list[Group], Any]:
        """Plan again what was planned when the job was created."""
        facts = inputs.read_description(found["UserMetadata"].get(inputs.SOURCE, ""))
        destination = inputs.url_of(job, job.prefix)
        return job_settings.groups_of(planning.plan(job.profile, facts), destination), facts

    def _planned(self, job: Job, found: Mapping[str, Any]) -> Iterator[RenditionReport]:
        made = {group.file for group in self._groups(job, found)[0]}
        for rendition in job.profile.renditions:
            if rendition.file in made:
                yield RenditionReport(
                    key=planning.key_of(job.original, job.profile.name, job.token, rendition),
                    kind=rendition.kind,
                    content_type=planning.content_type(rendition.file),
                    state=State.PROGRESSING,
                )

    def _complete(self, job: Job, found: Mapping[str, Any]) -> JobReport:
        if not job.wanted():  # Before a poster is written beside what may be gone.
            return _failed(_UNWANTED, "unwanted")
        groups, facts = self._groups(job, found)
        details = found.get("OutputGroupDetails", [])
        try:
            reports = tuple(MediaConvertOutputs(job, facts).reports(groups, details))
        except TranscodeError as error:
            return JobReport(state=State.ERROR, error=error)
        order = [rendition.file for rendition in job.profile.renditions]
        by_file = dict(zip((group.file for group in groups), reports, strict=True))
        renditions = tuple(by_file[file] for file in order if file in by_file)
        payload = {"OutputGroupDetails": details, "Warnings": found.get("Warnings", [])}
        payload |= planning.payload_of(job.profile)
        return JobReport(
            state=State.COMPLETE, progress=100, renditions=renditions, payload=payload
        )

    # Checking.

    def check(self) -> Iterator[CheckMessage]:
        """Tell which options MediaConvert would refuse, and which files it cannot reach."""
        if not _ROLE.fullmatch(self._role):
            wanted = "arn:aws:iam::123456789012:role/MediaConvert"
            yield _error(f'"role" is {self._role!r}: write its ARN, such as {wanted}.')
        if self._queue and not _QUEUE.fullmatch(self._queue):
            yield _error(f'"queue" is {self._queue!r}: write its name or its ARN.')
        for fault in schema.faults(self._options):
            yield _error(f"{fault}.")
        if not self._region and not self._endpoint_url and not schema.default_region():
            yield _error('There is no "region", and boto3 is configured with none.')
        for model in apps.get_models():
            for field in model._meta.local_concrete_fields:
                if getattr(field, "transcode", None) and not _is_in_bucket(field):
                    yield _error(f"{field} is not on S3, where alone MediaConvert reads.")

    def examine(self) -> Iterator[str]:
        """Ask for the jobs of a file, and for a job, that are not there."""
        next(iter(self._api.of_input("s3://shift-media-doctor/none")), None)
        yield "SearchJobs is allowed,"
        self._api.get("0000000000000-doctor")
        yield f"GetJob too. Whether {self._role} may be passed, and reads the bucket, only a job"
        yield "tells."


def _error(text: str) -> Error:
    hint = 'Mend the OPTIONS of SHIFT_MEDIA["TRANSCODER"].'
    return Error(text, hint=hint, id="shift_media.E006")


def _is_in_bucket(field: Any) -> bool:
    return bool(getattr(field.storage, "bucket_name", ""))


def _failed(text: str, code: str, *, retryable: bool = False) -> JobReport:
    return JobReport(state=State.ERROR, error=TranscodeError(text, code=code, retryable=retryable))


def _age(found: Mapping[str, Any]) -> timedelta:
    created: datetime | None = found.get("CreatedAt")
    return timedelta() if created is None else datetime.now(UTC) - created
