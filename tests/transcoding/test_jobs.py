"""Jobs as rows: when they begin, who does them, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from shift_media import signals
from shift_media.core.errors import StorageError, TranscodeError
from shift_media.deletion.models import PendingDeletion
from shift_media.storages import default_media_storage, unwrap
from shift_media.transcoding import services
from shift_media.transcoding.base import JobReport, RenditionReport, State
from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services import Worker
from shift_media.transcoding.services.attempts import build_attempt, delete_files
from shift_media.transcoding.services.reports import apply
from tests.testapp.models import Film
from tests.transcoding.conftest import NewFilm, work

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

Stored = Callable[[], list[str]]
SMALL = {"PROFILES": {"web": {"480p.mp4": {"kind": "mp4"}, "_poster.jpg": {"kind": "poster"}}}}


@pytest.fixture(autouse=True)
def _small() -> Any:
    with override_settings(SHIFT_MEDIA=SMALL):
        yield


@pytest.fixture
def heard() -> Any:
    """Collect the signals of jobs."""
    names = ("submitted", "progressed", "completed", "failed")
    told: list[tuple[str, type, int]] = []
    receivers = []
    for name in names:

        def receive(sender: type, job: TranscodeJob, name: str = name, **kwargs: Any) -> None:
            told.append((name, sender, job.progress))

        signal = getattr(signals, f"transcode_{name}")
        signal.connect(receive)
        receivers.append((signal, receive))
    yield told
    for signal, receive in receivers:
        signal.disconnect(receive)


def the_job() -> TranscodeJob:
    return TranscodeJob.objects.get()


@pytest.mark.acceptance(41)
def test_a_job_is_made_in_the_saving_transaction_and_goes_with_it(
    new_film: NewFilm, heard: list[Any]
) -> None:
    with transaction.atomic():
        new_film()
        assert the_job().state == State.PENDING
        assert heard == []
        transaction.set_rollback(True)
    assert not TranscodeJob.objects.exists()
    assert heard == []
    film = new_film()
    assert heard == [("submitted", Film, 0)]
    assert the_job().original == film.video.key


# Django's own tasks, and the backport for Django 5.2.
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"


@pytest.mark.acceptance(41)
@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "default"},
    TASKS={"default": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}},
)
def test_a_task_starts_after_the_commit_alone(new_film: NewFilm) -> None:
    with transaction.atomic():
        new_film()
        assert the_job().state == State.PENDING
    assert the_job().state == State.COMPLETE


@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)
def test_a_task_is_of_the_backend_that_was_named_and_knows_its_job(new_film: NewFilm) -> None:
    backend = import_module(TASKS).task_backends["videos"]
    new_film()
    (result,) = backend.results
    assert result.args == [the_job().pk]
    assert the_job().state == State.PENDING
    task = result.task
    assert task.call(*result.args) == State.COMPLETE
    assert task.call(*result.args) == State.COMPLETE  # Enqueued twice: once is enough.
    assert the_job().attempts == 1


def test_the_signals_tell_the_model_and_how_far_it_is(film: Film, heard: list[Any]) -> None:
    work()
    assert {sender for _, sender, _ in heard} == {Film}
    assert [name for name, *_ in heard][-1] == "completed"
    shares = [share for name, _, share in heard if name == "progressed"]
    assert shares == sorted(shares)


def test_a_storage_that_keeps_what_is_replaced_does_not_keep_the_signal(
    film: Film, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: object, prefix: str = "") -> Any:
        raise StorageError("SlowDown")

    monkeypatch.setattr(type(unwrap(film.video.storage)), "entries", refuse)
    work()
    assert the_job().state == State.COMPLETE
    assert heard[-1][0] == "completed"


def test_it_is_idempotent_and_force_makes_it_again(film: Film, stored: Stored) -> None:
    assert film.video.transcode() == the_job()
    work()
    first = stored()
    assert film.video.transcode() == the_job()
    assert not TranscodeJob.objects.filter(state=State.PENDING).exists()
    again = film.video.transcode(force=True)
    assert again.state == State.PENDING
    assert len(film.video.renditions) == 2
    work()
    assert len(stored()) == len(first)
    assert set(stored()) != set(first)
    assert [default_media_storage.exists(r.key) for r in film.video.renditions] == [True, True]
    assert Rendition.objects.count() == 2


@pytest.mark.acceptance(44)
def test_a_late_job_of_a_replaced_video_publishes_nothing(
    film: Film, clip: Path, stored: Stored
) -> None:
    first = the_job()

    def replace(job: TranscodeJob) -> None:
        if job.pk == first.pk and Film.objects.get().video.key == first.original:
            row = Film.objects.get()
            row.video = ContentFile(clip.read_bytes(), "second.mp4")
            row.save()

    worker = Worker(on_progress=replace)
    worker.run_one()
    second = Film.objects.get().video
    assert second.key != film.video.key
    assert stored() == [second.key]
    work()
    assert all(key.startswith(second.key.rpartition("/")[0]) for key in stored())
    assert {job.original for job in TranscodeJob.objects.filter(state=State.COMPLETE)} == {
        second.key
    }


@pytest.mark.acceptance(44)
def test_what_a_late_attempt_has_stored_is_removed_when_its_report_comes_too_late(
    film: Film, stored: Stored
) -> None:
    job = services.claim("late")
    assert job is not None
    request = build_attempt(job)
    key = f"{request.prefix}480p.mp4"
    default_media_storage.put(key, ContentFile(b"late"), content_type="video/mp4")  # type: ignore[attr-defined]
    report = JobReport(
        state=State.COMPLETE,
        renditions=(RenditionReport(key=key, kind="mp4", content_type="video/mp4"),),
    )
    Film.objects.get().delete()
    assert not apply(job, report)
    assert not Rendition.objects.exists()
    delete_files(job, request)
    assert stored() == []
    assert PendingDeletion.objects.exists()


@pytest.mark.acceptance(46)
def test_reports_move_a_job_forward_only_and_only_its_own_attempt(film: Film) -> None:
    job = services.claim("one")
    assert job is not None
    assert apply(job, JobReport(state=State.PROGRESSING, progress=50))
    assert apply(job, JobReport(state=State.PROGRESSING, progress=20))
    assert the_job().progress == 50
    assert not apply(job, JobReport(state=State.SUBMITTED))
    assert the_job().state == State.PROGRESSING
    TranscodeJob.objects.update(token="other")
    assert not apply(job, JobReport(state=State.COMPLETE))
    TranscodeJob.objects.update(token=job.token)
    assert apply(job, JobReport(state=State.COMPLETE))
    error = TranscodeError("late")
    assert not apply(job, JobReport(state=State.ERROR, error=error))
    assert not apply(job, JobReport(state=State.COMPLETE))
    assert (the_job().state, the_job().error) == (State.COMPLETE, "")


@pytest.mark.acceptance(46)
def test_a_job_whose_worker_fell_silent_is_tried_again_until_it_is_enough(
    film: Film, heard: list[Any], stored: Stored
) -> None:
    for attempt in (1, 2, 3):
        job = services.claim("mortal")
        assert job is not None
        left = f"{build_attempt(job).prefix}480p.mp4"
        default_media_storage.put(left, ContentFile(b"half"), content_type="video/mp4")  # type: ignore[attr-defined]
        assert job.attempts == attempt
        assert services.claim("other") is None
        assert services.recover() == 0
        TranscodeJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert services.recover() == 1
        assert stored() == [film.video.key]
    assert (the_job().state, the_job().error_code) == (State.ERROR, "abandoned")
    assert "fell silent" in the_job().error
    assert [name for name, *_ in heard] == ["failed"]
    assert services.claim("other") is None
    assert services.retry(the_job())
    work()
    assert the_job().state == State.COMPLETE


@pytest.mark.acceptance(46)
def test_a_storage_that_fails_is_tried_again_later_and_then_it_is_an_error(
    film: Film, monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    (original,) = stored()
    storage = default_media_storage
    path = Path(storage.path(original))
    away = path.with_name("away")
    path.rename(away)
    work()
    job = the_job()
    assert (job.state, job.error_code, job.attempts) == (State.PENDING, "not_stored", 1)
    assert job.not_before > timezone.now()
    TranscodeJob.objects.update(not_before=timezone.now())
    away.rename(path)
    work()
    assert the_job().state == State.COMPLETE
    assert the_job().attempts == 2


@pytest.mark.acceptance(46)
def test_a_worker_that_is_told_to_stop_leaves_the_job_to_others(
    film: Film, stored: Stored
) -> None:
    stop = threading.Event()
    worker = Worker(on_progress=lambda job: stop.set(), stop=stop)
    worker.run_one()
    assert (the_job().state, the_job().attempts) == (State.PENDING, 0)
    assert stored() == [film.video.key]
    work()
    assert the_job().state == State.COMPLETE


def test_a_cancelled_job_stops_and_leaves_nothing(film: Film, stored: Stored) -> None:
    def stop(job: TranscodeJob) -> None:
        services.cancel(TranscodeJob.objects.get(pk=job.pk))

    Worker(on_progress=stop).run_one()
    assert the_job().state == State.CANCELED
    assert stored() == [film.video.key]
    work()
    assert the_job().state == State.CANCELED
    assert not services.cancel(the_job())
    assert film.video.transcode().state == State.PENDING


def test_deleting_the_video_removes_renditions_and_jobs(film: Film, stored: Stored) -> None:
    work()
    assert len(stored()) == 3
    film.delete()
    assert stored() == []
    assert not TranscodeJob.objects.exists()
    assert not Rendition.objects.exists()


def test_a_list_of_videos_costs_two_queries(
    new_film: NewFilm, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        new_film()
    work()
    with django_assert_num_queries(2):
        films = prefetch_renditions(Film.objects.all())
        urls = [film.video.renditions[0].url for film in films]
        posters = [film.video.poster.resize("50x50").url for film in films if film.video.poster]
    assert len(set(urls)) == len(set(posters)) == 3


def test_only_one_of_many_submissions_makes_a_job(film: Film) -> None:
    TranscodeJob.objects.all().delete()
    barrier, made = threading.Barrier(6), []

    def submit() -> None:
        from django.db import connection

        barrier.wait()
        try:
            made.append(Film.objects.get().video.transcode().pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(made) == {the_job().pk}
    assert len(made) == 6


def test_what_is_no_video_and_an_unknown_profile_are_refused(film: Film) -> None:
    with pytest.raises(Exception, match="no profile"):
        film.video.transcode("nosuch")
    film.video.field.transcode, kept = None, film.video.field.transcode
    try:
        with pytest.raises(TranscodeError, match="has no profile"):
            film.video.transcode()
    finally:
        film.video.field.transcode = kept
