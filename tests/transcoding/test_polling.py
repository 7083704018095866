"""How often a service is asked about its jobs, and what a run of the command says of them."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import TranscodeError
from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.testapp.models import Film
from tests.transcoding.conftest import work
from tests.transcoding.scripted import PATH, Scripted

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

SERVICE: dict[str, Any] = {"TRANSCODER": {"BACKEND": PATH}, "TRANSCODE_POLL": (4, 30)}


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def job(film: Film) -> Iterator[TranscodeJob]:
    """Have a job submitted to a service."""
    Scripted.begin(State.PROGRESSING)
    with override_settings(SHIFT_MEDIA=SERVICE):
        work()
        yield TranscodeJob.objects.get()


def moments(clock: Clock, seconds: int) -> list[float]:
    """List when a job was looked at, with a look at the clock each second."""
    poller, began, seen = services.Poller(clock), clock.now, []
    for _ in range(seconds):
        seen += [clock.now - began for _ in poller.poll()]
        clock.now += 1
    return seen


@pytest.mark.acceptance(57)
def test_what_does_not_move_is_asked_about_more_and_more_seldom(job: TranscodeJob) -> None:
    seen = moments(Clock(), 200)
    pauses = [later - earlier for earlier, later in itertools.pairwise(seen)]
    assert pauses[:2] == [4, 6]  # The first look brought news.
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30
    assert len(seen) < 15


@pytest.mark.acceptance(57)
def test_a_service_that_throttles_is_asked_more_seldom_and_its_job_goes_on(
    job: TranscodeJob,
) -> None:
    Scripted.failures[:] = [TranscodeError("slow down", code="x", retryable=True)] * 50
    seen = moments(Clock(), 100)
    assert len(seen) < 10
    job.refresh_from_db()
    assert (job.state, job.error_code) == (State.SUBMITTED, "x")
    Scripted.failures.clear()
    assert services.poll(job)
    assert (job.state, job.error_code) == (State.PROGRESSING, "")


def test_news_make_the_pause_short_again_and_the_end_forgets_it(job: TranscodeJob) -> None:
    clock = Clock()
    poller = services.Poller(clock)
    for _ in range(100):
        list(poller.poll())
        clock.now += 1
    Scripted.begin(State.PROGRESSING, State.COMPLETE)
    TranscodeJob.objects.update(progress=10)  # So that the next report brings news.
    clock.now += 30
    assert [looked.state for looked in poller.poll()] == [State.PROGRESSING]
    clock.now += 4
    assert [looked.state for looked in poller.poll()] == [State.COMPLETE]
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


@pytest.mark.acceptance(46)
def test_a_job_that_was_put_off_has_an_exit_code_of_its_own(
    film: Film, stored: Callable[[], list[str]]
) -> None:
    default_media_storage.delete(film.video.key)
    with pytest.raises(CommandError, match="1 put off") as caught:
        call_command("media_transcode", stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.returncode == 3
    job = TranscodeJob.objects.get()
    assert (job.state, job.attempts) == (State.PENDING, 1)
    assert stored() == []


@pytest.mark.parametrize("value", [(5,), (0, 5), (10, 5), ("1", "2"), 5, (True, 5), None])
def test_pauses_that_make_no_sense_are_refused(value: object) -> None:
    with (
        override_settings(SHIFT_MEDIA={"TRANSCODE_POLL": value}),
        pytest.raises(ConfigurationError, match=r"such as \(5, 60\)"),
    ):
        _ = settings.TRANSCODE_POLL
