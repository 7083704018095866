"""The failures of a worker, and which error each is for the picture that it was decoding."""

from __future__ import annotations

import signal
from typing import Final

from shift_media.core.errors import MediaError, OutOfResources, Undecodable
from shift_media.sandbox.process import KILLS, signals_of_this_system

_KILLS: Final = (*KILLS, signal.SIGINT)
"""Signals of the machine or its administrators. Others, such as SIGSEGV, are about the file."""

_CLOCKS: Final = signals_of_this_system("SIGXCPU", "SIGALRM")
"""Signals of the clocks that a worker sets for itself."""


class WorkerFailed(Exception):
    """A worker that has ended, was killed, or said something else than a result.

    Attributes:
        error: what is raised in its place.
        is_repeatable: whether the picture may be innocent, so that a new worker should try it.
    """

    def __init__(self, error: MediaError, *, is_repeatable: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_repeatable = is_repeatable


def explain(
    error: Exception, code: int | None, *, is_ready: bool, is_first: bool, is_starved: bool
) -> WorkerFailed:
    """Return why a worker has failed.

    A picture in an earlier one of its calls may have damaged the memory of a worker. So a crash is
    blamed on the picture only if it was the first one.

    Args:
        error: what the server saw of it.
        code: how the process ended; None if the server has killed it.
        is_ready: whether it had ever started to answer.
        is_first: whether this was its first call.
        is_starved: whether it had to wait for a core for most of the time.
    """
    if isinstance(error, TimeoutError):
        return _explain_lateness(is_ready=is_ready, is_starved=is_starved)
    if code is None:
        said = Undecodable(f"The worker process sent something else than a result: {error}")
        return WorkerFailed(said, is_repeatable=not is_first)
    if code == 0:
        idle = OutOfResources("The worker process had ended, as an idle one does.")
        return WorkerFailed(idle, is_repeatable=True)
    if -code in _KILLS:
        text = f"The worker process was ended by {signal.Signals(-code).name}"
        killed = OutOfResources(f"{text}: the machine was short of memory, or stopped.")
        return WorkerFailed(killed, is_repeatable=True)
    if not is_ready:
        text = f"The worker process did not start: it ended with {code}. The log has its output."
        hint = 'SHIFT_MEDIA["WORKER_PYTHON"] must run an environment that has Pillow.'
        return WorkerFailed(OutOfResources(f"{text} {hint}"), is_repeatable=False)
    if -code in _CLOCKS:
        return _explain_lateness(is_ready=True, is_starved=is_starved)
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    crash = Undecodable(f"The decoder crashed: {name}.")
    return WorkerFailed(crash, is_repeatable=not is_first)


def _explain_lateness(*, is_ready: bool, is_starved: bool) -> WorkerFailed:
    error: MediaError = Undecodable(
        'The picture took longer than SHIFT_MEDIA["WORKER_SECONDS"]: the worker was killed.'
    )
    if is_starved:
        error = OutOfResources("The machine had no core for the worker process most of the time.")
    elif not is_ready:
        error = OutOfResources("The worker process took too long to start.")
    return WorkerFailed(error, is_repeatable=False)
