"""The API of MediaConvert, as far as it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shift_media.transcoding.backends.aws_client import READ_TIMEOUT, Service, ServiceError

__all__ = ["READ_TIMEOUT", "MediaConvertClient"]

_GONE = ("NotFoundException",)
_ENDED = ("ConflictException", "BadRequestException", "NotFoundException")
_PAGES = 20  # of 20 jobs each: more than one original ever has

Job = dict[str, Any]


class MediaConvertClient(Service):
    """Jobs of MediaConvert, which remembers a request for one minute only."""

    service = "mediaconvert"

    def get(self, id: str) -> Job | None:
        """Read a job; None where MediaConvert knows none of that id."""
        try:
            found: Job = self.call("get_job", {"Id": id})["Job"]
        except ServiceError as error:
            if error.code in _GONE:
                return None
            raise
        return found

    def of_input(self, url: str) -> Iterator[Job]:
        """List the jobs that read a file, the latest first."""
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            asked = {"InputFile": url, "Order": "DESCENDING", "MaxResults": 20, **token}
            page = self.call("search_jobs", asked)
            yield from page.get("Jobs", ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def create(self, request: Mapping[str, Any], find: Callable[[], str]) -> str:
        """Create a job and return its id, once; see `Service.create_once`."""
        return self.create_once(request, lambda answer: str(answer["Job"]["Id"]), find)

    def cancel(self, id: str) -> None:
        """Cancel a job; one that has ended is no error. Somebody may be waiting: two tries."""
        try:
            self.call("cancel_job", {"Id": id}, self.pauses[:1])
        except ServiceError as error:
            if error.code not in _ENDED:
                raise
