"""The end of a program on SIGTERM and SIGHUP: its servers and its folder go with it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def exit_on_signals(folder: Path) -> Iterator[None]:
    """Raise SystemExit on SIGTERM and SIGHUP, so that contexts end, then remove the folder.

    A further signal is ignored, because it would end the clean-up half-way. SIGHUP stays ignored
    where it was, which is what nohup asks for.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _exit)
    try:
        yield
    except SystemExit:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


def _exit(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)
