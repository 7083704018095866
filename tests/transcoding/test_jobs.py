"""Jobs as rows: how they are submitted, run, recovered and ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, transaction
from django.test import override_settings
from django.utils import timezone

from shift_media import signals
from shift_media.conf import settings
from shift_media.core.errors import StorageError, TranscodeError
from shift_media.deletion import followers
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion
from shift_media.storages import default_media_storage, unwrap
from shift_media.transcoding import services
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.base import JobReport, RenditionReport, State
from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services import Worker
from shift_media.transcoding.services.attempts import build_attempt, delete_files
from shift_media.transcoding.services.heartbeat import Heartbeat
from shift_media.transcoding.services.reports import apply
from tests.testapp.models import Film
from tests.transcoding import scripted
from tests.transcoding.conftest import NewFilm, work
from tests.transcoding.scripted import Scripted
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

Stored = Callable[[], list[str]]
SMALL = {"PROFILES": {"web": {"480p.mp4": {"kind": "mp4"}, "_poster.jpg": {"kind": "poster"}}}}


@pytest.fixture(autouse=True)
def _small() -> Any:
    with override_settings(SHIFT_MEDIA=SMALL):
        yield


@pytest.fixture
def sent() -> Any:
    """Collect the signals of jobs: name, sender and progress."""
    names = ("submitted", "progressed", "completed", "failed")
    received: list[tuple[str, type, int]] = []
    receivers = []
    for name in names:

        def receive(sender: type, job: TranscodeJob, name: str = name, **kwargs: Any) -> None:
            received.append((name, sender, job.progress))

        signal = getattr(signals, f"transcode_{name}")
        signal.connect(receive)
        receivers.append((signal, receive))
    yield received
    for signal, receive in receivers:
        signal.disconnect(receive)


def the_job() -> TranscodeJob:
    return TranscodeJob.objects.get()


@pytest.mark.acceptance(41)
def test_rolled_back_save_leaves_no_job_and_sends_no_signal(
    new_film: NewFilm, sent: list[Any]
) -> None:
    with transaction.atomic():
        new_film()
        assert the_job().state == State.PENDING
        assert sent == []
        transaction.set_rollback(True)
    assert not TranscodeJob.objects.exists()
    assert sent == []
    film = new_film()
    assert sent == [("submitted", Film, 0)]
    assert the_job().original == film.video.key


# Django's own tasks, and the backport for Django 5.2.
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"


@pytest.mark.slow
@pytest.mark.acceptance(41)
@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "default"},
    TASKS={"default": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}},
)
def test_task_starts_after_the_commit(new_film: NewFilm) -> None:
    with transaction.atomic():
        new_film()
        assert the_job().state == State.PENDING
    assert the_job().state == State.COMPLETE


@pytest.mark.slow
@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)
def test_task_is_enqueued_in_the_configured_backend_and_runs_its_job_once(
    new_film: NewFilm,
) -> None:
    backend = import_module(TASKS).task_backends["videos"]
    new_film()
    result = backend.results[0]
    assert result.args == [the_job().pk]
    assert the_job().state == State.PENDING
    task = result.task
    assert task.call(*result.args) == State.COMPLETE
    assert task.call(*result.args) == State.COMPLETE  # Its second run does nothing.
    assert the_job().attempts == 1


@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)
def test_task_is_enqueued_if_no_backend_is_the_default(
    new_film: NewFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "shift_media.transcoding.services.tasks", raising=False)
    new_film()
    assert len(import_module(TASKS).task_backends["videos"].results) == 1


@override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)
def test_job_that_is_put_off_or_recovered_is_enqueued_again(film: Film) -> None:
    results = import_module(TASKS).task_backends["videos"].results
    task = import_module("shift_media.transcoding.services.tasks").transcode
    away = Path(default_media_storage.path(film.video.name))
    away.rename(away.with_name("away"))
    TranscodeJob.objects.update(not_before=timezone.now())
    task.using(backend="videos").call(the_job().pk)
    put_off = results[-1].task
    assert len(results) == 2  # and the one that follows in any case
    assert put_off.run_after == the_job().not_before > timezone.now()
    TranscodeJob.objects.update(not_before=timezone.now())
    assert services.claim("mortal") is not None
    TranscodeJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    before = len(results)
    assert services.recover() == 1
    assert [result.task.run_after for result in results[before:]] == [None]


DEFERRING = override_settings(
    SHIFT_MEDIA={**SMALL, "TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)


def run_tasks(moment: Any = None, most: int = 20) -> list[str]:
    """Run the tasks of the queue that are due, and those that they enqueue; return the states.

    ``moment`` is the time for the queue; by default each task is due.
    """
    results = import_module(TASKS).task_backends["videos"].results
    states = []
    while len(states) < most:
        due = [one for one in results if not moment or (one.task.run_after or moment) <= moment]
        if not due:
            break
        results.remove(due[0])
        states.append(due[0].task.call(*due[0].args))
    return states


@pytest.mark.slow
@DEFERRING
@pytest.mark.acceptance(46)
def test_task_that_follows_finds_that_the_worker_died(new_film: NewFilm) -> None:
    """Nothing else runs: neither cron nor another worker."""
    new_film()
    task = import_module("shift_media.transcoding.services.tasks").transcode
    results = import_module(TASKS).task_backends["videos"].results

    class Killed(BaseException):
        """Ends a worker as a kill does: without a word to the database."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "run", lambda worker, job: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            task.call(the_job().pk)
    assert the_job().state == State.SUBMITTED
    del results[0]  # The queue gave the first task to the worker that died.
    (follows,) = [one.task.run_after for one in results]
    assert follows >= the_job().started + timedelta(seconds=settings.TRANSCODE_LEASE)
    TranscodeJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert run_tasks()[-1] == State.COMPLETE
    assert the_job().attempts == 2
    assert not results


@DEFERRING
def test_task_of_a_deleted_or_ended_job_ends_without_another(new_film: NewFilm) -> None:
    film = new_film()
    film.delete()
    assert run_tasks() == ["deleted"]
    new_film()
    TranscodeJob.objects.update(state=State.CANCELED)
    assert run_tasks() == [State.CANCELED]


@pytest.mark.slow
@DEFERRING
def test_tasks_poll_the_job_of_a_service_at_growing_intervals(new_film: NewFilm) -> None:
    Scripted.begin(State.PROGRESSING, State.PROGRESSING, State.COMPLETE)
    service = {**SMALL, "TASKS": "videos", "TRANSCODER": {"BACKEND": scripted.PATH}}
    with override_settings(SHIFT_MEDIA=service):
        new_film()
        states = run_tasks()
    assert states[0] == State.SUBMITTED
    assert states[-1] == State.COMPLETE
    assert len(Scripted.read_ids) == 3
    assert the_job().state == State.COMPLETE


@pytest.mark.acceptance(64)
@override_settings(SHIFT_MEDIA={**SMALL, "TASKS": "nowhere"})
def test_upload_whose_task_cannot_be_enqueued_stays_saved_and_its_hooks_run(
    new_film: NewFilm, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    with transaction.atomic():
        film = new_film()
        transaction.on_commit(lambda: seen.append(film.pk))
    assert seen == [film.pk]
    assert the_job().state == State.PENDING
    assert "A hook that runs after the commit failed" in caplog.text


@pytest.mark.slow
def test_signals_are_sent_by_the_model_with_growing_progress(film: Film, sent: list[Any]) -> None:
    work()
    assert {sender for _, sender, _ in sent} == {Film}
    assert [name for name, *_ in sent][-1] == "completed"
    shares = [share for name, _, share in sent if name == "progressed"]
    assert shares == sorted(shares)


@pytest.mark.slow
def test_failed_deletion_of_older_files_does_not_prevent_the_signal(
    film: Film, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(storage: object, prefix: str = "") -> Any:
        raise StorageError("SlowDown")

    monkeypatch.setattr(type(unwrap(film.video.storage)), "entries", refuse)
    work()
    assert the_job().state == State.COMPLETE
    assert sent[-1][0] == "completed"


@pytest.mark.slow
def test_second_submission_returns_the_job_and_force_makes_another(
    film: Film, stored: Stored
) -> None:
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


@pytest.mark.slow
@pytest.mark.acceptance(44)
def test_job_of_a_replaced_video_stores_nothing(film: Film, clip: Path, stored: Stored) -> None:
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
def test_report_after_deletion_is_refused_and_its_files_are_deleted(
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
def test_late_repeated_or_foreign_report_changes_nothing(film: Film) -> None:
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


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_abandoned_job_is_retried_until_its_attempts_are_used_up(
    film: Film, sent: list[Any], stored: Stored
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
    assert [name for name, *_ in sent] == ["failed"]
    assert services.claim("other") is None
    assert services.retry(the_job())
    work()
    assert the_job().state == State.COMPLETE


@pytest.mark.slow
@pytest.mark.acceptance(46)
@pytest.mark.parametrize(
    ("fault", "code"),
    [("kill -9 $$", "killed"), ("exec dd if=/dev/zero of=/dev/full count=1", "disk_full")],
)
def test_fault_of_the_machine_puts_the_job_off_with_a_reason(
    film: Film, tmp_path: Path, fault: str, code: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\ncase "$*" in *-filters*) exit 0;; esac\n{fault}\n')
    program.chmod(0o755)
    options = {"TRANSCODER": {"OPTIONS": {"program": str(program)}}}
    with override_settings(SHIFT_MEDIA={**SMALL, **options}):
        work()
    assert (the_job().state, the_job().error_code) == (State.PENDING, code)
    assert str(tmp_path) not in the_job().error


@pytest.mark.acceptance(46)
def test_lease_is_renewed_while_the_transcoder_is_busy(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = []

    def busy(transcoder: FFmpeg, attempt: Any) -> str:
        leases.append(the_job().lease_until)
        wait_until(lambda: the_job().lease_until != leases[0])
        leases.append(the_job().lease_until)
        raise TranscodeError("It was busy for long enough.")

    monkeypatch.setattr(FFmpeg, "submit", busy)
    with override_settings(SHIFT_MEDIA={**SMALL, "TRANSCODE_LEASE": 1}):
        Worker().run_one()
    assert leases[0] < leases[1]
    assert not any(thread.name.startswith("lease of") for thread in threading.enumerate())


@pytest.mark.acceptance(46)
def test_heartbeat_ends_if_the_job_was_taken_over(film: Film) -> None:
    job = services.claim("slow")
    assert job is not None
    TranscodeJob.objects.update(lease_owner="another")
    with override_settings(SHIFT_MEDIA={**SMALL, "TRANSCODE_LEASE": 1}), Heartbeat(job) as beat:
        wait_until(lambda: not beat._thread.is_alive())
    assert the_job().lease_until == job.lease_until


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_failing_storage_puts_the_job_off(
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


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_stopped_worker_releases_its_job_without_counting_the_attempt(
    film: Film, stored: Stored
) -> None:
    stop = threading.Event()
    worker = Worker(on_progress=lambda job: stop.set(), stop=stop)
    worker.run_one()
    assert (the_job().state, the_job().attempts) == (State.PENDING, 0)
    assert stored() == [film.video.key]
    work()
    assert the_job().state == State.COMPLETE


@pytest.mark.slow
def test_cancelled_job_leaves_no_files(film: Film, stored: Stored) -> None:
    def stop(job: TranscodeJob) -> None:
        services.cancel(TranscodeJob.objects.get(pk=job.pk))

    Worker(on_progress=stop).run_one()
    assert the_job().state == State.CANCELED
    assert stored() == [film.video.key]
    work()
    assert the_job().state == State.CANCELED
    assert not services.cancel(the_job())
    assert film.video.transcode().state == State.PENDING


@pytest.mark.slow
def test_deleting_the_video_removes_renditions_and_jobs(film: Film, stored: Stored) -> None:
    work()
    assert len(stored()) == 3
    film.delete()
    assert stored() == []
    assert not TranscodeJob.objects.exists()
    assert not Rendition.objects.exists()


@pytest.mark.acceptance(82)
def test_jobs_are_deleted_although_the_process_dies_before_its_last_step(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would stay for ever, with renditions whose files are gone."""

    def die(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(signals.media_deleted, "send_robust", die)
        with pytest.raises(KeyboardInterrupt):
            film.delete()
    assert PendingDeletion.objects.get().stage == PendingDeletion.Stage.SECOND
    assert not TranscodeJob.objects.exists()


def test_deletion_whose_jobs_cannot_be_deleted_is_repeated(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(keys: Any) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        patch.setitem(followers._followers, "transcoding", fail)
        film.delete()
    pending = PendingDeletion.objects.get()
    assert (pending.stage, pending.attempts) == (PendingDeletion.Stage.FIRST, 1)
    assert deletion.run(pending)
    assert not TranscodeJob.objects.exists()


@pytest.mark.slow
def test_prefetched_renditions_cost_two_queries(
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


def test_concurrent_submissions_make_one_job(film: Film) -> None:
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


def test_submission_without_a_known_profile_is_refused(film: Film) -> None:
    with pytest.raises(Exception, match="no profile"):
        film.video.transcode("nosuch")
    film.video.field.transcode, kept = None, film.video.field.transcode
    try:
        with pytest.raises(TranscodeError, match="has no profile"):
            film.video.transcode()
    finally:
        film.video.field.transcode = kept
