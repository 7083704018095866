"""What a project can listen to.

``sender`` is the model class, and for `resize_created`, since a URL knows no model, the storage's
class.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.dispatch import Signal

logger = logging.getLogger("shift_media")

media_saved = Signal()
"""An upload is stored and its row committed: ``instance, field, key``."""

media_deleted = Signal()
"""An original and all that was derived from it are gone: ``key, storage``."""

resize_created = Signal()
"""A resize was made and stored: ``key, storage, width, height, size`` (bytes)."""

transcode_submitted = Signal()
"""A job is to be done, and its row committed: ``job``, a `TranscodeJob`."""

transcode_progressed = Signal()
"""A job has come further: ``job``, whose ``progress`` is in percent."""

transcode_completed = Signal()
"""All renditions of a job are stored, and its row says so: ``job``."""

transcode_failed = Signal()
"""A job ended in an error that is not tried again: ``job``, with ``error_code`` and ``error``."""


def after_commit(work: Callable[..., object], *arguments: Any, using: str) -> None:
    """Call a function after the commit, at once outside of a transaction; a failure is logged.

    What was committed stays, whatever fails here, and hooks that follow still run. Django's own
    ``robust=True`` fails on Django 5.2 for a ``functools.partial`` that raises, because it looks
    for the name of the function.
    """

    def hook() -> None:
        try:
            work(*arguments)
        except Exception:
            logger.exception(
                "A hook that runs after the commit failed: %s.",
                getattr(work, "__qualname__", work),
            )

    transaction.on_commit(hook, using=using, robust=True)
