"""AWS Elemental MediaConvert: it reads the original from the bucket and writes into it."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.core.checks import CheckMessage, Error

from shift_media.aws.events import EVENT_SOURCE
from shift_media.core.errors import TranscodeError
from shift_media.registry import all_media_fields
from shift_media.transcoding.backends.aws_client import ServiceJob
from shift_media.transcoding.backends.aws_transcoder import AwsTranscoder, user_metadata
from shift_media.transcoding.backends.marks import Mark, draw_marks
from shift_media.transcoding.backends.mediaconvert import (
    inputs,
    job_settings,
    posters,
    schema,
    sources,
)
from shift_media.transcoding.backends.mediaconvert.client import READ_TIMEOUT, MediaConvertClient
from shift_media.transcoding.backends.mediaconvert.job_settings import Additions, OutputGroup
from shift_media.transcoding.backends.mediaconvert.outputs import MediaConvertOutputs
from shift_media.transcoding.backends.reports import failure, planned_report
from shift_media.transcoding.base import MOST_PRIORITY, Job, JobReport, RenditionReport, State
from shift_media.transcoding.events import JobEvent
from shift_media.transcoding.probing import VideoLimits
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import TranscodePlan

STATES = {
    "SUBMITTED": State.SUBMITTED,
    "PROGRESSING": State.PROGRESSING,
    "COMPLETE": State.COMPLETE,
    "CANCELED": State.CANCELED,
    "ERROR": State.ERROR,
}
"""The states of a job by MediaConvert's names."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_QUEUE = re.compile(r"(arn:aws[a-z-]*:mediaconvert:[a-z0-9-]+:\d{12}:queues/)?[\w .-]+")

# Faults of the service itself. All others are about the file, the settings or permissions.
# Source: AWS Elemental MediaConvert User Guide, "Error codes".
_RETRYABLE_ERRORS = (*range(1500, 1600), 1999)


class MediaConvert(AwsTranscoder):
    """Run jobs on MediaConvert. Originals must be on S3, in a region that has the service.

    The credentials are those that boto3 finds. They need ``mediaconvert:CreateJob``, ``GetJob``,
    ``SearchJobs``, ``CancelJob`` and ``TagResource``, and ``iam:PassRole`` for the role.

    Args:
        role: ARN of the role with which MediaConvert reads and writes the bucket.
        queue: name or ARN; by default the account's default queue.
        region: by default the one that boto3 is configured with.
        endpoint_url: an endpoint instead of the region's.
        acceleration: ``"DISABLED"``, ``"ENABLED"`` or ``"PREFERRED"``.
        priority: within the queue, from -50 to 50; that of a job is added.
        status_update: how often MediaConvert sends events: ``"SECONDS_60"``.
        tags: of each job, in addition to ``shift-media-job`` and ``shift-media-profile``.
        max_seconds: duration of the longest source.
        max_pixels: area of the largest frame of a source.
        timeout: seconds after which a job that has not ended is cancelled and fails.
        read_timeout: seconds to wait for an answer of the API.
    """

    name: ClassVar[str] = "mediaconvert"
    service_name: ClassVar[str] = "MediaConvert"
    states: ClassVar[Mapping[str, State]] = STATES

    _api: MediaConvertClient

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
        super().__init__(MediaConvertClient(region, endpoint_url, read_timeout), timeout)
        self._role, self._queue, self._region = role, queue, region
        self._endpoint_url = endpoint_url
        self._tags = dict(tags or {})
        self._limits = VideoLimits(max_seconds, max_pixels)
        self._options: dict[str, Any] = {
            "AccelerationSettings": {"Mode": acceleration},
            "Priority": priority,
            "StatusUpdateInterval": status_update,
        }

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Return the job of EventBridge's event "MediaConvert Job State Change"."""
        detail = body.get("detail")
        if body.get("source") == EVENT_SOURCE and isinstance(detail, dict):
            return JobEvent.from_message(detail)
        return None

    # Submitting.

    def _list(self, job: Job) -> Iterable[ServiceJob]:
        return self._api.find_by_input(inputs.s3_url(job, str(job.original)))

    def _build_request(self, job: Job) -> dict[str, Any]:
        facts = inputs.read_facts(job, self._limits)
        job = posters.add_video(job, facts)
        plan = planning.build_plan(job.profile, facts)
        additions = Additions(self._store_marks(job, plan), sources.list_captions(job))
        groups = job_settings.build_groups(plan, inputs.s3_url(job, job.prefix), additions)
        if all(group.kind in ("poster", "sprite", "stills") for group in groups):
            raise TranscodeError(
                "MediaConvert makes no pictures without a video. Add an MP4 to the profile "
                f'"{job.profile.name}".',
                code="stills_alone",
            )
        request = {
            "Role": self._role,
            **({"Queue": self._queue} if self._queue else {}),
            **self._options,
            "Priority": self.priority_of(job),
            "ClientRequestToken": _request_token(job),
            "UserMetadata": {**user_metadata(job), inputs.SOURCE_KEY: inputs.format_facts(facts)},
            "Tags": {
                **self._tags,
                "shift-media-job": str(job.id),
                "shift-media-profile": job.profile.name,
            },
            "Settings": job_settings.build_settings(
                groups,
                sources.input_settings(
                    plan, inputs.s3_url(job, str(job.original)), additions.captions
                ),
            ),
        }
        if faults := list(schema.find_faults(request)):
            raise TranscodeError("; ".join(faults), code="bad_settings")
        return request

    def _store_marks(self, job: Job, plan: TranscodePlan) -> dict[tuple[int, int], Mark]:
        """Store the watermarks beside the renditions, where MediaConvert reads them."""
        marks = draw_marks(plan)
        for mark in marks.values():
            content, size = io.BytesIO(mark.content), len(mark.content)
            key = job.rendition_key(mark.file)
            job.storage.put(key, content, content_type="image/png", size=size)
        return marks

    def priority_of(self, job: Job) -> int:
        """Return the priority in the queue: that of the site's option plus that of the job."""
        priority: int = self._options["Priority"] + job.priority
        return max(-MOST_PRIORITY, min(priority, MOST_PRIORITY))

    def _build_groups(self, job: Job, plan: TranscodePlan) -> list[OutputGroup]:
        return job_settings.build_groups(plan, inputs.s3_url(job, job.prefix))

    # Reading.

    def _submitted_at(self, service_job: ServiceJob) -> datetime | None:
        created_at: datetime | None = service_job.get("CreatedAt")
        return created_at

    def _failure(self, service_job: ServiceJob) -> JobReport:
        code = service_job.get("ErrorCode", 0)
        text = str(service_job.get("ErrorMessage") or "MediaConvert gave no reason.")
        return failure(text, f"mediaconvert_{code}", retryable=code in _RETRYABLE_ERRORS)

    def _running(self, job: Job, service_job: ServiceJob, state: State) -> JobReport:
        progress = int(service_job.get("JobPercentComplete") or 0)
        is_progressing = state == State.PROGRESSING
        renditions = tuple(self._planned(job, service_job)) if is_progressing else ()
        return JobReport(state=state, progress=progress, renditions=renditions)

    def _planned(self, job: Job, service_job: ServiceJob) -> Iterator[RenditionReport]:
        plan = planning.build_plan(job.profile, _facts(service_job))
        files = {group.file for group in self._build_groups(job, plan)}
        for rendition in job.profile.renditions:
            if rendition.file in files:
                yield planned_report(job, rendition)

    def _verify(self, job: Job, service_job: ServiceJob) -> Iterable[RenditionReport]:
        whole, job = job, posters.add_video(job, _facts(service_job))
        plan = planning.build_plan(job.profile, _facts(service_job))
        groups = self._build_groups(job, plan)
        details = service_job.get("OutputGroupDetails", [])
        outputs = MediaConvertOutputs(job, plan.facts)
        reports = outputs.reports(groups, details)
        by_file = dict(zip((group.file for group in groups), reports, strict=True))
        by_file |= {one.file: outputs.manifest(one) for one in job.profile.of_kind("dash")}
        posters.delete_video(whole, job)
        # Pages offer the renditions in the order of the profile.
        order = [rendition.file for rendition in whole.profile.renditions]
        return [by_file[file] for file in order if file in by_file]

    def _payload(self, service_job: ServiceJob) -> dict[str, Any]:
        return {
            "OutputGroupDetails": service_job.get("OutputGroupDetails", []),
            "Warnings": service_job.get("Warnings", []),
        }

    # Checking.

    def check(self) -> Iterator[CheckMessage]:
        """Yield the options that MediaConvert would refuse, and the fields it cannot reach."""
        if not _ROLE.fullmatch(self._role):
            example = "arn:aws:iam::123456789012:role/MediaConvert"
            yield _error(f'"role" is {self._role!r}. Write an ARN such as {example}.')
        if self._queue and not _QUEUE.fullmatch(self._queue):
            yield _error(f'"queue" is {self._queue!r}. Write the name or the ARN of a queue.')
        for fault in schema.find_faults(self._options):
            yield _error(f"{fault}.")
        if not self._region and not self._endpoint_url and not schema.default_region():
            yield _error('There is no "region", and boto3 is not configured with one.')
        for field in all_media_fields():
            if field.transcode and not getattr(field.storage, "bucket_name", ""):
                yield _error(f"{field} is not on S3, but MediaConvert reads from S3 alone.")

    def examine(self) -> Iterator[str]:
        """Request the jobs of a file, and a job, that do not exist; yield what is allowed."""
        next(iter(self._api.find_by_input("s3://shift-media-doctor/none")), None)
        yield "SearchJobs is allowed,"
        self._api.get("0000000000000-doctor")
        yield f"GetJob too. Only a job shows whether {self._role} may be passed"
        yield "and reads the bucket."


def _request_token(job: Job) -> str:
    """Return the token by which MediaConvert recognises a repeated request for one minute."""
    name = f"{job.id}:{job.token}:{job.original}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _facts(service_job: ServiceJob) -> VideoFacts:
    return inputs.parse_facts(service_job["UserMetadata"].get(inputs.SOURCE_KEY, ""))


def _error(text: str) -> Error:
    hint = 'Correct the OPTIONS of SHIFT_MEDIA["TRANSCODER"].'
    return Error(text, hint=hint, id="shift_media.E006")
