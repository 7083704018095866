"""Single flight and budget: each resize is made once, and only so many at a time.

Three circles, each inside the other: the threads of a process (a future per key), the processes of
a host (a lock file per key), and all hosts (the Django cache, where it is shared). The locks of a
process that dies are free at once on its host, and after `LEASE` seconds elsewhere.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

from shift_media.concurrency.locks import host_lock, hosts_lock
from shift_media.conf import settings
from shift_media.core.errors import Busy

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Lets one caller at a time make the value of a key; the others get its value."""

    def __init__(self) -> None:
        self._flights: dict[str, Future[T]] = {}
        self._lock = threading.Lock()

    def run(self, key: str, make: Callable[[], T]) -> tuple[T, bool]:
        """Return the value and whether this caller made it.

        The error of the maker is raised for all who waited. Raises `Busy` when waiting took too
        long.
        """
        flight, leading = self._enter(key)
        if not leading:
            return _wait(flight), False
        try:
            with host_lock(key), hosts_lock(key):
                flight.set_result(make())
        except Exception as error:
            flight.set_exception(error)
        except BaseException:  # This thread is to stop; those who wait are not.
            flight.set_exception(Busy("The thread that made the same resize was stopped."))
            raise
        finally:
            self._leave(key)
        return flight.result(), True

    def run_free(
        self, keys: Iterable[str], make: Callable[[list[str]], Iterable[tuple[str, T | Exception]]]
    ) -> Iterator[tuple[str, T | Exception]]:
        """Make the values of those keys that nobody else is making, and give them as they come.

        ``make`` gives the value or the error of each key that it is handed. Waits for nobody, so
        that two who hold some keys each cannot wait for each other: what is not free is left out.
        """
        with contextlib.ExitStack() as all_flights:
            flights = {}
            for key in keys:
                flight = self._take(key)
                if flight is not None:
                    flights[key] = all_flights.enter_context(flight)
            for key, value in make(list(flights)):
                flights[key].end(value)
                yield key, value

    def _take(self, key: str) -> _Flight[T] | None:
        """Begin to make a key's value, in all circles; None where somebody else does."""
        with self._lock:
            if key in self._flights:
                return None
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(host_lock(key, seconds=0))
                held.enter_context(hosts_lock(key, seconds=0))
            except Busy:
                return None
            future, leading = self._enter(key)
            if not leading:
                return None
            held.callback(self._leave, key)
            return _Flight(future, held.pop_all())

    def _enter(self, key: str) -> tuple[Future[T], bool]:
        """Give the future of a key's value, and tell whether this caller is to make it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Future()
            return flight, True

    def _leave(self, key: str) -> None:
        with self._lock:
            del self._flights[key]


class _Flight(Generic[T]):
    """One key whose value is being made: ends once, by its value or unfinished."""

    def __init__(self, future: Future[T], held: contextlib.ExitStack) -> None:
        self._future = future
        self._held = held

    def __enter__(self) -> _Flight[T]:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._future.done():
            self.end(Busy("The thread that made the same resize was stopped."))

    def end(self, value: T | Exception) -> None:
        """Give a value or an error to all who wait, and let go of the key."""
        with self._held:
            if isinstance(value, Exception):
                self._future.set_exception(value)
            else:
                self._future.set_result(value)


def _wait(flight: Future[T]) -> T:
    try:
        # The leader may itself wait for a lock and then for a turn.
        return flight.result(3 * settings.QUEUE_SECONDS)
    except FutureTimeout as error:
        raise Busy("Waited too long for another thread that makes the same resize.") from error
