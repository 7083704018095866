"""Transcoders that each break one clause of the contract, and the tests that must notice."""

from __future__ import annotations

import io
import itertools
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.checks import CheckMessage, Warning

from shift_media.core.errors import TranscodeError
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State, Transcoder
from shift_media.transcoding.events import JobEvent


@dataclass
class CopyJob:
    """A job of the service, which copies the original."""

    job: Job
    state: State = State.SUBMITTED
    reads: int = 0

    @property
    def key(self) -> str:
        return f"{self.job.prefix}480p.mp4"


class CopyService:
    """The service: it survives the transcoders that use it."""

    def __init__(self) -> None:
        self.jobs: dict[str, CopyJob] = {}
        self._numbers = itertools.count(1)

    def create(self, job: Job) -> str:
        id = f"copy-{next(self._numbers)}"
        self.jobs[id] = CopyJob(job)
        return id

    def finish(self) -> None:
        """End all jobs: those with a video complete, the others with an error."""
        for one in self.jobs.values():
            if one.state == State.SUBMITTED:
                self._copy(one)

    def _copy(self, one: CopyJob) -> None:
        with one.job.storage.fetch(str(one.job.original)) as stored:
            content = stored.read()
        if b"ftyp" not in content[:12]:
            one.state = State.ERROR
            return
        one.job.storage.put(one.key, io.BytesIO(content), content_type="video/mp4")
        one.state = State.COMPLETE


class CopyTranscoder(Transcoder):
    """The transcoder that breaks nothing; the broken ones change one thing of it."""

    name: ClassVar[str] = "copy"

    def __init__(self, service: CopyService) -> None:
        self.service = service

    def submit(self, job: Job) -> str:
        return self.find(job) or self.service.create(job)

    def find(self, job: Job) -> str:
        jobs = self.service.jobs.items()
        return next((id for id, one in jobs if one.job.token == job.token), "")

    def read(self, job: Job) -> JobReport:
        one = self.service.jobs.get(job.external_id)
        if one is None:
            return self.failure("There is no such job.", "lost")
        if not self.is_own(job, one):
            return self.failure("It is the job of another attempt.", "foreign_job")
        one.reads += 1
        if one.state == State.ERROR:
            return self.failure("It is not a video.", "unreadable")
        if one.state == State.COMPLETE:
            return self.complete(job, one)
        state = State.PROGRESSING if one.state == State.SUBMITTED else one.state
        return JobReport(state=state, progress=50)

    def is_own(self, job: Job, one: CopyJob) -> bool:
        return one.job.token == job.token

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        if not job.wanted():
            return self.failure("The original was replaced.", "unwanted")
        rendition = RenditionReport(
            key=one.key,
            kind="mp4",
            content_type="video/mp4",
            state=State.COMPLETE,
            size=job.storage.size(one.key),
        )
        return JobReport(state=State.COMPLETE, progress=100, renditions=(rendition,))

    def failure(self, text: str, code: str, retryable: bool = False) -> JobReport:
        error = TranscodeError(text, code=code, retryable=retryable)
        return JobReport(state=State.ERROR, error=error)

    def cancel(self, job: Job) -> None:
        one = self.service.jobs.get(job.external_id)
        if one is not None and one.state == State.SUBMITTED:
            one.state = State.CANCELED
        job.storage.delete_prefix(job.prefix)

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        return JobEvent.from_message(body)


# Submitting


class LongId(CopyTranscoder):
    """Returns an id that the row's column cannot hold."""

    caught_by: tuple[str, ...] = ("test_submit_returns_external_id",)

    def submit(self, job: Job) -> str:
        id = super().submit(job)
        if len(id) <= 200:
            self.service.jobs[id := id.ljust(201, "x")] = self.service.jobs.pop(id.strip("x"))
        return id


class CreatingTwice(CopyTranscoder):
    """Creates a job whenever it is asked to."""

    caught_by = ("test_second_submit_of_attempt_returns_same_job",)

    def find(self, job: Job) -> str:
        return ""


class HidingSecondJob(CopyTranscoder):
    """Creates a second job and returns the id of the first."""

    caught_by = ("test_second_submit_of_attempt_returns_same_job",)

    def submit(self, job: Job) -> str:
        id = self.find(job)
        created = self.service.create(job)
        return id or created


class RememberingHere(CopyTranscoder):
    """Knows which jobs exist only as long as its process lives."""

    caught_by = ("test_second_submit_of_attempt_returns_same_job",)

    def __init__(self, service: CopyService) -> None:
        super().__init__(service)
        self.ids: dict[str, str] = {}

    def find(self, job: Job) -> str:
        return self.ids.get(job.token, "")

    def submit(self, job: Job) -> str:
        id = self.ids[job.token] = super().submit(job)
        return id


class IgnoringAttempts(CopyTranscoder):
    """Takes the job of an earlier attempt for that of this one."""

    caught_by = ("test_new_attempt_is_another_job",)

    def find(self, job: Job) -> str:
        return next((id for id, one in self.service.jobs.items() if one.job.id == job.id), "")

    def is_own(self, job: Job, one: CopyJob) -> bool:
        return one.job.id == job.id


class BelievingIds(CopyTranscoder):
    """Reports whatever job has the id, also one of another attempt."""

    caught_by = ("test_new_attempt_is_another_job",)

    def is_own(self, job: Job, one: CopyJob) -> bool:
        return True


# Reading


class LosingProgress(CopyTranscoder):
    """Reports less progress at the second read than at the first."""

    caught_by = ("test_state_and_progress_move_forward_until_complete",)

    def read(self, job: Job) -> JobReport:
        report = super().read(job)
        if report.state != State.PROGRESSING:
            return report
        return replace(report, progress=100 // self.service.jobs[job.external_id].reads)


class GoingBack(CopyTranscoder):
    """Reports a job as submitted after it was progressing."""

    caught_by = ("test_state_and_progress_move_forward_until_complete",)

    def read(self, job: Job) -> JobReport:
        report = super().read(job)
        if report.state != State.PROGRESSING or self.service.jobs[job.external_id].reads == 1:
            return report
        return replace(report, state=State.SUBMITTED)


class StoppingAtNinetyNine(CopyTranscoder):
    """Reports a complete job without all of its progress."""

    caught_by = ("test_state_and_progress_move_forward_until_complete",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        return replace(super().complete(job, one), progress=min(99, one.reads * 40))


class Promising(CopyTranscoder):
    """Reports a file that is not stored."""

    caught_by = ("test_complete_report_describes_stored_files",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        job.storage.put(one.key, io.BytesIO(b"x"), content_type="video/mp4")
        report = super().complete(job, one)
        job.storage.delete(one.key)
        return report


class Guessing(CopyTranscoder):
    """Reports a size without having looked."""

    caught_by = ("test_complete_report_describes_stored_files",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        report = super().complete(job, one)
        return replace(report, renditions=tuple(replace(r, size=1) for r in report.renditions))


class Scattering(CopyTranscoder):
    """Writes a log beside the folders of all attempts."""

    caught_by = ("test_all_files_are_stored_under_prefix_of_attempt",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        report = super().complete(job, one)
        if report.state == State.COMPLETE:
            key = f"{job.original.directory}/_web/{job.token}.log"
            job.storage.put(key, io.BytesIO(b"x"), content_type="text/plain")
        return report


class KeepingObjects(CopyTranscoder):
    """Hands over a payload that the row's column cannot hold."""

    caught_by = ("test_payload_of_complete_job_is_json",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        return replace(super().complete(job, one), payload={"ended": datetime.now(UTC)})


class Raising(CopyTranscoder):
    """Fails at a job that the service does not know."""

    caught_by = ("test_unknown_external_id_is_error_report",)

    def read(self, job: Job) -> JobReport:
        assert self.service.jobs[job.external_id]
        return super().read(job)


class ReadingOwnJobs(CopyTranscoder):
    """Reads only jobs that its own process has submitted, but says that a service runs them."""

    caught_by = ("test_service_can_be_read_and_cancelled_by_another_process",)

    def __init__(self, service: CopyService) -> None:
        super().__init__(service)
        self.own: set[str] = set()

    def submit(self, job: Job) -> str:
        id = super().submit(job)
        self.own.add(id)
        return id

    def read(self, job: Job) -> JobReport:
        if job.external_id not in self.own:
            return self.failure("The job was submitted elsewhere.", "lost")
        return super().read(job)


# Failing


class Silent(CopyTranscoder):
    """Does not say why a job has failed."""

    caught_by = ("test_broken_video_is_error_with_code",)

    def read(self, job: Job) -> JobReport:
        report = super().read(job)
        if report.error is not None and report.error.code == "unreadable":
            return replace(report, error=None)
        return report


class Nameless(CopyTranscoder):
    """Reports an error without a code of its own."""

    caught_by = ("test_broken_video_is_error_with_code",)

    def failure(self, text: str, code: str, retryable: bool = False) -> JobReport:
        if code == "unreadable":
            return JobReport(state=State.ERROR, error=TranscodeError(text))
        return super().failure(text, code, retryable)


class Hoping(CopyTranscoder):
    """Asks for another attempt where none can succeed."""

    caught_by = ("test_broken_video_is_error_with_code",)

    def failure(self, text: str, code: str, retryable: bool = False) -> JobReport:
        return super().failure(text, code, code == "unreadable")


class Stubborn(CopyTranscoder):
    """Completes a job whose original was replaced."""

    caught_by = ("test_job_that_is_not_wanted_any_more_does_not_complete",)

    def complete(self, job: Job, one: CopyJob) -> JobReport:
        return super().complete(replace(job, wanted=lambda: True), one)


# Cancelling


class Unstoppable(CopyTranscoder):
    """Says that it can cancel a job, and lets it run to its end."""

    caught_by = ("test_cancelled_job_leaves_no_files_and_does_not_complete",)

    def cancel(self, job: Job) -> None:
        job.storage.delete_prefix(job.prefix)


class Leaving(CopyTranscoder):
    """Leaves the files of a job that has ended."""

    caught_by = (
        "test_cancel_of_ended_job_is_no_error_and_leaves_no_files",
        "test_job_that_is_not_wanted_any_more_does_not_complete",
        "test_service_can_be_read_and_cancelled_by_another_process",
    )

    def cancel(self, job: Job) -> None:
        one = self.service.jobs.get(job.external_id)
        if one is not None and one.state == State.SUBMITTED:
            one.state = State.CANCELED


class Refusing(CopyTranscoder):
    """Raises at the second cancellation of a job."""

    caught_by = ("test_cancel_of_ended_job_is_no_error_and_leaves_no_files",)

    def cancel(self, job: Job) -> None:
        super().cancel(job)
        if self.service.jobs.pop(job.external_id, None) is None and job.external_id:
            raise TranscodeError("There is no such job.", code="lost")


class NeedingId(CopyTranscoder):
    """Cannot cancel a job that was not submitted."""

    caught_by = ("test_cancel_of_job_that_was_not_submitted_is_no_error",)

    def cancel(self, job: Job) -> None:
        assert self.service.jobs[job.external_id]
        super().cancel(job)


# Flags, checks and messages


class Spaced(CopyTranscoder):
    """Has a name with capitals and a space."""

    caught_by = ("test_flags_have_valid_values",)
    name = "Copy Transcoder"


class Calling(CopyTranscoder):
    """Connects to its service in a system check."""

    caught_by = ("test_checks_yield_messages_without_network",)

    def check(self) -> Iterator[CheckMessage]:
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", 9)):
                yield Warning("The service is down.", id="copy.W001")


class Telling(CopyTranscoder):
    """Yields texts from its system check."""

    caught_by = ("test_checks_yield_messages_without_network",)

    def check(self) -> Iterator[Any]:
        yield "The service is down."


class Believing(CopyTranscoder):
    """Expects all messages to be of its service."""

    caught_by = ("test_messages_of_others_are_not_events",)

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        return JobEvent(body["detail"]["jobId"])


BROKEN: list[type[CopyTranscoder]] = [
    value
    for value in list(globals().values())
    if isinstance(value, type) and hasattr(value, "caught_by")
]
