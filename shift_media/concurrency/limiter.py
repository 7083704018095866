"""A limiter: so many at work in this process, so many in its queue."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from shift_media.core.errors import Busy


class Limiter:
    """At most ``slots`` at work and ``queue`` waiting, in this process."""

    def __init__(self, slots: int, queue: int, seconds: float) -> None:
        self._free = threading.Semaphore(slots)
        self._places = threading.Semaphore(slots + queue)
        self._seconds = seconds

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn. Raises `Busy` when the queue is full or the wait too long."""
        if not self._places.acquire(blocking=False):
            raise Busy("The queue of resizes is full.")
        try:
            if not self._free.acquire(timeout=self._seconds):
                raise Busy("Waited too long for a turn to make a resize.")
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._places.release()
