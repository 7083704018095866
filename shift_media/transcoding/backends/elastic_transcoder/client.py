"""The calls to Elastic Transcoder's API that the transcoder needs.

botocore has the client up to version 1.42.17.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from shift_media.transcoding.backends.aws_client import READ_TIMEOUT, ServiceClient, ServiceJob

__all__ = ["READ_TIMEOUT", "ElasticTranscoderClient", "is_known"]

SERVICE = "elastictranscoder"

_MAX_PAGES = 4  # of the latest jobs, among which a job is searched whose answer was lost


@functools.cache
def is_known() -> bool:
    """Return True if the installed botocore has the client."""
    import botocore.session

    session: Any = botocore.session.get_session()
    return SERVICE in session.get_available_services()


class ElasticTranscoderClient(ServiceClient):
    """Jobs of Elastic Transcoder, which remembers no request at all."""

    service = SERVICE
    read_operation = "read_job"
    missing_codes = ("ResourceNotFoundException",)
    ended_codes = ("ResourceNotFoundException",)
    running_codes = ("ResourceInUseException",)  # It cancels only what it has not begun.

    def read_pipeline(self, id: str) -> dict[str, Any]:
        """Return a pipeline: its buckets, and whether it is active."""
        pipeline: dict[str, Any] = self.call("read_pipeline", {"Id": id})["Pipeline"]
        return pipeline

    def find_by_pipeline(self, pipeline_id: str) -> Iterator[ServiceJob]:
        """Yield the latest jobs of a pipeline, the latest first."""
        listing = {"PipelineId": pipeline_id, "Ascending": "false"}
        return self.pages(
            "list_jobs_by_pipeline", listing, "PageToken", "NextPageToken", _MAX_PAGES
        )
