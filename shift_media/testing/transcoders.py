# ruff: noqa: D102  # the name of a test says what it checks
"""The contract of transcoders, as tests that any of them can inherit.

.. code-block:: python

    class TestMyTranscoder(TranscoderContract):
        def make_transcoder(self):
            return MyTranscoder()

        def make_storage(self):
            return default_media_storage

        def make_video(self):
            return Path("tests/second.mp4").read_bytes()

The class runs under pytest as it is, and under ``unittest`` with ``unittest.TestCase`` as a second
base. It needs no database. Run it against the real program or service, or against a server of
yours that speaks the service's protocol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.checks import CheckMessage

from shift_media.core.errors import TranscodeError
from shift_media.storages.base import MediaStorage
from shift_media.testing.jobs import (
    attempt_files,
    call_quietly,
    check_complete,
    check_error,
    check_key,
    check_rendition,
    new_job,
    new_token,
    no_network,
    read_report,
    read_until_ended,
    stored_keys,
    submit_job,
)
from shift_media.transcoding.base import LIVE, Job, JobReport, State, Transcoder
from shift_media.transcoding.events import JobEvent
from shift_media.video.profiles import Profile, parse_profile

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_MAX_ID = 200  # characters of an external id, as many as the column of the row holds


class TranscoderContract:
    """Tests that a transcoder must pass."""

    patience = 120.0
    """Seconds in which one job must end."""

    # What a subclass provides.

    def make_transcoder(self) -> Transcoder:
        """Return a new instance of the transcoder, in working order."""
        raise NotImplementedError("A transcoder contract needs make_transcoder().")

    def make_storage(self) -> MediaStorage:
        """Return a storage that the transcoder can read from and write to."""
        raise NotImplementedError("A transcoder contract needs make_storage().")

    def make_video(self) -> bytes:
        """Return a short MP4 with video and audio that the transcoder accepts."""
        raise NotImplementedError("A transcoder contract needs make_video().")

    def make_broken_video(self) -> bytes:
        """Return bytes from which the transcoder can make nothing."""
        return b"This is not a video. " * 100

    def make_profile(self) -> Profile:
        """Return a profile that the transcoder can make."""
        return parse_profile("web", {"480p.mp4": {"kind": "mp4", "height": 480}})

    def finish(self, job: Job) -> None:
        """Let a service end its jobs. A real service needs nothing here: the tests wait for it."""

    def count_jobs(self) -> int | None:
        """Return how many jobs the service has created since the test began; None if unknown."""
        return None

    # Submitting

    def test_submit_returns_external_id(self) -> None:
        transcoder, job = self.make_transcoder(), self._new_job()
        id = transcoder.submit(job)
        transcoder.cancel(replace(job, external_id=id))
        assert isinstance(id, str), f"the external id is {id!r}, not a string"
        assert 0 < len(id) <= _MAX_ID, f"{id!r} must have 1 to {_MAX_ID} characters"

    def test_second_submit_of_attempt_returns_same_job(self) -> None:
        transcoder, job = self.make_transcoder(), self._new_job()
        id = transcoder.submit(job)
        assert transcoder.submit(job) == id, "submit() twice began two jobs"
        if not transcoder.embedded:  # The worker died before it stored the id.
            assert self.make_transcoder().submit(job) == id, "a new process began another job"
        assert self.count_jobs() in (1, None), "submit() twice created two jobs"
        transcoder.cancel(replace(job, external_id=id))

    def test_new_attempt_is_another_job(self) -> None:
        transcoder = self.make_transcoder()
        first = submit_job(transcoder, self._new_job())
        retry = replace(first, token=new_token(), external_id="")
        second = submit_job(transcoder, retry)
        assert second.external_id != first.external_id, "two attempts have one external id"
        (*_, report) = self._run_job(transcoder, second)
        check_complete(report)
        for rendition in report.renditions:
            check_key(second, rendition)
        if not transcoder.embedded:
            foreign = read_report(transcoder, replace(first, external_id=second.external_id))
            assert foreign.state != State.COMPLETE, "the job of another attempt was reported"

    # Reading

    def test_state_and_progress_move_forward_until_complete(self) -> None:
        transcoder = self.make_transcoder()
        job = submit_job(transcoder, self._new_job())
        reports = [read_report(transcoder, job)]
        if reports[-1].state in LIVE:
            reports.append(read_report(transcoder, job))
        if reports[-1].state in LIVE:
            reports += self._run_job(transcoder, job)
        order = [*LIVE, State.COMPLETE]
        check_complete(reports[-1])
        places = [order.index(report.state) for report in reports]
        assert places == sorted(places), f"states went back: {[one.state for one in reports]}"
        assert State.PENDING not in {report.state for report in reports}, "pending after submit()"
        progress = [report.progress for report in reports]
        assert progress == sorted(progress), f"the progress went back: {progress}"
        assert progress[-1] == 100, f"a complete job has a progress of {progress[-1]} percent"

    def test_complete_report_describes_stored_files(self) -> None:
        transcoder = self.make_transcoder()
        job = submit_job(transcoder, self._new_job())
        (*_, report) = self._run_job(transcoder, job)
        check_complete(report)
        assert report.renditions, "a complete job has no renditions"
        for rendition in report.renditions:
            check_rendition(job, rendition)

    def test_all_files_are_stored_under_prefix_of_attempt(self) -> None:
        transcoder = self.make_transcoder()
        job = submit_job(transcoder, self._new_job())
        reports = self._run_job(transcoder, job)
        check_complete(reports[-1])
        for report in reports:
            for rendition in report.renditions:
                check_key(job, rendition)
        posters = {job.rendition_key(poster) for poster in job.profile.of_kind("poster")}
        outside = {key for key in stored_keys(job) if not key.startswith(job.prefix)} - posters
        assert not outside, f"files lie outside of {job.prefix}: {sorted(outside)}"
        assert job.storage.stat(str(job.original)) is not None, "the original is gone"

    def test_payload_of_complete_job_is_json(self) -> None:
        transcoder = self.make_transcoder()
        (*_, report) = self._run_job(transcoder, submit_job(transcoder, self._new_job()))
        assert isinstance(report.payload, Mapping), f"the payload is {report.payload!r}"
        call_quietly(json.dumps, dict(report.payload))

    def test_unknown_external_id_is_error_report(self) -> None:
        transcoder = self.make_transcoder()
        unknown = replace(self._new_job(), external_id="0000000000000-unknown")
        report = read_report(transcoder, unknown)
        assert report.state == State.ERROR, f"a job that does not exist is {report.state}"

    def test_service_can_be_read_and_cancelled_by_another_process(self) -> None:
        transcoder = self.make_transcoder()
        if transcoder.embedded:
            return
        first, second = (submit_job(transcoder, self._new_job()) for _ in range(2))
        other = self.make_transcoder()
        check_complete(self._run_job(other, first)[-1])
        again = read_report(self.make_transcoder(), first)
        check_complete(again)
        call_quietly(other.cancel, second)
        assert not attempt_files(second), "files of a cancelled job are left"

    # Failing

    def test_broken_video_is_error_with_code(self) -> None:
        transcoder = self.make_transcoder()
        job = self._new_job(self.make_broken_video())
        try:
            job = replace(job, external_id=transcoder.submit(job))
        except TranscodeError as refusal:
            error: TranscodeError | None = refusal
        else:
            (*_, report) = self._run_job(transcoder, job)
            assert report.state == State.ERROR, f"a broken video is {report.state}"
            error = report.error
        check_error(error)
        assert error is not None
        assert not error.retryable, "another attempt would not help with a broken video"
        transcoder.cancel(job)
        assert not attempt_files(job), "files of a failed job are left after cancel()"

    def test_job_that_is_not_wanted_any_more_does_not_complete(self) -> None:
        wanted = [True]
        transcoder = self.make_transcoder()
        job = replace(self._new_job(), wanted=lambda: wanted[0])
        job = submit_job(transcoder, job)
        wanted[0] = False  # The original was replaced while the job ran.
        (*_, report) = self._run_job(transcoder, job)
        assert report.state != State.COMPLETE, "a job completed whose original was replaced"
        transcoder.cancel(job)
        assert not stored_keys(job), f"files are left: {sorted(stored_keys(job))}"

    # Cancelling

    def test_cancelled_job_leaves_no_files_and_does_not_complete(self) -> None:
        transcoder = self.make_transcoder()
        job = submit_job(transcoder, self._new_job())
        read_report(transcoder, job)
        call_quietly(transcoder.cancel, job)
        assert not attempt_files(job), f"files are left: {sorted(attempt_files(job))}"
        if transcoder.can_cancel:
            (*_, report) = self._run_job(transcoder, job)
            assert report.state != State.COMPLETE, "can_cancel is True, but the job completed"

    def test_cancel_of_ended_job_is_no_error_and_leaves_no_files(self) -> None:
        transcoder = self.make_transcoder()
        job = submit_job(transcoder, self._new_job())
        check_complete(self._run_job(transcoder, job)[-1])
        for _ in range(2):
            call_quietly(transcoder.cancel, job)
        assert not attempt_files(job), f"files are left: {sorted(attempt_files(job))}"

    def test_cancel_of_job_that_was_not_submitted_is_no_error(self) -> None:
        call_quietly(self.make_transcoder().cancel, self._new_job())

    # Flags, checks and messages

    def test_flags_have_valid_values(self) -> None:
        transcoder = self.make_transcoder()
        name = transcoder.name
        assert isinstance(name, str), f"name is {name!r}"
        assert _NAME.fullmatch(name), f"name is {name!r}: use a-z, 0-9 and _, at most 50 of them"
        for flag in ("embedded", "can_cancel"):
            assert type(getattr(transcoder, flag)) is bool, f"{flag} is not a bool"

    def test_checks_yield_messages_without_network(self) -> None:
        with no_network():
            transcoder = self.make_transcoder()
            messages = [*transcoder.check(), *transcoder.check_profile(self.make_profile())]
        for message in messages:
            assert isinstance(message, CheckMessage), f"{message!r} is not a CheckMessage"
            assert message.id, f"{message!r} has no id, so that it cannot be silenced"

    def test_messages_of_others_are_not_events(self) -> None:
        strange: list[Any] = [None, True, 7, "", "x" * 1000, [], {}, {"status": []}]
        names = ("jobId", "detail", "state", "pipelineId", "source", "userMetadata", "id")
        messages = [{}, *({name: value} for name in names for value in strange)]
        messages += [dict.fromkeys(names, value) for value in strange]
        for message in messages:
            event = call_quietly(self.make_transcoder().parse_event, message)
            assert event is None or isinstance(event, JobEvent), f"{message} gave {event!r}"
            assert event is None or event.external_id, f"{message} gave an event without a job"

    # Steps

    def _new_job(self, video: bytes | None = None) -> Job:
        video = self.make_video() if video is None else video
        return new_job(self.make_storage(), self.make_profile(), video)

    def _run_job(self, transcoder: Transcoder, job: Job) -> list[JobReport]:
        self.finish(job)
        return read_until_ended(transcoder, job, self.patience)
