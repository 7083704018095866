"""Analysis by tasks of ``django.tasks``, or of its backport on Django 5.2."""

from __future__ import annotations

import django

from shift_media.conf import settings
from shift_media.core.errors import MissingExtra
from shift_media.fields import analysis

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    try:
        from django_tasks import task  # type: ignore[no-redef]  # the backport
    except ImportError as error:
        raise MissingExtra("django-tasks", "tasks") from error


@task(backend=settings.TASKS or "default")  # There may be no "default".
def analyse(label: str, key: str, using: str) -> str:
    """Read the facts of a stored file into its rows; return ``kept`` or ``gone``."""
    return analysis.analyse(label, key, using)


def enqueue(label: str, key: str, using: str, backend: str) -> None:
    """Enqueue the analysis of a file in a backend of Django's setting ``TASKS``."""
    analyse.using(backend=backend).enqueue(label, key, using)
