"""Steps that the transcoder contract repeats: jobs to submit, reports to read, no network."""

from __future__ import annotations

import contextlib
import io
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

from shift_media.core.errors import TranscodeError
from shift_media.core.keys import new_original_key, parse_key
from shift_media.storages.base import MediaStorage
from shift_media.transcoding.base import LIVE, Job, JobReport, RenditionReport, State, Transcoder
from shift_media.video.profiles import Profile

_PAUSE = 0.01
"""Seconds between two reads of a job that a service works on."""


def new_job(
    storage: MediaStorage,
    profile: Profile,
    video: bytes,
    wanted: Callable[[], bool] = lambda: True,
) -> Job:
    """Store a video as a new original and return the first attempt to transcode it."""
    original = new_original_key("contract", "mp4")
    storage.put(str(original), io.BytesIO(video), content_type="video/mp4", size=len(video))
    # Primary keys are unique within one site, and tests of one service may run at the same time.
    id = 1 + secrets.randbelow(2**31)
    return Job(id, new_token(), original, profile, storage, wanted)


def new_token() -> str:
    """Return a random token of an attempt: 8 hexadecimal digits."""
    return secrets.token_hex(4)


def submit_job(transcoder: Transcoder, job: Job) -> Job:
    """Submit a job and return it with its external id."""
    return replace(job, external_id=transcoder.submit(job))


def read_report(transcoder: Transcoder, job: Job) -> JobReport:
    """Return a report and assert that it is a valid one."""
    try:
        report = transcoder.read(job)
    except Exception as error:
        raise AssertionError(f"read() raised {error!r} instead of returning a report") from error
    assert isinstance(report, JobReport), f"read() returned {report!r}, which is not a JobReport"
    assert report.state in State, f"{report.state!r} is not a State"
    assert 0 <= report.progress <= 100, f"the progress is {report.progress} percent"
    if report.state == State.ERROR:
        check_error(report.error)
    else:
        assert report.error is None, f"a report of {report.state} has an error: {report.error!r}"
    return report


def check_error(error: object) -> None:
    """Assert that an error says what happened, by a code and whether to try again."""
    assert isinstance(error, TranscodeError), f"{error!r} is not a TranscodeError"
    assert isinstance(error.code, str), f"the code of {error!r} is not a string"
    assert 0 < len(error.code) <= 100, f"the code of {error!r} must have 1 to 100 characters"
    assert error.code != TranscodeError.code, f"{error!r} has no code of its own"
    assert str(error) != error.public, f"{error!r} does not say what happened"
    assert isinstance(error.retryable, bool), f"{error!r}.retryable is not a bool"


def read_until_ended(transcoder: Transcoder, job: Job, seconds: float) -> list[JobReport]:
    """Return all reports of a job until it has ended."""
    deadline = time.monotonic() + seconds
    reports = [read_report(transcoder, job)]
    while reports[-1].state in LIVE:
        assert time.monotonic() < deadline, f"the job has not ended after {seconds:g} seconds"
        time.sleep(0 if transcoder.embedded else _PAUSE)
        reports.append(read_report(transcoder, job))
    return reports


def call_quietly(call: Callable[..., Any], *args: Any) -> Any:
    """Return the result of a call, and assert that it raises nothing."""
    try:
        return call(*args)
    except Exception as error:
        raise AssertionError(f"{call} raised {error!r}") from error


def stored_keys(job: Job) -> set[str]:
    """Return all keys in the directory of the original, without the original itself."""
    keys = {entry.key for entry in job.storage.entries(job.original.prefix)}
    return keys - {str(job.original)}


def attempt_files(job: Job) -> set[str]:
    """Return the keys that this attempt has stored, except the poster."""
    return {entry.key for entry in job.storage.entries(job.prefix)}


def check_complete(report: JobReport) -> None:
    """Assert that the job is complete."""
    assert report.state == State.COMPLETE, f"the job is {report.state}: {report.error}"


def check_key(job: Job, rendition: RenditionReport) -> None:
    """Assert that the key of a rendition is where this attempt may write."""
    if rendition.kind == "poster":
        allowed = {job.poster} if job.poster else set()
        allowed |= {job.rendition_key(one) for one in job.profile.of_kind("poster")}
        assert rendition.key in allowed, f"{rendition.key} is not the key of a poster"
    else:
        assert rendition.key.startswith(job.prefix), (
            f"{rendition.key} does not begin with {job.prefix}"
        )
    parsed = call_quietly(parse_key, rendition.key)
    assert str(parsed) == rendition.key, f"{rendition.key} is not a canonical key"


def check_rendition(job: Job, rendition: RenditionReport) -> None:
    """Assert that a rendition is stored, and that its report is right."""
    key = rendition.key
    assert rendition.state == State.COMPLETE, f"{key} is {rendition.state}"
    stat = job.storage.stat(key)
    assert stat is not None, f"{key} is not stored"
    assert stat.size > 0, f"{key} is empty"
    assert rendition.kind in {one.kind for one in job.profile.renditions}, (
        f"{key} is of a kind that the profile does not ask for: {rendition.kind!r}"
    )
    assert "/" in rendition.content_type, f"{key} has the type {rendition.content_type!r}"
    assert (rendition.size or 0) >= stat.size, (
        f"{key} has {stat.size} bytes, but its report says {rendition.size}"
    )
    for number in (rendition.width, rendition.height, rendition.duration):
        assert number is None or number > 0, f"{key} has a side or duration of {number!r}"


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Let every connection and every look-up of a host name fail."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the network was used")

    with (
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
    ):
        yield
