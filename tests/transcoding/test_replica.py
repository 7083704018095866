"""Jobs on a site whose reads go to a replica that lags behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django
import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services import Poller, Worker
from tests.servers.replica import Replicate, replicate
from tests.testapp.models import Film
from tests.transcoding import scripted
from tests.transcoding.conftest import NewFilm
from tests.transcoding.scripted import Scripted

__all__ = ["replicate"]

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.acceptance(65)]

TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
SCRIPTED: dict[str, Any] = {"TRANSCODER": {"BACKEND": scripted.PATH}}


@pytest.fixture(autouse=True)
def _scripted(replicate: Replicate) -> Any:
    Scripted.begin(State.COMPLETE)
    with override_settings(SHIFT_MEDIA=SCRIPTED):
        yield


def the_job() -> TranscodeJob:
    return TranscodeJob.objects.using("default").get()


def test_job_is_run_and_polled_before_the_replica_has_it(new_film: NewFilm) -> None:
    film = new_film()
    call_command("media_transcode", wait=True, verbosity=0)
    assert the_job().state == State.COMPLETE
    assert the_job().original == film.video.key


@override_settings(
    SHIFT_MEDIA={**SCRIPTED, "TASKS": "default"},
    TASKS={"default": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}},
)
def test_task_runs_its_job_before_the_replica_has_it(new_film: NewFilm) -> None:
    new_film()
    assert the_job().state == State.SUBMITTED


def test_dead_worker_does_not_stop_the_queue(new_film: NewFilm, replicate: Replicate) -> None:
    new_film()
    job = services.claim("mortal")
    assert job is not None
    replicate()
    TranscodeJob.objects.using("default").update(lease_until=timezone.now() - timedelta(hours=1))
    assert services.recover() == 1
    assert Worker().run_one() is not None
    assert the_job().state == State.SUBMITTED


def test_video_of_a_row_from_a_replica_is_transcoded(
    new_film: NewFilm, replicate: Replicate
) -> None:
    new_film()
    TranscodeJob.objects.using("default").all().delete()
    replicate()
    job = Film.objects.get().video.transcode()
    assert job == the_job()


def test_job_from_a_replica_is_canceled_and_retried(
    new_film: NewFilm, replicate: Replicate
) -> None:
    new_film()
    replicate()
    job = TranscodeJob.objects.get()
    assert job._state.db == "replica"
    assert services.cancel(job)
    assert job.state == the_job().state == State.CANCELED
    replicate()
    assert services.retry(TranscodeJob.objects.get())
    assert the_job().state == State.PENDING


def test_job_from_a_replica_is_refreshed(new_film: NewFilm, replicate: Replicate) -> None:
    new_film()
    Worker().run_one()
    replicate()
    job = services.refresh(TranscodeJob.objects.get())
    assert job.state == the_job().state == State.COMPLETE


def test_poller_reads_jobs_that_the_replica_does_not_have(new_film: NewFilm) -> None:
    new_film()
    Worker().run_one()
    (job,) = Poller().poll()
    assert job.state == State.COMPLETE


def test_jobs_of_a_deleted_video_are_deleted(new_film: NewFilm) -> None:
    film = new_film()
    services.delete_jobs([film.video.key])
    assert not TranscodeJob.objects.using("default").exists()


def test_commands_submit_and_cancel_what_the_replica_does_not_have(new_film: NewFilm) -> None:
    new_film()
    call_command("media_transcode", cancel=the_job().pk, verbosity=0)
    assert the_job().state == State.CANCELED
    TranscodeJob.objects.using("default").update(state=State.ERROR)
    call_command("media_transcode", retry_failed=True, wait=True, verbosity=0)
    assert the_job().state == State.COMPLETE
    call_command("media_transcode", "testapp.Film", force=True, verbosity=0)
    assert TranscodeJob.objects.using("default").count() == 2
