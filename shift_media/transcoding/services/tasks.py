"""Jobs as tasks of Django's, or of the backport `django-tasks` on Django 5.2."""

from __future__ import annotations

import threading

import django

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


@task
def transcode(pk: int) -> str:
    """Do one job, unless somebody has done it or is at it; returns its state."""
    Worker(only=[pk], stop=threading.Event()).run_one()
    return str(TranscodeJob._default_manager.values_list("state", flat=True).get(pk=pk))


def enqueue(pk: int, backend: str) -> None:
    """Hand a job to a backend of ``TASKS``."""
    transcode.using(backend=backend).enqueue(pk)
