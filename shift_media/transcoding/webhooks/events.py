"""What the services tell when a job comes further: which job it is, and nothing else.

A message only says "look". States and files are read from the service itself, so that a message
that is late, repeated or out of order does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JOB_KEY = "shift_media_job"
"""Name of the user metadata in which a backend sends our job's id along."""

_MEDIACONVERT = "aws.mediaconvert"
_JOB_ID = re.compile(r"[1-9][0-9]{0,17}")
_MOST_CHARACTERS = 200
"""Of an external id: as much as the job's row has room for."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job that is to be looked at: the service's id of it, and ours where it was sent along."""

    external_id: str
    job_id: int | None = None


def normalise(body: Mapping[str, Any]) -> JobEvent | None:
    """Tell which job MediaConvert or Elastic Transcoder speaks of; None for anything else.

    MediaConvert's is an event of EventBridge, Elastic Transcoder's has no wrapping.
    """
    if body.get("source") == _MEDIACONVERT:
        detail = body.get("detail")
        return _look(detail) if isinstance(detail, dict) else None
    if "state" in body and "pipelineId" in body:
        return _look(body)
    return None


def _look(job: Mapping[str, Any]) -> JobEvent | None:
    external_id, metadata = job.get("jobId"), job.get("userMetadata")
    if not isinstance(external_id, str) or not 0 < len(external_id) <= _MOST_CHARACTERS:
        return None
    ours = metadata.get(JOB_KEY) if isinstance(metadata, dict) else None
    if isinstance(ours, str) and _JOB_ID.fullmatch(ours):
        return JobEvent(external_id, int(ours))
    return JobEvent(external_id)
