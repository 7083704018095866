"""Ctrl-C for long work: the first ends it in order, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

INTERRUPTED = 130
"""The exit code: what a shell gives for a program that Ctrl-C ended."""


@contextlib.contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM set an event, so that what is under way ends in order.

    Does nothing in other threads than the main one, where no handler can be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
