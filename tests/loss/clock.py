"""A clock of one process that another one sets.

libfaketime is not used: under it ``time.sleep`` of Python 3.11 and newer fails with EINVAL or does
not end, because it moves the monotonic clock to which Python sleeps.
"""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Any

_real_time, _RealDatetime = time.time, datetime.datetime


class SteppedClock:
    """The offset of a clock in a file, read at most ten times in a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read, self._seconds = 0.0, 0.0

    def offset(self) -> float:
        """Return the offset in seconds."""
        if time.monotonic() > self._read + 0.1:
            self._read = time.monotonic()
            try:
                self._seconds = float(self._path.read_text())
            except (OSError, ValueError):
                self._seconds = 0.0
        return self._seconds

    def install(self) -> None:
        """Let all modules of this process see this clock, instead of that of the system."""
        clock = self

        class OfReal(type):
            def __instancecheck__(cls, instance: object) -> bool:
                return isinstance(instance, _RealDatetime)

        class Stepped(_RealDatetime, metaclass=OfReal):
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> Any:
                return _RealDatetime.now(tz) + datetime.timedelta(seconds=clock.offset())

            @classmethod
            def utcnow(cls) -> Any:
                return cls.now(datetime.UTC).replace(tzinfo=None)

        def stepped_time() -> float:
            return _real_time() + clock.offset()

        for module in [each for name, each in sys.modules.items() if name != __name__]:
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if value is _RealDatetime:
                    setattr(module, name, Stepped)
                elif value is _real_time:
                    setattr(module, name, stepped_time)
