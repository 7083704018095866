"""Progress of long work: one line that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from shutil import get_terminal_size
from types import TracebackType

from django.core.management.base import OutputWrapper

BAR_WIDTH = 24
_PAUSE_SECONDS = {True: 0.1, False: 10.0}


class Progress:
    """Tell how far a number of steps has come."""

    def __init__(self, out: OutputWrapper, what: str, steps: int) -> None:
        self._out = out
        self._what = what
        self._steps = steps
        self._terminal = bool(out.isatty())
        self._told = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def show(self, done: int, detail: str = "") -> None:
        """Show the steps done, unless something was shown just before."""
        now = time.monotonic()
        if now - self._told < _PAUSE_SECONDS[self._terminal]:
            return
        self._told = now
        share = min(1.0, done / max(1, self._steps))
        text = f"{int(100 * share)} %, {detail}"
        if self._terminal:
            filled = int(BAR_WIDTH * share)
            line = f"{self._what} [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {text}"
            # A line that wraps could not be written over.
            self._out.write(f"\r{line[: get_terminal_size().columns - 1]}\x1b[K", ending="")
            self._out.flush()
        else:
            self._out.write(f"{self._what}: {text}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._terminal:
            self._out.write("\r\x1b[K", ending="")
