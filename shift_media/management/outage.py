"""Outages of the database while a command waits for work."""

from __future__ import annotations

import logging
import threading
import time

from django.db import InterfaceError, OperationalError, close_old_connections

AWAY = (OperationalError, InterfaceError)
"""The errors of a database that does not answer, or refuses connections."""

_LONGEST_PAUSE = 30.0  # seconds

logger = logging.getLogger("shift_media")


class Outage:
    """The outage of the database that a thread waits for, with pauses that grow.

    Args:
        stop: ends a pause.
        first: seconds of the first pause.
        longest: seconds after which the outage is an error; None for never.
    """

    def __init__(self, stop: threading.Event, first: float, longest: float | None) -> None:
        self._stop = stop
        self._first = first
        self._longest = longest
        self._pause = first
        self._since: float | None = None

    def end(self) -> None:
        """Note that the database has answered."""
        self._since, self._pause = None, self._first

    def wait(self, error: Exception) -> bool:
        """Wait a moment; return False if the outage has lasted too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if self._longest is not None and now - self._since > self._longest:
            return False
        logger.warning("The database is away, and the command waits for it: %s", error)
        close_old_connections()
        self._stop.wait(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True
