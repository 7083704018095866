"""The event that a message of a transcoding service is reduced to: a job has changed.

States and files are read from the service itself, so a message that is late, repeated or out of
order does no harm: it only makes the webhook ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shift_media.aws.events import JOB_KEY

_JOB_ID = re.compile(r"[1-9][0-9]{0,17}")
_MOST_CHARACTERS = 200
"""Of an external id: as many as its column in the job's row holds."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job that has changed.

    Attributes:
        external_id: the service's own id of the job.
        job_id: the primary key of the job's row; None where the message does not carry it.
    """

    external_id: str
    job_id: int | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> JobEvent | None:
        """Read ``jobId`` and the tag in ``userMetadata``; return None without a valid id.

        MediaConvert and Elastic Transcoder use the same two names.
        """
        external_id, metadata = message.get("jobId"), message.get("userMetadata")
        if not isinstance(external_id, str) or not 0 < len(external_id) <= _MOST_CHARACTERS:
            return None
        job_id = metadata.get(JOB_KEY) if isinstance(metadata, dict) else None
        if isinstance(job_id, str) and _JOB_ID.fullmatch(job_id):
            return cls(external_id, int(job_id))
        return cls(external_id)
