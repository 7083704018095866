"""The calls to MediaConvert's API that the transcoder needs."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.transcoding.backends.aws_client import READ_TIMEOUT, ServiceClient, ServiceJob

__all__ = ["READ_TIMEOUT", "MediaConvertClient"]

_PAGE_SIZE = 20
_MAX_PAGES = 20  # one original never has 400 jobs


class MediaConvertClient(ServiceClient):
    """Jobs of MediaConvert, which remembers a request for one minute only."""

    service = "mediaconvert"
    read_operation = "get_job"
    missing_codes = ("NotFoundException",)
    ended_codes = ("ConflictException", "BadRequestException", "NotFoundException")

    def find_by_input(self, url: str) -> Iterator[ServiceJob]:
        """Yield the jobs that read a file, the latest first."""
        search = {"InputFile": url, "Order": "DESCENDING", "MaxResults": _PAGE_SIZE}
        return self.pages("search_jobs", search, "NextToken", "NextToken", _MAX_PAGES)
