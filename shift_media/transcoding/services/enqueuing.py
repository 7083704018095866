"""Jobs in a backend of Django's tasks, if ``SHIFT_MEDIA["TASKS"]`` names one."""

from __future__ import annotations

import contextlib

from django.utils.module_loading import import_string

from shift_media import signals
from shift_media.conf import settings
from shift_media.transcoding.models import TranscodeJob

_ENQUEUE = "shift_media.transcoding.services.tasks.enqueue"


def enqueue(job: TranscodeJob) -> None:
    """Enqueue a job that was committed, to be run when it is due."""
    if settings.TASKS is not None:
        # By its name, because the extra may be missing, and because tasks import the worker.
        import_string(_ENQUEUE)(job, settings.TASKS)


def enqueue_again(job: TranscodeJob) -> None:
    """Enqueue a job after the commit that was put off, interrupted or recovered."""
    if settings.TASKS is not None:
        with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted with its original
            job.reload()
        signals.after_commit(enqueue, job, using=job.database)
