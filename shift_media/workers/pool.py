"""The workers of one process of a server: started when they are needed, and replaced."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shift_media import metrics
from shift_media.conf import settings
from shift_media.core.errors import Busy, OutOfResources
from shift_media.core.faults import translated_faults
from shift_media.workers.process import WorkerOptions, WorkerProcess


class Pool:
    """Workers, of which each serves one thread at a time.

    Args:
        size: how many there are at most.
        timeout: seconds that a thread waits for one.
        options: how they are started.
    """

    def __init__(self, size: int, timeout: float, options: WorkerOptions) -> None:
        self.process = os.getpid()
        self._size = size
        self._timeout = timeout
        self._options = options
        self._slots = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []

    def is_like(self, size: int, timeout: float, options: WorkerOptions) -> bool:
        """Return True if it was made with these arguments."""
        return (self._size, self._timeout, self._options) == (size, timeout, options)

    @property
    def pids(self) -> list[int]:
        """The process ids of its workers."""
        return [worker.pid for worker in list(self._workers)]

    @contextmanager
    def worker(self, *, is_new: bool = False) -> Iterator[WorkerProcess]:
        """Hold a worker, if asked for one that was never called. Raises `Busy` on timeout."""
        if not self._slots.acquire(timeout=self._timeout):
            raise Busy(
                f"None of {self._size} worker processes became free in {self._timeout:g} s. "
                "Try again later."
            )
        try:
            worker = self._take(is_new)
            try:
                yield worker
            finally:
                self._give_back(worker)
        finally:
            self._slots.release()

    def _take(self, is_new: bool) -> WorkerProcess:
        """Return the idle worker that was used last, whose memory is at hand, or a new one."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and (is_new or not worker.is_running):
            self._end(worker)
            worker = None
        if worker is None:
            worker = self._start()
            with self._lock:
                self._workers.add(worker)
        return worker

    def _start(self) -> WorkerProcess:
        try:
            with translated_faults():
                started = WorkerProcess(self._options)
        except OSError as error:
            raise OutOfResources(
                f"The worker process did not start: {error}. Write the path of a Python "
                'interpreter into SHIFT_MEDIA["WORKER_PYTHON"].'
            ) from error
        metrics.report("worker_starts")
        return started

    def _give_back(self, worker: WorkerProcess) -> None:
        if worker.is_usable and _process.pool is self:
            with self._lock:
                self._idle.append(worker)
        else:
            self._end(worker)

    def _end(self, worker: WorkerProcess) -> None:
        worker.end()
        with self._lock:
            self._workers.discard(worker)

    def end(self) -> None:
        """End the idle workers; the others end when they are given back."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            self._end(worker)

    def abandon(self) -> None:
        """Close all connections in a process that was forked."""
        for worker in self._workers:
            worker.abandon()


class _Process:
    """The pool of this process, if it has been used.

    Attributes:
        lock: held while the pool is created or replaced.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.lock = threading.Lock()

    def leave_to_parent(self) -> None:
        """Leave the workers to the parent of this process, which was just forked."""
        self.lock = threading.Lock()  # Another thread may have held it.
        if self.pool is not None:
            self.pool.abandon()
            self.pool = None


_process = _Process()


def current_pool() -> Pool:
    """Return the workers of this process, as the settings are."""
    pool = _process.pool
    if pool is not None and pool.process != os.getpid():
        _process.leave_to_parent()  # It was forked without Python's hooks.
    options = WorkerOptions.from_settings()
    size, timeout = settings.WORKERS, settings.QUEUE_SECONDS
    with _process.lock:
        pool = _process.pool
        if pool is not None and pool.is_like(size, timeout, options):
            return pool
        _process.pool = Pool(size, timeout, options)
    if pool is not None:
        pool.end()
    return _process.pool


def end_workers() -> None:
    """End the workers of this process. The next call starts new ones."""
    with _process.lock:
        ended, _process.pool = _process.pool, None
    if ended is not None and ended.process == os.getpid():
        ended.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.leave_to_parent)
atexit.register(end_workers)
