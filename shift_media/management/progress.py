"""Long commands on a terminal: a line that shows their progress, and an orderly end on Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from shutil import get_terminal_size
from types import FrameType, TracebackType

from django.core.management.base import OutputWrapper

BAR_WIDTH = 24
"""Characters of the bar between its brackets."""

INTERRUPTED = 130
"""The exit code that shells give a program that Ctrl-C ended: 128 and the number of SIGINT."""

_SECONDS_BETWEEN = {True: 0.1, False: 10.0}
"""Least seconds between two updates, on a terminal and elsewhere (a log file)."""


class Progress:
    """The progress of a number of steps: a bar on a terminal, a line now and then elsewhere.

    Args:
        out: The output stream.
        title: The words before the bar.
        steps: The number of steps in total.
    """

    def __init__(self, out: OutputWrapper, title: str, steps: int) -> None:
        self._out = out
        self._title = title
        self._steps = steps
        self._is_terminal = bool(out.isatty())
        self._shown_at = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def show(self, done: int, detail: str = "") -> None:
        """Show how many steps are done, unless the last update is too recent."""
        now = time.monotonic()
        if now - self._shown_at < _SECONDS_BETWEEN[self._is_terminal]:
            return
        self._shown_at = now
        share = min(1.0, done / max(1, self._steps))
        text = f"{int(100 * share)} %, {detail}"
        if self._is_terminal:
            filled = int(BAR_WIDTH * share)
            line = f"{self._title} [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {text}"
            # "\r" returns to the start of one line only, so the text must not wrap.
            self._out.write(f"\r{line[: get_terminal_size().columns - 1]}\x1b[K", ending="")
            self._out.flush()
        else:
            self._out.write(f"{self._title}: {text}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_terminal:
            self._out.write("\r\x1b[K", ending="")


@contextlib.contextmanager
def stop_on_interrupt(stop: threading.Event) -> Iterator[list[signal.Signals]]:
    """Set an event on the first Ctrl-C or SIGTERM, so that running work ends in order.

    Yields the list of the signals that arrive. The second one raises `KeyboardInterrupt`. Signals
    are not handled in other threads than the main one, because Python cannot set handlers there.
    """
    received: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        received.append(signal.Signals(number))
        stop.set()

    with _signal_handler(handle, signal.SIGINT, signal.SIGTERM):
        yield received


@contextlib.contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on SIGTERM as on Ctrl-C, so that the command cleans up."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _signal_handler(handle, signal.SIGTERM):
        yield


@contextlib.contextmanager
def _signal_handler(
    handler: Callable[[int, FrameType | None], None], *signals: signal.Signals
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
