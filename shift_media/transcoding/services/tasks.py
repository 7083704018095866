"""Jobs as tasks of ``django.tasks``, or of its backport ``django-tasks`` on Django 5.2."""

from __future__ import annotations

import threading

import django

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


def enqueue(pk: int, backend: str) -> None:
    """Enqueue a job in a backend of Django's setting ``TASKS``."""
    transcode.using(backend=backend).enqueue(pk)
