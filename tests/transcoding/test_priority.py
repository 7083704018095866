"""Priorities: a user waits for an upload, and nobody for the videos that a command submits."""

from __future__ import annotations

import io
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from shift_media.core.keys import new_original_key
from shift_media.transcoding import services
from shift_media.transcoding.backends.mediaconvert import MediaConvert
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt
from tests.testapp.models import Film
from tests.transcoding.test_jobs import TASKS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def new_film() -> Film:
    """Store a row without a job."""
    return Film.objects.bulk_create([Film(video=str(new_original_key("clip", "mp4")))])[0]


def transcode(*arguments: Any, **options: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.Worker, "run_one", lambda worker: None)
        call_command("media_transcode", *arguments, stdout=io.StringIO(), **options)


def claimed() -> TranscodeJob:
    job = services.claim("a worker")
    assert job is not None
    return job


def test_upload_is_run_before_the_backfill_that_began_earlier() -> None:
    first, second, upload = new_film(), new_film(), new_film()
    transcode("testapp.Film", pk=[str(first.pk), str(second.pk)])
    upload.video.transcode()
    order = [claimed().original for _ in range(3)]
    assert order == [upload.video.key, first.video.key, second.video.key]
    priorities = TranscodeJob.objects.order_by("pk").values_list("priority", flat=True)
    assert list(priorities) == [-10, -10, 0]


def test_waiting_job_gets_the_higher_priority_of_two() -> None:
    film = new_film()
    transcode("testapp.Film")
    job = film.video.transcode()
    assert (job.priority, TranscodeJob.objects.get().priority) == (0, 0)
    film.video.transcode(priority=-50)
    assert TranscodeJob.objects.get().priority == 0
    transcode("testapp.Film", priority=50)
    assert TranscodeJob.objects.get().priority == 50
    job.cancel()
    assert film.video.transcode().priority == 50


@pytest.mark.parametrize("priority", [-51, 51])
def test_priority_outside_of_the_range_is_refused(priority: int) -> None:
    film = new_film()
    with pytest.raises(ValueError, match="expected -50 to 50"):
        film.video.transcode(priority=priority)
    with pytest.raises(CommandError, match="write -50 to 50"):
        transcode("testapp.Film", priority=priority)
    with pytest.raises(ValidationError):
        TranscodeJob(priority=priority).clean_fields()
    assert not TranscodeJob.objects.exists()


def test_longest_waiting_job_decides_whether_a_worker_runs() -> None:
    """Not the most urgent one, which has come just now."""
    new_film().video.transcode(priority=-10)
    TranscodeJob.objects.update(not_before=timezone.now() - timedelta(hours=2))
    new_film().video.transcode()
    waiting = services.waiting_job()
    assert waiting is not None
    assert waiting.priority == -10


@override_settings(
    SHIFT_MEDIA={"TASKS": "videos"},
    TASKS={"videos": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}},
)
def test_task_has_the_priority_of_its_job() -> None:
    module = import_module("shift_media.transcoding.services.tasks")
    for priority in (-10, 0):
        job = new_film().video.transcode(priority=priority)
        module.enqueue(job, "videos")
        task = import_module(TASKS).task_backends["videos"].results[-1].task
        assert task.priority == priority


@pytest.mark.parametrize(
    ("option", "priority", "expected"), [(0, -10, -10), (5, 0, 5), (45, 10, 50), (-45, -10, -50)]
)
def test_job_of_mediaconvert_has_the_priorities_of_site_and_job(
    option: int, priority: int, expected: int, media_root: Path
) -> None:
    transcoder = MediaConvert(
        region="eu-west-1", role="arn:aws:iam::123456789012:role/a", priority=option
    )
    new_film().video.transcode(priority=priority)
    attempt = build_attempt(TranscodeJob.objects.get())
    assert transcoder.priority_of(attempt) == expected
