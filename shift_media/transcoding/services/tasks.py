"""Jobs as tasks of ``django.tasks``, or of its backport ``django-tasks`` on Django 5.2."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from typing import Any

from django.utils import timezone

from shift_media.concurrency.tasks import media_task
from shift_media.conf import settings
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import transcoder
from shift_media.transcoding.services.polling import poll
from shift_media.transcoding.services.worker import Worker


@media_task
def transcode(pk: int) -> str:
    """Run a job that is due, or poll the one that a service runs; return its state.

    As long as the job has not ended, a later task follows. It polls the job, or finds that its
    worker died, so that a site needs neither cron nor another worker.
    """
    job = TranscodeJob.objects.on_primary().filter(pk=pk).first()
    if job is None:
        return "deleted"
    if job.is_live:
        _follow_up(job)  # First, because this process may be killed.
    with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted meanwhile
        poll(job)
        Worker(only=[pk], stop=threading.Event()).run_one()
        job.reload()
    return str(job.state)


def _follow_up(job: TranscodeJob) -> None:
    """Enqueue the next look at a job, after a pause that grows with the age of the attempt."""
    now = timezone.now()
    first, longest = (timedelta(seconds=seconds) for seconds in settings.TRANSCODE_POLL)
    pause = min(max((now - (job.started or now)) / 2, first), longest)
    if not job.external_id or transcoder().embedded:
        pause = max(pause, timedelta(seconds=2 * settings.TRANSCODE_LEASE))
    task = _task_of(job, settings.TASKS or "default")
    if task.get_backend().supports_defer:
        task.using(run_after=max(now, job.not_before) + pause).enqueue(job.pk)


def enqueue(job: TranscodeJob, backend: str) -> None:
    """Enqueue a job in a backend of Django's setting ``TASKS``, to be run when it is due.

    A backend that cannot wait is not given a job that is not due: ``media_transcode`` runs it.
    """
    task = _task_of(job, backend)
    if job.not_before <= timezone.now():
        task.enqueue(job.pk)
    elif task.get_backend().supports_defer:
        task.using(run_after=job.not_before).enqueue(job.pk)


def _task_of(job: TranscodeJob, backend: str) -> Any:
    task = transcode.using(backend=backend)
    ranked = getattr(task.get_backend(), "supports_priority", False)  # not in django-tasks 0.7
    return task.using(priority=job.priority) if ranked and job.priority else task
