"""The time that a request may wait for the deletion of files.

A client's own timeouts do not bound a deletion: they count for each attempt of each request, and a
server that sends a byte now and then never meets them. So the storage is called in a thread, for
which the request waits as long as its time lasts. Then the thread goes on alone and its result is
ignored, because a deletion can be repeated.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Final, Generic, TypeVar

from django.core.signals import request_finished, request_started
from django.db import connections

from shift_media.conf import settings

Result = TypeVar("Result")

MOST_ABANDONED: Final = 4
"""Threads that may go on alone in a process. While there are as many, the storage is not called,
because it probably does not answer."""

MOST_AT_ONCE: Final = 32
"""Threads of requests that wait, or have gone on alone, in a process. It bounds how many begin
while a storage has stopped to answer, and none of them has waited for its time yet."""

_lock = threading.Lock()  # of the two sets
_running: set[threading.Thread] = set()
_abandoned: set[threading.Thread] = set()


class TimeBudget:
    """The seconds that are left for calls of storages; None is no limit."""

    def __init__(self, seconds: float | None) -> None:
        self._left = seconds

    @property
    def is_spent(self) -> bool:
        """True if nothing more can be called."""
        return self._left is not None and (self._left <= 0 or is_full())

    def call(self, work: Callable[[], Result]) -> Result:
        """Call a function that asks no database, and return its result.

        Raises ``TimeoutError`` if the time does not suffice; the function may still succeed then.
        """
        if self._left is None:
            return work()
        if self._left <= 0:
            raise TimeoutError("No time was left for it.")
        return self._wait(_begin(work))

    def start(self, work: Callable[[], object]) -> None:
        """Call a function that cannot be repeated, and wait for it as long as time is left.

        Then it goes on alone. Raises ``TimeoutError`` only if it did not begin, because too many
        calls are not answered.
        """
        if self._left is None:
            work()
            return
        call = _begin(work)
        if self._left > 0:
            with suppress(Abandoned):
                self._wait(call)

    def _wait(self, call: _Call[Result]) -> Result:
        left = self._left or 0
        begin = time.monotonic()
        try:
            return call.wait(left)
        finally:
            self._left = left - (time.monotonic() - begin)


UNLIMITED: Final = TimeBudget(None)
"""For commands, in which no client waits."""


def request_budget() -> TimeBudget:
    """Return the budget of the current request; outside of requests, a new one for each call."""
    if getattr(_current, "without_limit", False):
        return UNLIMITED
    if not getattr(_current, "in_request", False):
        return TimeBudget(settings.DELETE_SECONDS)
    if _current.budget is None:
        _current.budget = TimeBudget(settings.DELETE_SECONDS)
    budget: TimeBudget = _current.budget
    return budget


@contextmanager
def without_limit() -> Iterator[None]:
    """Let the deletions of this thread take as long as they need: those of a command."""
    _current.without_limit = True
    try:
        yield
    finally:
        _current.without_limit = False


def current_budget() -> TimeBudget:
    """Return the budget of the current request; outside of requests no client waits."""
    return request_budget() if getattr(_current, "in_request", False) else UNLIMITED


_current = threading.local()


def _begin_request(**kwargs: Any) -> None:
    _current.in_request, _current.budget = True, None


def _end_request(**kwargs: Any) -> None:
    _current.in_request, _current.budget = False, None


request_started.connect(_begin_request, dispatch_uid=__name__)
request_finished.connect(_end_request, dispatch_uid=__name__)


def is_full() -> bool:
    """Return True if no further call may begin in this process."""
    with _lock:
        return _is_full()


def _is_full() -> bool:
    _abandoned.intersection_update(_running)
    return len(_abandoned) >= MOST_ABANDONED or len(_running) >= MOST_AT_ONCE


class _Call(Generic[Result]):
    """A function that a thread calls."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._future: Future[Result] = Future()
        # A daemon, so that a process can end while a server is silent.
        self.thread = threading.Thread(target=self._run, name="shift_media-deletion", daemon=True)

    def wait(self, seconds: float) -> Result:
        """Return the result; raise `Abandoned` if it takes longer."""
        try:
            return self._future.result(seconds)
        except TimeoutError:
            if self._future.done():  # The function itself raised it.
                raise
            with _lock:
                _abandoned.add(self.thread)
            raise Abandoned(f"The storage took longer than {seconds:.1f} seconds.") from None

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except BaseException as error:
            self._future.set_exception(error)
        finally:
            connections.close_all()  # those that a storage of a third party may have opened
            with _lock:
                _running.discard(self.thread)


class Abandoned(TimeoutError):
    """A call has not ended in the time that it was waited for; its thread goes on alone."""


def _begin(work: Callable[[], Result]) -> _Call[Result]:
    """Call a function in a thread; raise ``TimeoutError`` if too many run already."""
    call = _Call(work)
    with _lock:
        if _is_full():
            raise TimeoutError("Too many calls of storages are not answered.")
        _running.add(call.thread)
    call.thread.start()
    return call
