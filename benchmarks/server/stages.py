"""Where the CPU time of a missing resize goes: each stage of the view, by the clock of its thread.

The functions of the app are replaced by ones that measure themselves, without what they call of
other stages. The worker process is measured from outside.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from statistics import median
from typing import Any
from unittest import mock

from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

REST = "Django, and the view itself"


class StageClock:
    """The CPU milliseconds of this thread, by stage.

    Attributes:
        spent: of the current request.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time in this context for a stage, without that of stages in it."""
        began = time.thread_time_ns()
        self._inner.append(0.0)
        try:
            yield
        finally:
            elapsed = (time.thread_time_ns() - began) / 1e6
            self.spent[name] += elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed

    def call(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that counts for a stage."""

        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return function(*args, **kwargs)

        return measured

    def results(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a generator function of which each step counts for a stage."""

        def measured(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with self.stage(name):
                results = iter(function(*args, **kwargs))
            while True:
                with self.stage(name):
                    result = next(results, self)
                if result is self:
                    return
                yield result

        return measured

    def context(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a context manager whose entry and exit count for a stage, and not its body."""

        @contextmanager
        def measured(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with self.stage(name):
                context: AbstractContextManager[Any] = function(*args, **kwargs)
                value = context.__enter__()
            try:
                yield value
            except BaseException as error:
                with self.stage(name):
                    if not context.__exit__(type(error), error, error.__traceback__):
                        raise
            else:
                with self.stage(name):
                    context.__exit__(None, None, None)

        return measured


@contextmanager
def measured_stages(clock: StageClock) -> Iterator[None]:
    """Replace the functions of the stages."""
    from shift_media.concurrency import single_flight
    from shift_media.resizes import failures, making, render, responses, service, views
    from shift_media.signals import resize_created
    from shift_media.storages import LocalMediaStorage

    replaced = (
        (views, "parse_key", "key and signature", clock.call),
        (service, "verify", "key and signature", clock.call),
        (service, "find", "look for the resize", clock.call),
        (single_flight, "file_lock", "lock file", clock.context),
        (single_flight, "cache_lock", "lock among hosts", clock.context),
        (making.recently_made, "get", "notes of recent results", clock.call),
        (making.recently_made, "set", "notes of recent results", clock.call),
        (failures, "raise_recent", "notes of recent results", clock.call),
        (LocalMediaStorage, "fetch", "open the original", clock.call),
        (render.isolated, "make_many", "hand-over to the worker", clock.results),
        (LocalMediaStorage, "put", "temporary file and its name", clock.call),
        (resize_created, "send_robust", "signal", clock.call),
        (responses, "respond_with_bytes", "response with its SHA-256", clock.call),
    )
    with ExitStack() as stack:
        for owner, name, stage, wrap in replaced:
            new: Any = wrap(stage, getattr(owner, name))
            stack.enter_context(mock.patch.object(owner, name, new))
        yield


class InProcess:
    """Missing resizes in this thread, through Django's handler and without HTTP.

    Args:
        path: returns the path of one.
    """

    def __init__(self, path: Callable[[], str]) -> None:
        self._path = path
        self._handler = WSGIHandler()
        self._clock = StageClock()
        self._samples: list[dict[str, float]] = []

    def ask(self, count: int) -> None:
        """Make so many."""
        for _ in range(count):
            environ = RequestFactory().get(self._path(), headers={"host": "127.0.0.1"}).environ
            self._clock.spent.clear()
            with measured_stages(self._clock), self._clock.stage(REST):
                self._answer(environ)
            self._samples.append(dict(self._clock.spent))

    def _answer(self, environ: dict[str, Any]) -> None:
        statuses: list[str] = []
        response = self._handler(environ, lambda status, headers: statuses.append(status))
        b"".join(response)
        response.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"{environ['PATH_INFO']} was answered with {statuses}.")

    def medians(self, leave_out: int) -> dict[str, float]:
        """Return the median CPU milliseconds of each stage; the first requests fill caches."""
        samples = self._samples[leave_out:]
        names = dict.fromkeys(name for sample in samples for name in sample)
        return {name: median(sample.get(name, 0.0) for sample in samples) for name in names}
