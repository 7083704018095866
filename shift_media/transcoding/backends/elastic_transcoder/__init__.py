"""Amazon Elastic Transcoder: an endpoint that still speaks its API, or another transcoder.

AWS closed the service on 2025-11-13, and botocore dropped its client in 1.42.18. With an older
botocore and an ``endpoint_url``, jobs are sent as ``create_job``. Otherwise the transcoder that
is configured as ``instead`` runs the same profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError
from shift_media.transcoding.backends.aws_client import ServiceJob
from shift_media.transcoding.backends.aws_transcoder import AwsTranscoder, bucket_key
from shift_media.transcoding.backends.elastic_transcoder import requests
from shift_media.transcoding.backends.elastic_transcoder.client import (
    READ_TIMEOUT,
    ElasticTranscoderClient,
    is_known,
)
from shift_media.transcoding.backends.elastic_transcoder.outputs import ElasticOutputs
from shift_media.transcoding.backends.reports import failure
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State, Transcoder
from shift_media.transcoding.events import JobEvent
from shift_media.video.profiles import Profile

STATES = {
    "Submitted": State.SUBMITTED,
    "Progressing": State.PROGRESSING,
    "Complete": State.COMPLETE,
    "Canceled": State.CANCELED,
    "Error": State.ERROR,
}
"""The states of a job by the service's names."""

CLOSED = (
    "Amazon Elastic Transcoder was closed by AWS on 2025-11-13, and botocore has no client for it "
    "since 1.42.18."
)

_PIPELINE = re.compile(r"\d{13}-\w{6}")
_CODE = re.compile(r"\s*(\d{4})\b")
_ENDED = ("Complete", "Canceled", "Error")
_RETRYABLE = range(9000, 10_000)  # faults of the service itself
_FFMPEG = '{"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}'


class ServiceClosed(ConfigurationError):
    """The service is closed, and no transcoder is configured to be used instead."""

    code = "service_closed"
    check_id = "shift_media.E008"


class ElasticTranscoder(AwsTranscoder):
    """Run profiles that are written in preset ids, unchanged.

    Args:
        pipeline_id: id of the pipeline, as in ``1111111111111-abcde1``.
        region: by default the one that boto3 is configured with.
        endpoint_url: an endpoint that speaks the API, because AWS's own is closed.
        instead: the transcoder to use without such an endpoint, written as ``TRANSCODER`` is:
            ``{"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg", "OPTIONS": {}}``.
        timeout: seconds after which a job that has not ended is cancelled and fails.
        read_timeout: seconds to wait for an answer of the API.
    """

    name: ClassVar[str] = "elastic_transcoder"
    service_name: ClassVar[str] = "Elastic Transcoder"
    states: ClassVar[Mapping[str, State]] = STATES

    _api: ElasticTranscoderClient

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
        super().__init__(ElasticTranscoderClient(region, endpoint_url, read_timeout), timeout)
        self._pipeline_id, self._endpoint_url = pipeline_id, endpoint_url
        self._instead = instead

    def chosen(self) -> Transcoder:
        """Return itself if the API can be spoken, else the transcoder to use instead.

        Raises `ServiceClosed` if there is none, and `ConfigurationError` for a malformed one.
        """
        if self._endpoint_url and is_known():
            return self
        if self._instead is None:
            raise ServiceClosed(self._explain(), key="TRANSCODER")
        backend = self._instead.get("BACKEND") if isinstance(self._instead, Mapping) else None
        if not isinstance(backend, str):
            raise ConfigurationError(
                f'SHIFT_MEDIA["TRANSCODER"], "instead" must be such as {_FFMPEG}, '
                f"got {self._instead!r}.",
                key="TRANSCODER",
            )
        transcoder: Transcoder = import_string(backend)(**self._instead.get("OPTIONS", {}))
        return transcoder.chosen()

    def _explain(self) -> str:
        missing = "" if self._endpoint_url else ' There is no "endpoint_url" of another either.'
        return (
            f'{CLOSED}{missing} Set "instead" in the OPTIONS of SHIFT_MEDIA["TRANSCODER"] to '
            f"{_FFMPEG}, or to MediaConvert with its OPTIONS: profiles in preset ids stay as they "
            "are."
        )

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Return the job of the service's own message, which SNS delivers as it is."""
        if "state" in body and "pipelineId" in body:
            return JobEvent.from_message(body)
        return None

    # Submitting.

    def _check_job(self, job: Job) -> None:
        super()._check_job(job)
        requests.elastic_job(job)

    def _list(self, job: Job) -> Iterable[ServiceJob]:
        for service_job in self._api.find_by_pipeline(self._pipeline_id):
            # Several sites may share a pipeline, and have rows of the same primary key.
            if service_job.get("Input", {}).get("Key") == bucket_key(job, str(job.original)):
                yield service_job

    def _build_request(self, job: Job) -> dict[str, Any]:
        return requests.build_request(job, self._pipeline_id)

    # Reading.

    def _submitted_at(self, service_job: ServiceJob) -> datetime | None:
        milliseconds = service_job.get("Timing", {}).get("SubmitTimeMillis")
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None

    def _failure(self, service_job: ServiceJob) -> JobReport:
        """Return the reason of the first output that failed; it begins with a code."""
        outputs = service_job.get("Outputs", ())
        failed = [output for output in outputs if output.get("Status") == "Error"]
        text = str(failed[0].get("StatusDetail") or "") if failed else ""
        match = _CODE.match(text)
        code = int(match[1]) if match else 0
        text = text or "Elastic Transcoder gave no reason."
        return failure(text, f"elastic_transcoder_{code}", retryable=code in _RETRYABLE)

    def _running(self, job: Job, service_job: ServiceJob, state: State) -> JobReport:
        """Return the share of outputs that have ended: the service reports no percentage."""
        outputs = service_job.get("Outputs", ())
        ended = sum(output.get("Status") in _ENDED for output in outputs)
        progress = min(99, 100 * ended // len(outputs)) if outputs else 0
        return JobReport(state=state, progress=progress)

    def _verify(self, job: Job, service_job: ServiceJob) -> Iterable[RenditionReport]:
        return ElasticOutputs(job, service_job).reports()

    def _payload(self, service_job: ServiceJob) -> dict[str, Any]:
        return {
            "Outputs": service_job.get("Outputs", []),
            "Playlists": service_job.get("Playlists", []),
        }

    # Checking.

    def check(self) -> Iterator[CheckMessage]:
        """Yield the options that the service would refuse."""
        if not _PIPELINE.fullmatch(self._pipeline_id):
            yield Error(
                f'"pipeline_id" is {self._pipeline_id!r}. Write one such as 1111111111111-abcde1.',
                hint='Correct the OPTIONS of SHIFT_MEDIA["TRANSCODER"].',
                id="shift_media.E006",
            )

    def examine(self) -> Iterator[str]:
        """Read the pipeline and yield its state and buckets."""
        pipeline = self._api.read_pipeline(self._pipeline_id)
        output = pipeline.get("OutputBucket") or pipeline.get("ContentConfig", {}).get("Bucket")
        yield f"The pipeline {self._pipeline_id} is {pipeline.get('Status')},"
        yield f"reads {pipeline.get('InputBucket')} and writes {output}."

    def check_profile(self, profile: Profile) -> Iterator[CheckMessage]:
        """Yield what the service cannot make of a profile."""
        hint = f'Correct SHIFT_MEDIA["PROFILES"]["{profile.name}"].'
        if profile.elastic is None:
            text = f'The profile "{profile.name}" has no "outputs", which the service needs.'
            yield Error(text, hint=hint, id="shift_media.E009")
        elif profile.elastic.additional:
            text = f"Elastic Transcoder does not make {', '.join(profile.elastic.additional)}."
            yield Warning(text, hint=hint, id="shift_media.W006")
