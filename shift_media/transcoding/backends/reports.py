"""Reports and errors that all transcoders have in common."""

from __future__ import annotations

from shift_media.core.errors import NotStored, TranscodeError
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State
from shift_media.video import planning
from shift_media.video.specs import PosterSpec, RenditionSpec


class Unwanted(TranscodeError):
    """The original was replaced or deleted, or another worker has the job now."""

    code = "unwanted"

    def __init__(self) -> None:
        super().__init__(
            "The original was replaced or deleted, or another worker has the job now: the result "
            "is not needed any more."
        )


def bad_output(file: str, fault: str) -> TranscodeError:
    """Return the error for an output that differs from the plan; a new attempt would not help."""
    return TranscodeError(f"The output {file} is not as planned: {fault}.", code="bad_output")


def failure(text: str, code: str, *, retryable: bool = False) -> JobReport:
    """Return the report of a failed job."""
    return JobReport(state=State.ERROR, error=TranscodeError(text, code=code, retryable=retryable))


def planned_report(job: Job, rendition: RenditionSpec) -> RenditionReport:
    """Return the report of a rendition that a running job will make."""
    return RenditionReport(
        key=job.rendition_key(rendition),
        kind=rendition.kind,
        content_type=planning.content_type_for(rendition.file),
        state=State.PROGRESSING,
    )


def choose_poster_key(job: Job, poster: PosterSpec, content: bytes) -> str:
    """Return the key under which a poster is stored: that of the last one if it is the same."""
    if job.poster:
        try:
            with job.storage.fetch(job.poster) as stored:
                if stored.size == len(content) and stored.read() == content:
                    return job.poster
        except NotStored:
            pass
    return job.rendition_key(poster)
