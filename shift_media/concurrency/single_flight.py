"""Single flight: the value of a key is made once, and every caller that asks meanwhile gets it.

A maker holds a key at three levels, each inside the other: among the threads of a process (a
future), the processes of a host (a lock file) and all hosts (an entry in the Django cache, if it
is shared). The lock of a process that dies is free at once on its host, and after `LEASE_SECONDS`
elsewhere.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

from shift_media.concurrency.locks import cache_lock, file_lock
from shift_media.conf import settings
from shift_media.core.errors import Busy

T = TypeVar("T")

_STOPPED = "The thread that was making the same resize was stopped. Try again later."


class SingleFlight(Generic[T]):
    """Calls of which one at a time makes the value of a key; the others wait and share it."""

    def __init__(self) -> None:
        self._futures: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def run(self, key: str, make: Callable[[], T]) -> tuple[T, bool]:
        """Return the value of a key, and whether this caller made it.

        An error of the maker is raised in all callers that waited. Raises `Busy` on timeout.
        """
        future, is_maker = self._join(key)
        if not is_maker:
            return _wait(future), False
        try:
            with file_lock(key), cache_lock(key):
                future.set_result(make())
        except Exception as error:
            future.set_exception(error)
        except BaseException:
            # This thread is being stopped. The callers that wait are not, and may try again.
            future.set_exception(Busy(_STOPPED))
            raise
        finally:
            self._remove(key)
        return future.result(), True

    def run_unclaimed(
        self, keys: Iterable[str], make: Callable[[list[str]], Iterable[tuple[str, T | Exception]]]
    ) -> Iterator[tuple[str, T | Exception]]:
        """Make the values of the keys that no other caller is making, and yield each when ready.

        ``make`` yields the value or the error of each key that it is given. A key that is not free
        is left out instead of waited for: two callers that each hold some keys and wait for the
        others' would wait for ever.
        """
        with contextlib.ExitStack() as stack:
            claims: dict[str, _Claim[T]] = {}
            for key in keys:
                claim = self._claim(key)
                if claim is not None:
                    claims[key] = stack.enter_context(claim)
            for key, outcome in make(list(claims)):
                claims[key].finish(outcome)
                yield key, outcome

    def _claim(self, key: str) -> _Claim[T] | None:
        """Become the maker of a key, at all three levels; None if another caller is."""
        with self._lock:
            if key in self._futures:
                return None
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(key, timeout=0))
                stack.enter_context(cache_lock(key, timeout=0))
            except Busy:
                return None
            # Last: a thread that finds the future waits for it, so it must be sure to end.
            future, is_maker = self._join(key)
            if not is_maker:
                return None
            stack.callback(self._remove, key)
            return _Claim(future, stack.pop_all())

    def _join(self, key: str) -> tuple[Future[T], bool]:
        """Return the future of a key's value, and whether this caller has to make the value."""
        with self._lock:
            future = self._futures.get(key)
            if future is not None:
                return future, False
            future = self._futures[key] = Future()
            return future, True

    def _remove(self, key: str) -> None:
        with self._lock:
            del self._futures[key]


class _Claim(Generic[T]):
    """One key that this caller makes, with the locks that it holds until it has finished."""

    def __init__(self, future: Future[T], locks: contextlib.ExitStack) -> None:
        self._future = future
        self._locks = locks

    def __enter__(self) -> _Claim[T]:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._future.done():
            self.finish(Busy(_STOPPED))

    def finish(self, outcome: T | Exception) -> None:
        """Pass a value or an error to all callers that wait, and release the key."""
        with self._locks:
            if isinstance(outcome, Exception):
                self._future.set_exception(outcome)
            else:
                self._future.set_result(outcome)


def _wait(future: Future[T]) -> T:
    # The maker may itself wait for two locks and then for a slot, each up to QUEUE_SECONDS.
    timeout = 3 * settings.QUEUE_SECONDS
    try:
        return future.result(timeout)
    except FutureTimeout as error:
        raise Busy(
            f"Another thread was still making the same resize after {timeout:g} s. "
            "Try again later."
        ) from error
