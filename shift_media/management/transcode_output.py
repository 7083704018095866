"""The progress of jobs: moving bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time

from django.core.management.base import OutputWrapper

from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob

BAR_WIDTH = 24
LINE_SECONDS = 10.0
"""The shortest time between two lines for a job in one state, where there is no terminal."""


class TranscodeReport:
    """Prints the progress of several jobs; thread-safe.

    Args:
        out: the output stream; bars are drawn on a terminal.
        err: the stream for jobs that have failed.
        verbosity: with 2, the files of a complete job are printed.
    """

    def __init__(self, out: OutputWrapper, err: OutputWrapper, verbosity: int = 1) -> None:
        self._out = out
        self._err = err
        self._verbosity = verbosity
        self._terminal = bool(out.isatty())
        self._lock = threading.Lock()
        self._bars: dict[int, str] = {}
        self._written: dict[int, tuple[float, str]] = {}

    def update(self, job: TranscodeJob) -> None:
        """Print the current state of a job."""
        with self._lock:
            if self._terminal:
                self._draw(job)
            else:
                self._write(job)

    def close(self) -> None:
        """Keep what is on the terminal: later lines are printed below it."""
        with self._lock:
            self._bars.clear()

    def _write(self, job: TranscodeJob) -> None:
        when, state = self._written.get(job.pk, (0.0, ""))
        now = time.monotonic()
        if state == job.state and now - when < LINE_SECONDS:
            return
        self._written[job.pk] = (now, job.state)
        (self._err if job.state == State.ERROR else self._out).write(_line(job))
        if job.state == State.COMPLETE and self._verbosity > 1:
            for rendition in Rendition.objects.using(job.database).filter(job=job.pk):
                self._out.write(f"  {rendition.key}")
        self._out.flush()

    def _draw(self, job: TranscodeJob) -> None:
        # ANSI sequences: ESC[nA goes up n lines, ESC[J erases all below, ESC[K the rest of a line.
        up = f"\x1b[{len(self._bars)}A" if self._bars else ""
        filled = BAR_WIDTH * job.progress // 100
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        if job.is_live:
            left = _time_left(job)
            self._bars[job.pk] = f"#{job.pk} [{bar}] {job.progress:3} % {_name(job)}{left}"
            ended = ""
        else:
            self._bars.pop(job.pk, None)
            ended = f"{_line(job)}\x1b[K\n"
        lines = "".join(f"{line}\x1b[K\n" for line in self._bars.values())
        self._out.write(f"{up}\x1b[J{ended}{lines}", ending="")
        self._out.flush()


def _line(job: TranscodeJob) -> str:
    line = f"#{job.pk} {_name(job)}: {job.state}, {job.progress} %{_time_left(job)}"
    if job.cost is not None:
        line += f", {job.billed_minutes:.1f} min of output for {job.cost:.4f}"
    line += "".join(f"\n  {warning}" for warning in job.warnings)
    return f"{line}: {job.error_code}: {job.error}" if job.error_code else line


def _time_left(job: TranscodeJob) -> str:
    left = job.time_left
    if left is None:
        return ""
    minutes, seconds = divmod(round(left.total_seconds()), 60)
    return f", about {minutes}:{seconds:02} min left"


def _name(job: TranscodeJob) -> str:
    return f"{job.original.rpartition('/')[2]} ({job.profile})"
