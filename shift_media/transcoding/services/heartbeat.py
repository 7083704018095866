"""The heartbeat of a worker: its lease is renewed whatever the worker waits for."""

from __future__ import annotations

import copy
import logging
import threading
from types import TracebackType

from django.db import DatabaseError, connections

from shift_media.conf import settings
from shift_media.transcoding.models import TranscodeJob

logger = logging.getLogger("shift_media")

_RENEWALS = 3
"""Renewals within the duration of a lease: two may fail before the job counts as abandoned."""


class Heartbeat:
    """Renews the lease of a claimed job in a thread until the block ends.

    An upload, a download or a probe may last longer than a lease. The thread ends by itself if
    the job was cancelled or taken over.
    """

    def __init__(self, job: TranscodeJob) -> None:
        self._job = copy.copy(job)  # The worker reloads its own.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease of {job.pk}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pause = settings.TRANSCODE_LEASE / _RENEWALS
        try:
            while not self._ended.wait(pause) and self._renew():
                pass
        finally:
            connections.close_all()  # Those of this thread.

    def _renew(self) -> bool:
        """Renew the lease; return False if the job is no longer the worker's."""
        try:
            return self._job.renew()
        except DatabaseError as error:
            logger.warning("The lease of %s could not be renewed: %s", self._job, error)
            connections[self._job.database].close_if_unusable_or_obsolete()
            return True
