"""Failures after a job was committed as complete: its files and its row stay."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from shift_media.core.errors import StorageError
from shift_media.storages import LocalMediaStorage, default_media_storage, unwrap
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services import Worker, recover, worker
from shift_media.transcoding.services.reports import apply
from tests.testapp.models import Film
from tests.transcoding import scripted
from tests.transcoding.conftest import NewFilm
from tests.transcoding.scripted import Scripted
from tests.transcoding.test_command import PATIENCE, NewSite, new_site

__all__ = ["new_site"]

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

POSTER = {"PROFILES": {"web": {"_poster.jpg": {"kind": "poster"}}}}


@pytest.fixture(autouse=True)
def _only_a_poster() -> Iterator[None]:
    with override_settings(SHIFT_MEDIA=POSTER):
        yield


def assert_published(film: Film) -> None:
    job = TranscodeJob.objects.get()
    assert (job.state, job.attempts, job.error) == (State.COMPLETE, 1, "")
    (rendition,) = film.video.renditions
    assert default_media_storage.exists(rendition.key)


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_job_is_complete_if_the_reader_of_standard_output_is_gone(film: Film) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        call_command("media_transcode", stdout=out)
    assert_published(film)


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_command_exits_with_0_after_its_reader_is_gone(new_site: NewSite, clip: Path) -> None:
    site = new_site()
    site.add_films(clip, 1)
    process = site.start("--wait")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stdout = None
    assert len(site.keys()) == 2


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_job_is_complete_if_its_progress_cannot_be_reported(
    film: Film, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(job: TranscodeJob) -> None:
        raise BrokenPipeError

    Worker(on_progress=fail).run_one()
    assert_published(film)
    assert "The progress of web of" in caplog.text


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_job_is_complete_if_the_connection_is_lost_after_its_commit(
    film: Film, drop: Callable[[int], None], completed: list[int]
) -> None:
    drop(0)
    Worker().run_one()
    assert_published(film)
    assert completed == [TranscodeJob.objects.get().pk]


@pytest.mark.slow
@pytest.mark.acceptance(64)
@pytest.mark.parametrize("queries", [1, 2])
def test_worker_waits_for_a_database_that_is_away_after_the_commit(
    film: Film,
    drop: Callable[[int], None],
    queries: int,
    completed: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "PROGRESS_SECONDS", 0)
    drop(queries)
    Worker().run_one()
    assert_published(film)
    assert completed == [TranscodeJob.objects.get().pk]


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_files_stay_if_the_worker_stops_waiting_for_the_database(
    film: Film, drop: Callable[[int], None]
) -> None:
    class Stop(threading.Event):
        """An event that is set while the worker waits for the database."""

        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    drop(2)
    Worker(stop=Stop()).run_one()
    assert_published(film)


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_second_interrupt_while_old_files_are_deleted_keeps_the_new_ones(
    film: Film, completed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(storage: object, prefix: str = "") -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(unwrap(film.video.storage)), "entries", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Worker().run_one()
    assert_published(film)
    assert completed == [TranscodeJob.objects.get().pk]


@pytest.mark.slow
@pytest.mark.acceptance(64)
def test_unexpected_error_while_old_files_are_deleted_prevents_no_signal(
    film: Film, completed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(storage: object, prefix: str = "") -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(unwrap(film.video.storage)), "entries", fail)
    Worker().run_one()
    assert_published(film)
    assert completed == [TranscodeJob.objects.get().pk]


@pytest.mark.slow
def test_interrupt_before_completion_deletes_the_files(
    film: Film, stored: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(job: TranscodeJob, report: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(TranscodeJob, "_complete", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Worker().run_one()
    assert TranscodeJob.objects.get().state == State.PENDING
    assert stored() == [film.video.key]


def test_late_report_does_not_complete_a_job_that_was_recovered(new_film: NewFilm) -> None:
    """The files of the lost attempt are deleted, so that its report must not publish them."""
    Scripted.begin(State.COMPLETE)
    with override_settings(SHIFT_MEDIA={**POSTER, "TRANSCODER": {"BACKEND": scripted.PATH}}):
        new_film()
        Worker().run_one()
        job = TranscodeJob.objects.get()
        report = services.transcoder().read(services.attempts.build_attempt(job))
    assert recover() == 1  # The site has another transcoder now.
    assert not apply(job, report)
    assert TranscodeJob.objects.get().state == State.PENDING


@pytest.mark.slow
def test_job_is_complete_if_the_storage_is_away_after_the_commit(
    film: Film, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: object, prefix: str) -> Iterator[Any]:
        raise StorageError("The storage is away.")

    monkeypatch.setattr(LocalMediaStorage, "entries", fail)
    Worker().run_one()
    assert_published(film)
    assert "stay until media_cleanup runs: The storage is away." in caplog.text
    assert "Traceback" not in caplog.text
