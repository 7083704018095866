"""The time that a request may wait for the deletion of files.

A client's own timeouts do not bound a deletion: they count for each attempt of each request, and a
server that sends a byte now and then never meets them. So the storage is called in a thread, for
which the request waits as long as its time lasts. Then the thread goes on alone and its result is
ignored, because a deletion can be repeated.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from django.core.signals import request_finished, request_started
from django.db import connections

from shift_media.conf import settings

Result = TypeVar("Result")

MOST_ABANDONED: Final = 4
"""Threads that may go on alone in a process. While there are as many, the storage is not called,
because it probably does not answer."""

_abandoned: set[threading.Thread] = set()


class TimeBudget:
    """The seconds that are left for calls of storages; None is no limit."""

    def __init__(self, seconds: float | None) -> None:
        self._left = seconds

    @property
    def is_spent(self) -> bool:
        """True if nothing more can be called."""
        return self._left is not None and (self._left <= 0 or _is_too_many())

    def call(self, work: Callable[[], Result]) -> Result:
        """Call a function that asks no database, and return its result.

        Raises ``TimeoutError`` if the time does not suffice; the function may still succeed then.
        """
        if self._left is None:
            return work()
        if self.is_spent:
            raise TimeoutError("No time was left for it.")
        begin = time.monotonic()
        try:
            return _call_in_thread(work, self._left)
        finally:
            self._left -= time.monotonic() - begin


UNLIMITED: Final = TimeBudget(None)
"""For commands, in which no client waits."""


def request_budget() -> TimeBudget:
    """Return the budget of the current request; outside of requests, a new one for each call."""
    if not getattr(_current, "in_request", False):
        return TimeBudget(settings.DELETE_SECONDS)
    if _current.budget is None:
        _current.budget = TimeBudget(settings.DELETE_SECONDS)
    budget: TimeBudget = _current.budget
    return budget


_current = threading.local()


def _begin_request(**kwargs: Any) -> None:
    _current.in_request, _current.budget = True, None


def _end_request(**kwargs: Any) -> None:
    _current.in_request, _current.budget = False, None


request_started.connect(_begin_request, dispatch_uid=__name__)
request_finished.connect(_end_request, dispatch_uid=__name__)


def _is_too_many() -> bool:
    _abandoned.difference_update([one for one in list(_abandoned) if not one.is_alive()])
    return len(_abandoned) >= MOST_ABANDONED


def _call_in_thread(work: Callable[[], Result], seconds: float) -> Result:
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            connections.close_all()  # those that a storage of a third party may have opened

    # A daemon, so that a process can end while a server is silent.
    thread = threading.Thread(target=run, name="shift_media-deletion", daemon=True)
    thread.start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # The function itself raised it.
            raise
        _abandoned.add(thread)
        raise TimeoutError(f"The storage took longer than {seconds:.1f} seconds.") from None
