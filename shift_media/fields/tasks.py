"""Analysis by tasks of ``django.tasks``, or of its backport on Django 5.2."""

from __future__ import annotations

from shift_media.concurrency.tasks import media_task
from shift_media.fields import analysis, pending_run


@media_task
def analyse(label: str, key: str, using: str) -> str:
    """Read the facts of a stored file into its rows; return ``kept`` or ``gone``."""
    return analysis.analyse(label, key, using)


def enqueue(label: str, key: str, using: str, backend: str) -> None:
    """Enqueue the analysis of a file in a backend of Django's setting ``TASKS``."""
    analyse.using(backend=backend).enqueue(label, key, using)


@media_task
def store_pending(key: str, using: str) -> str:
    """Check and store a large direct upload; return what `pending_run.store_pending` does."""
    return pending_run.store_pending(key, using)


def enqueue_pending(key: str, using: str, backend: str) -> None:
    """Enqueue the check and the copy of a large direct upload."""
    store_pending.using(backend=backend).enqueue(key, using)
