"""Jobs as tasks of ``django.tasks``, or of its backport ``django-tasks`` on Django 5.2."""

from __future__ import annotations

import threading
from datetime import datetime

import django
from django.utils import timezone

from shift_media.conf import settings
from shift_media.core.errors import MissingExtra
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.worker import Worker

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    try:
        from django_tasks import task  # type: ignore[no-redef]  # the backport
    except ImportError as error:
        raise MissingExtra("django-tasks", "tasks") from error


@task(backend=settings.TASKS or "default")  # There may be no "default".
def transcode(pk: int) -> str:
    """Run a job unless another worker has claimed it or it has ended; return its state."""
    Worker(only=[pk], stop=threading.Event()).run_one()
    jobs = TranscodeJob.objects.on_primary()
    return str(jobs.values_list("state", flat=True).get(pk=pk))


def enqueue(pk: int, backend: str, due: datetime) -> None:
    """Enqueue a job in a backend of Django's setting ``TASKS``, to be run when it is due.

    A backend that cannot wait is not given a job that is not due: ``media_transcode`` runs it.
    """
    task = transcode.using(backend=backend)
    if due <= timezone.now():
        task.enqueue(pk)
    elif task.get_backend().supports_defer:
        task.using(run_after=due).enqueue(pk)
