"""The API of Elastic Transcoder, for what still speaks it: botocore knew it up to 1.42.17."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shift_media.transcoding.backends.aws_client import READ_TIMEOUT, Service, ServiceError

__all__ = ["READ_TIMEOUT", "ElasticTranscoderClient", "is_known"]

SERVICE = "elastictranscoder"

_GONE = "ResourceNotFoundException"
_ENDED = "ResourceInUseException"
_PAGES = 4  # of the latest jobs of a pipeline, among which an answer that got lost is looked for

Job = dict[str, Any]


@functools.cache
def is_known() -> bool:
    """Tell whether the botocore that is installed has the client."""
    import botocore.session

    session: Any = botocore.session.get_session()
    return SERVICE in session.get_available_services()


class ElasticTranscoderClient(Service):
    """Jobs of Elastic Transcoder, which remembers no request at all."""

    service = SERVICE

    def get(self, id: str) -> Job | None:
        """Read a job; None where the service knows none of that id."""
        try:
            found: Job = self.call("read_job", {"Id": id})["Job"]
        except ServiceError as error:
            if error.code == _GONE:
                return None
            raise
        return found

    def pipeline(self, id: str) -> dict[str, Any]:
        """Read a pipeline: its buckets, and whether it is active."""
        found: dict[str, Any] = self.call("read_pipeline", {"Id": id})["Pipeline"]
        return found

    def of_pipeline(self, pipeline_id: str) -> Iterator[Job]:
        """List the latest jobs, the latest first."""
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            asked = {"PipelineId": pipeline_id, "Ascending": "false", **token}
            page = self.call("list_jobs_by_pipeline", asked)
            yield from page.get("Jobs", ())
            if not page.get("NextPageToken"):
                return
            token = {"PageToken": page["NextPageToken"]}

    def create(self, request: Mapping[str, Any], find: Callable[[], str]) -> str:
        """Create a job and return its id, once; see `Service.create_once`."""
        return self.create_once(request, lambda answer: str(answer["Job"]["Id"]), find)

    def cancel(self, id: str) -> bool:
        """Cancel a job; returns whether: one that has begun goes on to its end."""
        try:
            self.call("cancel_job", {"Id": id}, self.pauses[:1])
        except ServiceError as error:
            if error.code not in (_ENDED, _GONE):
                raise
            return error.code == _GONE
        return True
