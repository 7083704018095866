"""Amazon Elastic Transcoder: what still speaks its API, or whoever does its work instead.

AWS closed the service on 2025-11-13, and botocore dropped its client in 1.42.18. With an older
botocore and an ``endpoint_url``, jobs go out as ``create_job``. Otherwise the transcoder that is
named as ``instead`` does the same profiles.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from shift_media.aws.events import JOB_KEY
from shift_media.conf import ConfigurationError
from shift_media.core.errors import MediaError, TranscodeError
from shift_media.transcoding.backends.elastic_transcoder.client import (
    READ_TIMEOUT,
    ElasticTranscoderClient,
    is_known,
)
from shift_media.transcoding.backends.elastic_transcoder.outputs import ElasticOutputs
from shift_media.transcoding.backends.elastic_transcoder.requests import ATTEMPT_KEY, request_of
from shift_media.transcoding.base import RUNNING, Job, JobReport, State, Transcoder
from shift_media.transcoding.events import JobEvent
from shift_media.video import planning
from shift_media.video.profiles import Profile

logger = logging.getLogger("shift_media")

STATES = {
    "Submitted": State.SUBMITTED,
    "Progressing": State.PROGRESSING,
    "Complete": State.COMPLETE,
    "Canceled": State.CANCELED,
    "Error": State.ERROR,
}
"""That service's states, and ours."""

CLOSED = (
    "Amazon Elastic Transcoder was closed by AWS on 2025-11-13, and botocore has no client for it "
    "since 1.42.18."
)

_PIPELINE = re.compile(r"\d{13}-\w{6}")
_TOKEN = re.compile(r"[0-9a-f]{8}")
_CODE = re.compile(r"\s*(\d{4})\b")
_ENDED = ("Complete", "Canceled", "Error")
_RETRYABLE = range(9000, 10_000)  # the service's own faults
_UNWANTED = "The original was replaced or deleted, or the job is somebody else's by now."


class ServiceClosed(ConfigurationError):
    """Nothing is configured that could do the service's work."""

    code = "service_closed"
    check_id = "shift_media.E008"


class ElasticTranscoder(Transcoder):
    """Run the profiles that are written in preset ids, as projects had them.

    Args:
        pipeline_id: the pipeline's, as in ``1111111111111-abcde1``.
        region: by default what boto3 is configured with.
        endpoint_url: where the API is spoken, since AWS's own is closed.
        instead: the transcoder for where the API is not, written as ``TRANSCODER`` is:
            ``{"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg", "OPTIONS": {}}``.
        timeout: seconds after which a job that has not ended is an error.
        read_timeout: seconds to wait for an answer of the API.
    """

    name: ClassVar[str] = "elastic_transcoder"

    def __init__(
        self,
        *,
        pipeline_id: str,
        region: str = "",
        endpoint_url: str = "",
        instead: Any = None,
        timeout: int = 24 * 3600,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._pipeline_id, self._endpoint_url = pipeline_id, endpoint_url
        self._instead = instead
        self._timeout = timedelta(seconds=timeout)
        self._api = ElasticTranscoderClient(region, endpoint_url, read_timeout)

    def chosen(self) -> Transcoder:
        """Give itself where the API can be spoken, else the transcoder to be used instead."""
        if self._endpoint_url and is_known():
            return self
        if self._instead is None:
            raise ServiceClosed(self._why(), key="TRANSCODER")
        backend = self._instead.get("BACKEND") if isinstance(self._instead, Mapping) else None
        if not isinstance(backend, str):
            raise ConfigurationError(
                f'SHIFT_MEDIA["TRANSCODER"], "instead" is {self._instead!r}: write '
                '{"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}.',
                key="TRANSCODER",
            )
        made: Transcoder = import_string(backend)(**self._instead.get("OPTIONS", {}))
        return made.chosen()

    def _why(self) -> str:
        lacking = "" if self._endpoint_url else ' There is no "endpoint_url" of another either.'
        return (
            f'{CLOSED}{lacking} Set "instead" in the OPTIONS of SHIFT_MEDIA["TRANSCODER"] to '
            '{"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}, or to MediaConvert '
            "with its OPTIONS: profiles in preset ids stay as they are."
        )

    # The interface, towards what speaks the API.

    def submit(self, job: Job) -> str:
        """Create the job, or find the one that was created when an answer got lost."""
        if not getattr(job.storage, "bucket_name", ""):
            raise TranscodeError("Elastic Transcoder reads from S3 alone.", code="storage")
        request = request_of(job, self._pipeline_id)
        if found := self._earlier(job):
            return found
        if not job.wanted():
            raise TranscodeError(_UNWANTED, code="unwanted")
        return self._api.create(request, lambda: self._earlier(job))

    def read(self, job: Job) -> JobReport:
        """Tell how far it is; what is complete is looked at in the bucket first."""
        found = self._api.get(job.external_id)
        if found is None:
            return _failed(f"The service knows no job {job.external_id}.", "lost", retryable=True)
        if found.get("UserMetadata", {}).get(ATTEMPT_KEY) != job.token:
            return _failed(f"{job.external_id} is another attempt's job.", "foreign_job")
        state = STATES[found["Status"]]
        if state == State.ERROR:
            return _why_failed(found)
        if state == State.COMPLETE:
            return self._complete(job, found)
        if state in RUNNING and _age(found) > self._timeout:
            self._api.cancel(job.external_id)
            return _failed(f"It took longer than {self._timeout}.", "deadline")
        return JobReport(state=state, progress=_share(found))

    def cancel(self, job: Job) -> None:
        """Cancel the job and remove what it has written; a failure is logged, not raised.

        The service cancels only what it has not begun; what it has goes on in vain.
        """
        try:
            if job.external_id and not self._api.cancel(job.external_id):
                logger.warning("%s had begun and goes on: nobody reads it.", job.external_id)
            job.storage.delete_prefix(job.prefix)
        except (MediaError, OSError) as error:
            logger.warning("%s of %s may go on: %s", job.external_id, job.original, error)

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Read the service's own message, which SNS delivers without a wrapping."""
        if "state" in body and "pipelineId" in body:
            return JobEvent.from_message(body)
        return None

    def _earlier(self, job: Job) -> str:
        """Find what was created for this attempt; jobs of earlier ones are cancelled."""
        for found in self._api.of_pipeline(self._pipeline_id):
            metadata = found.get("UserMetadata", {})
            token = str(metadata.get(ATTEMPT_KEY, ""))
            if metadata.get(JOB_KEY) != str(job.id) or not _TOKEN.fullmatch(token):
                continue
            if found.get("Input", {}).get("Key") != str(job.original):
                continue  # Another site's, with the same pipeline.
            if token == job.token:
                return str(found["Id"])
            if STATES[found["Status"]] in RUNNING:
                self._api.cancel(found["Id"])
                job.storage.delete_prefix(f"{job.original.directory}/_{job.profile.name}/{token}/")
        return ""

    def _complete(self, job: Job, found: Mapping[str, Any]) -> JobReport:
        if not job.wanted():
            return _failed(_UNWANTED, "unwanted")
        try:
            renditions = tuple(ElasticOutputs(job, found).reports())
        except TranscodeError as error:
            return JobReport(state=State.ERROR, error=error)
        payload = {
            "Outputs": found.get("Outputs", []),
            "Playlists": found.get("Playlists", []),
            **planning.payload_of(job.profile),
        }
        return JobReport(
            state=State.COMPLETE, progress=100, renditions=renditions, payload=payload
        )

    # Checking.

    def check(self) -> Iterator[CheckMessage]:
        """Tell which options the service would refuse."""
        if not _PIPELINE.fullmatch(self._pipeline_id):
            yield Error(
                f'"pipeline_id" is {self._pipeline_id!r}: write one such as 1111111111111-abcde1.',
                hint='Mend the OPTIONS of SHIFT_MEDIA["TRANSCODER"].',
                id="shift_media.E006",
            )

    def examine(self) -> Iterator[str]:
        """Read the pipeline."""
        found = self._api.pipeline(self._pipeline_id)
        written = found.get("OutputBucket") or found.get("ContentConfig", {}).get("Bucket")
        yield f"The pipeline {self._pipeline_id} is {found.get('Status')},"
        yield f"reads {found.get('InputBucket')} and writes {written}."

    def check_profile(self, profile: Profile) -> Iterator[CheckMessage]:
        """Tell what of a profile the service cannot make."""
        hint = f'Mend SHIFT_MEDIA["PROFILES"]["{profile.name}"].'
        if profile.elastic is None:
            text = f'The profile "{profile.name}" has no "outputs", which the service needs.'
            yield Error(text, hint=hint, id="shift_media.E009")
        elif profile.elastic.mixed:
            text = f"Elastic Transcoder does not make {', '.join(profile.elastic.mixed)}."
            yield Warning(text, hint=hint, id="shift_media.W006")


def _share(found: Mapping[str, Any]) -> int:
    """Give the share of outputs that have ended: the service tells no percentage."""
    outputs = found.get("Outputs", ())
    ended = sum(output.get("Status") in _ENDED for output in outputs)
    return min(99, 100 * ended // len(outputs)) if outputs else 0


def _why_failed(found: Mapping[str, Any]) -> JobReport:
    """Take the reason of the first output that failed; it begins with a code."""
    failed = [one for one in found.get("Outputs", ()) if one.get("Status") == "Error"]
    text = str(failed[0].get("StatusDetail") or "") if failed else ""
    match = _CODE.match(text)
    number = int(match[1]) if match else 0
    text = text or "Elastic Transcoder gave no reason."
    return _failed(text, f"elastic_transcoder_{number}", retryable=number in _RETRYABLE)


def _failed(text: str, code: str, *, retryable: bool = False) -> JobReport:
    return JobReport(state=State.ERROR, error=TranscodeError(text, code=code, retryable=retryable))


def _age(found: Mapping[str, Any]) -> timedelta:
    submitted = found.get("Timing", {}).get("SubmitTimeMillis")
    if not submitted:
        return timedelta()
    return datetime.now(UTC) - datetime.fromtimestamp(submitted / 1000, UTC)
