"""A MediaConvert that throttles, fails, loses answers or reports wrong states."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings
from django.utils import timezone

from shift_media.transcoding import services
from shift_media.transcoding.backends.mediaconvert.job_settings import build_groups
from shift_media.transcoding.backends.mediaconvert.outputs import MediaConvertOutputs
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt
from shift_media.video import planning
from tests.testapp.models import Film
from tests.transcoding.conftest import work
from tests.transcoding.mediaconvert_site import (
    SMALL,
    MediaConvertSite,
    aws,
    film,
    new_film,
    site_settings,
    the_job,
)

__all__ = ["aws", "film"]

pytestmark = [
    pytest.mark.needs("ffmpeg"),
    pytest.mark.s3,
    pytest.mark.django_db(transaction=True),
]


def due_now() -> None:
    TranscodeJob.objects.update(not_before=timezone.now())


@pytest.mark.acceptance(57)
@pytest.mark.parametrize("remembers", [True, False], ids=["in its minute", "after its minute"])
@pytest.mark.parametrize("status", [500, 0], ids=["500", "no answer"])
def test_lost_answer_to_creation_makes_no_second_job(
    aws: MediaConvertSite, clip: Path, status: int, remembers: bool
) -> None:
    aws.server.forgets_tokens = not remembers
    aws.server.inject("POST", "/jobs", status=status, after=True)
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, read_timeout=3)):
        film = new_film(clip)
        work()
        assert aws.server.states() == ["SUBMITTED"]
        assert aws.server.count("POST", "/jobs") == 1
        (id,) = aws.server.jobs
        assert the_job().external_id == id
    aws.finish()
    services.refresh(the_job())
    assert len(film.video.renditions) == 2


@pytest.mark.acceptance(57)
@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "TooManyRequestsException"), (500, "InternalServerErrorException"), (503, "Busy")],
)
def test_throttled_or_failed_request_is_repeated(
    aws: MediaConvertSite, film: Film, status: int, code: str
) -> None:
    aws.server.inject("POST", "/jobs", status=status, code=code, times=2)
    aws.server.inject("GET", "/search", status=status, code=code, times=1)
    work()
    assert aws.server.states() == ["SUBMITTED"]
    assert (the_job().state, the_job().attempts) == (State.SUBMITTED, 1)
    aws.server.inject("GET", "/jobs/", status=status, code=code, times=2)
    aws.finish()
    assert services.refresh(the_job()).state == State.COMPLETE


@pytest.mark.acceptance(57)
def test_job_fails_after_last_attempt_if_service_keeps_throttling(
    aws: MediaConvertSite, film: Film
) -> None:
    code = "TooManyRequestsException"
    aws.server.inject("POST", "/jobs", status=429, code=code, times=1000)
    for attempt in (1, 2):
        work()
        job = the_job()
        assert (job.state, job.error_code, job.attempts) == (State.PENDING, code, attempt)
        assert job.not_before > timezone.now()
        due_now()
    work()
    assert (the_job().state, the_job().error_code) == (State.ERROR, code)
    assert "made by the test" in the_job().error
    assert aws.server.jobs == {}
    assert aws.stored() == [film.video.key]


@pytest.mark.acceptance(57)
def test_job_of_dead_worker_is_cancelled_before_next_is_created(
    aws: MediaConvertSite, film: Film
) -> None:
    aws.server.inject("POST", "/jobs", status=500, after=True)
    aws.server.forgets_tokens = True
    worker_dies_after_creating(aws)
    assert aws.server.states() == ["SUBMITTED"]
    due_now()
    work()
    assert aws.server.states() == ["CANCELED", "SUBMITTED"]
    aws.finish()
    assert services.refresh(the_job()).state == State.COMPLETE
    assert len(film.video.renditions) == 2


def worker_dies_after_creating(aws: MediaConvertSite) -> None:
    """Leave the row in the state of a worker that was killed before it stored the external id."""
    job = services.claim("mortal")
    assert job is not None
    services.transcoder().submit(build_attempt(job))
    TranscodeJob.objects.update(lease_until=timezone.now())
    assert services.recover() == 1


@pytest.mark.acceptance(57)
def test_refused_request_fails_job_at_once(aws: MediaConvertSite, clip: Path) -> None:
    wrong = {"queue": "nosuch"}
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, **wrong)):
        new_film(clip)
        work()
    job = the_job()
    assert (job.state, job.error_code) == (State.ERROR, "NotFoundException")
    assert "no such queue" in job.error
    assert aws.server.count("POST", "/jobs") == 1


@pytest.mark.acceptance(57)
def test_value_outside_of_the_api_is_not_sent(aws: MediaConvertSite, clip: Path) -> None:
    wrong = {"acceleration": "FAST"}
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, **wrong)):
        new_film(clip)
        work()
    job = the_job()
    assert (job.state, job.error_code) == (State.ERROR, "bad_settings")
    assert "not one of DISABLED, ENABLED, PREFERRED" in job.error
    assert aws.server.count("POST", "/jobs") == 0


@pytest.mark.acceptance(46, 57)
def test_failed_read_neither_stops_nor_repeats_job(aws: MediaConvertSite, film: Film) -> None:
    work()
    aws.server.inject("GET", "/jobs/", status=500, times=4)
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.SUBMITTED, "InternalServerErrorException")
    job = services.refresh(the_job())
    assert (job.state, job.error_code, job.error) == (State.SUBMITTED, "", "")
    aws.finish()
    job = services.refresh(job)
    assert (job.state, job.error_code) == (State.COMPLETE, "")
    assert aws.server.states() == ["COMPLETE"]


@pytest.mark.acceptance(46)
def test_repeated_reports_out_of_order_change_nothing(aws: MediaConvertSite, film: Film) -> None:
    work()
    (id,) = aws.server.jobs
    aws.server.progress(id, 60)
    services.refresh(the_job())
    aws.server.progress(id, 30)
    assert services.refresh(the_job()).progress == 60
    aws.server.jobs[id].answer["status"] = "SUBMITTED"
    assert services.refresh(the_job()).state == State.PROGRESSING
    aws.finish()
    late = the_job()
    attempt = build_attempt(late)
    report = services.transcoder().read(attempt)
    services.refresh(the_job())
    keys = aws.stored()
    services.polling._settle(late, attempt, report)  # type: ignore[attr-defined]
    assert services.refresh(the_job()).state == State.COMPLETE
    assert aws.stored() == keys
    assert len(film.video.renditions) == 2


@pytest.mark.acceptance(46)
def test_two_processes_that_verify_outputs_report_the_same(
    aws: MediaConvertSite, clip: Path
) -> None:
    with override_settings(SHIFT_MEDIA=site_settings(aws.server)):
        film = new_film(clip)
        work()
        aws.finish()
        attempt = build_attempt(the_job())
        facts = attempt.facts()
        plan = planning.build_plan(attempt.profile, facts)
        slower = MediaConvertOutputs(attempt, facts)
        services.refresh(the_job())
        stored = aws.stored()
        found = slower.reports(build_groups(plan, "s3://any/"), [])
        assert {r.key: r.size for r in found} == {r.key: r.size for r in film.video.renditions}
    assert aws.stored() == stored


@pytest.mark.acceptance(46)
@pytest.mark.parametrize(("code", "state"), [(1010, State.ERROR), (1999, State.PENDING)])
def test_error_of_service_is_stored_and_its_own_faults_are_retried(
    aws: MediaConvertSite, film: Film, code: int, state: State
) -> None:
    work()
    (id,) = aws.server.jobs
    aws.server.fail(id, code, "Something is wrong.")
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (state, f"mediaconvert_{code}")
    assert job.error == "Something is wrong."


@pytest.mark.acceptance(46)
def test_job_past_deadline_is_cancelled_and_fails(aws: MediaConvertSite, clip: Path) -> None:
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, timeout=3600)):
        new_film(clip)
        work()
        (job,) = aws.server.jobs.values()
        job.answer["createdAt"] -= 3700
        assert services.refresh(the_job()).error_code == "deadline"
    assert aws.server.states() == ["CANCELED"]


@pytest.mark.acceptance(46)
def test_unknown_status_is_an_error_of_the_reading_until_the_deadline(
    aws: MediaConvertSite, clip: Path
) -> None:
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, timeout=3600)):
        new_film(clip)
        work()
        (job,) = aws.server.jobs.values()
        job.answer["status"] = "PAUSED"
        read = services.refresh(the_job())
        assert (read.state, read.error_code) == (State.SUBMITTED, "unknown_status")
        assert "'PAUSED'" in read.error
        assert "PROGRESSING" in read.error
        job.answer["createdAt"] -= 3700
        assert services.refresh(the_job()).error_code == "deadline"


@pytest.mark.acceptance(46)
def test_complete_job_without_its_files_is_retried(aws: MediaConvertSite, film: Film) -> None:
    work()
    aws.finish()
    (lost,) = (key for key in aws.stored() if key.endswith("480p.mp4"))
    aws.s3.delete_object(Bucket=aws.bucket, Key=lost)
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.PENDING, "missing_output")
    assert film.video.renditions == []
    assert aws.stored() == [film.video.key]
    due_now()
    work()
    aws.finish()
    assert services.refresh(the_job()).state == State.COMPLETE
    assert len(film.video.renditions) == 2


@pytest.mark.acceptance(46)
def test_complete_job_with_other_bytes_fails(aws: MediaConvertSite, film: Film) -> None:
    work()
    aws.finish()
    (made,) = (key for key in aws.stored() if key.endswith("480p.mp4"))
    aws.s3.put_object(Bucket=aws.bucket, Key=made, Body=b"no video at all")
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.ERROR, "bad_output")
    assert aws.stored() == [film.video.key]
