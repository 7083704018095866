"""The signals that a project can receive.

``sender`` is the model class. For `resize_created` it is the class of the storage, because a URL
does not name a model.

All signals are sent robustly: an error in a receiver is logged by ``django.dispatch``, and other
receivers are called.
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
"""An original and everything derived from it were deleted: ``key, storage``."""

resize_created = Signal()
"""A resize was made and stored: ``key, storage, width, height, size`` (bytes)."""

transcode_submitted = Signal()
"""A job was created and its row committed: ``job``, a `TranscodeJob`."""

transcode_progressed = Signal()
"""A job made progress: ``job``, whose ``progress`` is in percent."""

transcode_completed = Signal()
"""All renditions of a job are stored and its row committed: ``job``."""

transcode_failed = Signal()
"""A job failed and is not tried again: ``job``, with ``error_code`` and ``error``."""


def after_commit(work: Callable[..., object], *arguments: Any, using: str) -> Callable[[], None]:
    """Call a function after the commit, at once outside of a transaction; a failure is logged.

    What was committed stays, whatever fails here, and hooks that follow still run. Django's own
    ``robust=True`` fails on Django 5.2 for a ``functools.partial`` that raises, because it looks
    for the name of the function.

    Returns the hook that Django keeps until the commit.
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
    return hook
