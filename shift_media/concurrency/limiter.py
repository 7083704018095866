"""A limiter: bounds on the work in progress and on the queue of one process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from shift_media.core.errors import Busy


class Limiter:
    """Allows ``slots`` threads of this process to work at once, and ``queue`` more to wait.

    Args:
        slots: threads that work at the same time.
        queue: threads that may wait for a slot; one more is refused at once.
        timeout: seconds that a thread waits at most.
    """

    def __init__(self, slots: int, queue: int, timeout: float) -> None:
        self._slots = threading.Semaphore(slots)
        self._admitted = threading.Semaphore(slots + queue)
        self._timeout = timeout

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot, after waiting for one. Raises `Busy` if the queue is full or on timeout."""
        if not self._admitted.acquire(blocking=False):
            raise Busy("The queue of resizes is full. Try again later.")
        try:
            if not self._slots.acquire(timeout=self._timeout):
                raise Busy(f"No slot became free in {self._timeout:g} s. Try again later.")
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._admitted.release()
