"""A limiter: bounds on the work in progress and on the queue of one process."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from shift_media import metrics
from shift_media.core.errors import Busy


class Limiter:
    """Allows ``slots`` threads of this process to work at once, and ``queue`` more to wait.

    A slot that becomes free is given to the thread that has waited for longest. A semaphore would
    leave it to the next thread that runs, so that some threads wait until their timeout although
    the queue is short.

    Args:
        slots: threads that work at the same time.
        queue: threads that may wait for a slot; one more is refused at once.
        timeout: seconds that a thread waits at most.
    """

    def __init__(self, slots: int, queue: int, timeout: float) -> None:
        self._free = slots
        self._queue = queue
        self._timeout = timeout
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot, after waiting for one. Raises `Busy` if the queue is full or on timeout."""
        turn = self._enter()
        if turn is not None:
            metrics.report("renders_waiting")
            try:
                with metrics.timed("queue"):
                    self._wait(turn)
            finally:
                metrics.report("renders_waiting", -1)
        metrics.report("renders_running")
        try:
            yield
        finally:
            metrics.report("renders_running", -1)
            self._release()

    def _enter(self) -> threading.Event | None:
        """Take a free slot and return None, or queue up and return what is set on this turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            if len(self._waiting) >= self._queue:
                raise Busy("The queue of resizes is full. Try again later.")
            turn = threading.Event()
            self._waiting.append(turn)
            return turn

    def _wait(self, turn: threading.Event) -> None:
        """Wait for this turn; leave the queue on timeout, or if this thread is being stopped."""
        try:
            turn.wait(self._timeout)
        except BaseException:
            if not self._leave(turn):
                self._release()
            raise
        if self._leave(turn):
            raise Busy(f"No slot became free in {self._timeout:g} s. Try again later.")

    def _leave(self, turn: threading.Event) -> bool:
        """Leave the queue; return False if a slot was given to this turn."""
        with self._lock:
            if turn.is_set():
                return False
            self._waiting.remove(turn)
            return True

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
