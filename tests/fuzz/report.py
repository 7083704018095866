"""The progress line, and the summary of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping

from tests.fuzz.coverage import percent_by_room
from tests.fuzz.runner import Tally


class Progress:
    """One line for each target, written again and again on a terminal."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds = name, seconds
        self._started = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{self._line(tally)}")
            sys.stdout.flush()

    def end(self, tally: Tally) -> None:
        """Write the last state of the line."""
        start = "\r" if sys.stdout.isatty() else ""
        sys.stdout.write(f"{start}{self._line(tally)}\n")
        sys.stdout.flush()

    def _line(self, tally: Tally) -> str:
        seconds = time.monotonic() - self._started
        return (
            f"{self._name:10} {seconds:6.1f} of {self._seconds:.1f} s "
            f"{tally.executions:9} inputs {tally.executions / max(seconds, 0.001):7.0f}/s "
            f"{tally.accepted:8} accepted {tally.inputs:5} kept {len(tally.lines):5} lines "
            f"{len(tally.findings):3} findings"
        )


def summarize(tallies: Mapping[str, Tally], seconds: float) -> Iterator[str]:
    """Yield the lines of the summary."""
    lines = set().union(*(tally.lines for tally in tallies.values()))
    rooms: dict[str, list[int]] = {}
    for path, (executed, there) in percent_by_room(lines).items():
        parts = path.split("/")
        room = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
        total = rooms.setdefault(room, [0, 0])
        total[0] += executed
        total[1] += there
    for room, (executed, there) in sorted(rooms.items()):
        yield f"{room:32} {executed:5} of {there:5} lines of the modules that were entered"
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = seconds + used.ru_utime + used.ru_stime
    findings = sum(len(tally.findings) for tally in tallies.values())
    executions = sum(tally.executions for tally in tallies.values())
    accepted = sum(tally.accepted for tally in tallies.values())
    yield (
        f"{executions} inputs, of which {accepted} were accepted, in {cpu:.0f} s of CPU time: "
        f"{findings} findings"
    )
