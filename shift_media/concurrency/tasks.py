"""The decorator of this app's tasks, of ``django.tasks`` or of its backport on Django 5.2.

Import this module on use only, because the backport may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django

from shift_media.conf import settings
from shift_media.core.errors import MissingExtra

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    try:
        from django_tasks import task  # type: ignore[no-redef]  # the backport
    except ImportError as error:
        raise MissingExtra("django-tasks", "tasks") from error


def media_task(function: Callable[..., Any]) -> Any:
    """Return a function as a task of the backend in ``SHIFT_MEDIA["TASKS"]``."""
    return task(backend=settings.TASKS or "default")(function)  # There may be no "default".
