"""The intervals at which jobs of a service are polled, and the command that waits for them."""

from __future__ import annotations

import contextlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, transaction
from django.test import override_settings
from django.utils import timezone

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import TranscodeError
from shift_media.core.keys import parse_original_key
from shift_media.deletion import budget
from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.base import Job, State
from shift_media.transcoding.models import TranscodeJob
from tests.testapp.models import Film
from tests.transcoding.conftest import NewFilm, work
from tests.transcoding.scripted import PATH, Scripted
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

SERVICE: dict[str, Any] = {"TRANSCODER": {"BACKEND": PATH}, "TRANSCODE_POLL": (4, 30)}


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def job(film: Film) -> Iterator[TranscodeJob]:
    """Return a job that was submitted to the scripted service."""
    Scripted.begin(State.PROGRESSING)
    with override_settings(SHIFT_MEDIA=SERVICE):
        work()
        yield TranscodeJob.objects.get()


def poll_times(clock: Clock, seconds: int) -> list[float]:
    """Return the seconds after which a poller has polled a job; it runs once a second."""
    poller, start, times = services.Poller(clock), clock.now, []
    for _ in range(seconds):
        times += [clock.now - start for _ in poller.poll()]
        clock.now += 1
    return times


@pytest.mark.slow
@pytest.mark.acceptance(57)
def test_unchanged_job_is_polled_at_growing_intervals(job: TranscodeJob) -> None:
    times = poll_times(Clock(), 200)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:2] == [4, 6]  # The first poll finds the job changed.
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30
    assert len(times) < 15


@pytest.mark.slow
@pytest.mark.acceptance(57)
def test_throttled_polls_slow_down_and_the_job_goes_on(
    job: TranscodeJob,
) -> None:
    Scripted.failures[:] = [TranscodeError("slow down", code="x", retryable=True)] * 50
    times = poll_times(Clock(), 100)
    assert len(times) < 10
    job.refresh_from_db()
    assert (job.state, job.error_code) == (State.SUBMITTED, "x")
    Scripted.failures.clear()
    assert services.poll(job)
    assert (job.state, job.error_code) == (State.PROGRESSING, "")


@pytest.mark.slow
def test_changed_job_is_polled_soon_again_and_an_ended_one_never(job: TranscodeJob) -> None:
    clock = Clock()
    poller = services.Poller(clock)
    for _ in range(100):
        list(poller.poll())
        clock.now += 1
    Scripted.begin(State.PROGRESSING, State.COMPLETE)
    TranscodeJob.objects.update(progress=10)  # So that the next poll finds the job changed.
    clock.now += 30
    assert [polled.state for polled in poller.poll()] == [State.PROGRESSING]
    clock.now += 4
    assert [polled.state for polled in poller.poll()] == [State.COMPLETE]
    clock.now += 100
    assert list(poller.poll()) == []
    assert len(Scripted.read_ids) == 2


def test_wait_polls_until_the_jobs_have_ended(job: TranscodeJob) -> None:
    Scripted.begin(State.PROGRESSING, State.COMPLETE)
    out = io.StringIO()
    quick = {**SERVICE, "TRANSCODE_POLL": (0.01, 0.02)}
    with override_settings(SHIFT_MEDIA=quick):
        call_command("media_transcode", wait=True, stdout=out, stderr=out)
    assert "complete, 100 %" in out.getvalue()
    assert len(Scripted.read_ids) == 2


@pytest.mark.slow
def test_wait_after_the_limit_waits_for_the_jobs_that_were_run(new_film: NewFilm) -> None:
    new_film()
    new_film()
    Scripted.begin(State.PROGRESSING, State.PROGRESSING, State.COMPLETE)
    with override_settings(SHIFT_MEDIA={**SERVICE, "TRANSCODE_POLL": (0.01, 0.02)}):
        call_command("media_transcode", wait=True, limit=1, watch=True, stdout=io.StringIO())
    states = set(TranscodeJob.objects.values_list("state", flat=True))
    assert states == {State.COMPLETE, State.PENDING}


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_job_that_was_put_off_exits_with_3(film: Film, stored: Callable[[], list[str]]) -> None:
    default_media_storage.delete(film.video.key)
    with pytest.raises(CommandError, match="1 put off") as caught:
        call_command("media_transcode", stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.returncode == 3
    job = TranscodeJob.objects.get()
    assert (job.state, job.attempts) == (State.PENDING, 1)
    assert stored() == []


@pytest.mark.parametrize("value", [(5,), (0, 5), (10, 5), ("1", "2"), 5, (True, 5), None])
def test_invalid_poll_pauses_are_refused(value: object) -> None:
    with (
        override_settings(SHIFT_MEDIA={"TRANSCODE_POLL": value}),
        pytest.raises(ConfigurationError, match=r"such as \(5, 60\)"),
    ):
        _ = settings.TRANSCODE_POLL


def test_deleted_job_is_cancelled_at_its_service(job: TranscodeJob) -> None:
    TranscodeJob.objects.all().delete()
    assert Scripted.cancelled == [job.external_id]


def test_rolled_back_deletion_of_a_job_cancels_nothing(job: TranscodeJob) -> None:
    with transaction.atomic():
        job.delete()
        transaction.set_rollback(True)
    assert Scripted.cancelled == []


def test_job_whose_profile_was_removed_ends_and_is_cancelled_at_its_service(
    job: TranscodeJob,
) -> None:
    TranscodeJob.objects.update(profile="old")
    job.refresh_from_db()
    assert services.poll(job)
    assert (job.state, job.error_code) == (State.ERROR, "no_profile")
    assert Scripted.cancelled == [job.external_id]


@pytest.mark.parametrize(("days", "state"), [(6, State.SUBMITTED), (8, State.ERROR)])
def test_job_that_can_never_be_read_does_not_stay_submitted_for_ever(
    job: TranscodeJob, days: int, state: State
) -> None:
    TranscodeJob.objects.update(started=timezone.now() - timedelta(days=days))
    Scripted.failures[:] = [TranscodeError("AccessDenied", code="x", retryable=True)]
    services.poll(job)
    assert job.state == state
    assert "AccessDenied" in job.error
    assert Scripted.cancelled == ([job.external_id] if state == State.ERROR else [])


def test_job_whose_reading_fails_for_good_is_cancelled_at_its_service(job: TranscodeJob) -> None:
    Scripted.failures[:] = [TranscodeError("No such queue", code="x")]
    assert services.poll(job)
    assert (job.state, job.error_code) == (State.ERROR, "x")
    assert Scripted.cancelled == [job.external_id]


def test_cancellation_never_raises_after_it_was_stored(
    job: TranscodeJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(transcoder: Scripted, attempt: Any) -> None:
        raise TranscodeError("the service is down")

    monkeypatch.setattr(Scripted, "cancel", refuse)
    TranscodeJob.objects.update(profile="old")
    job.refresh_from_db()
    assert services.cancel(job)
    assert job.state == State.CANCELED
    assert "the service is down" in caplog.text


def test_cancellation_by_a_job_read_before_its_submission_reaches_the_service(
    job: TranscodeJob,
) -> None:
    job.external_id = ""
    assert services.cancel(job)
    assert Scripted.cancelled == [f"external-{job.pk}"]


# The end of a job that a service runs.

Drop = Callable[[int], None]


def complete_once(drop: Drop, queries: int) -> None:
    Scripted.begin(State.COMPLETE)
    drop(queries)


@pytest.mark.slow
@pytest.mark.acceptance(64)
@pytest.mark.parametrize("queries", [0, 1, 2])
def test_poll_whose_database_is_away_after_the_commit_loses_no_signal(
    job: TranscodeJob, drop: Drop, completed: list[int], queries: int
) -> None:
    complete_once(drop, queries)
    for _ in range(4):
        with contextlib.suppress(OperationalError):
            services.poll(job)
    assert completed == [job.pk]


@pytest.mark.acceptance(64)
def test_older_files_are_deleted_after_such_a_poll(
    job: TranscodeJob, drop: Drop, stored: Callable[[], list[str]]
) -> None:
    older = f"{parse_original_key(job.original).directory}/_web/0a1b2c3d/480p.mp4"
    default_media_storage.put(older, ContentFile(b"old"), content_type="video/mp4")  # type: ignore[attr-defined]
    complete_once(drop, 1)
    with pytest.raises(OperationalError):
        services.poll(job)
    assert older in stored()
    services.poll(job)
    assert older not in stored()
    assert len(stored()) == 2


@pytest.mark.acceptance(64)
def test_worker_announces_a_job_whose_process_was_killed_after_the_commit(
    job: TranscodeJob, drop: Drop, completed: list[int]
) -> None:
    complete_once(drop, 1)
    with pytest.raises(OperationalError):
        services.poll(job)
    services.recover()
    assert completed == []  # The process may still be alive.
    TranscodeJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    services.recover()
    services.recover()
    assert completed == [job.pk]
    assert TranscodeJob.objects.get().lease_until is None


@pytest.mark.acceptance(64)
def test_failure_is_announced_once_although_the_database_was_away(
    job: TranscodeJob, monkeypatch: pytest.MonkeyPatch, failed: list[int]
) -> None:
    Scripted.begin(State.ERROR)
    with monkeypatch.context() as patch:
        patch.setattr(TranscodeJob, "take_announcement", away)
        services.poll(job)
    assert (job.state, failed) == (State.ERROR, [])
    for _ in range(2):
        services.poll(TranscodeJob.objects.get())
    assert failed == [job.pk]


def away(job: TranscodeJob) -> bool:
    raise OperationalError("could not connect to server")


def test_retried_job_is_not_announced_as_failed(
    job: TranscodeJob, monkeypatch: pytest.MonkeyPatch, failed: list[int]
) -> None:
    Scripted.begin(State.ERROR)
    with monkeypatch.context() as patch:
        patch.setattr(TranscodeJob, "take_announcement", away)
        services.poll(job)
    assert services.retry(job)
    assert not TranscodeJob.objects.get().is_unannounced
    services.recover()
    assert failed == []


# Cancellation within the time of a request.


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let the service answer no cancellation until the event is set."""
    answer = threading.Event()
    cancel = Scripted.cancel

    def wait(transcoder: Scripted, job: Job) -> None:
        assert answer.wait(60)
        cancel(transcoder, job)

    monkeypatch.setattr(Scripted, "cancel", wait)
    yield answer
    answer.set()
    wait_until(lambda: not budget._running)


@pytest.mark.acceptance(42)
@pytest.mark.parametrize("seconds", [0, 0.05])
def test_request_does_not_wait_for_the_cancellation_of_a_deleted_video(
    job: TranscodeJob, silent: threading.Event, seconds: float
) -> None:
    """The cancellation cannot be repeated, so it begins even if no time is left."""
    id = job.external_id
    with override_settings(SHIFT_MEDIA={**SERVICE, "DELETE_SECONDS": seconds}):
        request_started.send(None)
        try:
            Film.objects.all().delete()
            TranscodeJob.objects.all().delete()
        finally:
            request_finished.disconnect(close_old_connections)
            request_finished.send(None)
            request_finished.connect(close_old_connections)
    assert Scripted.cancelled == []
    silent.set()
    wait_until(lambda: Scripted.cancelled == [id])


def test_command_waits_for_the_cancellation(job: TranscodeJob) -> None:
    with override_settings(SHIFT_MEDIA={**SERVICE, "DELETE_SECONDS": 0}):
        call_command("media_transcode", cancel=job.pk, stdout=io.StringIO())
    assert Scripted.cancelled == [job.external_id]
