"""The output of ``media_import``: progress, one line for each failure, the report, the summary."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Final

from django.core.management.base import CommandError, OutputWrapper
from django.template.defaultfilters import filesizeformat

from shift_media.importing.outcomes import OutcomeCounts, RowOutcome
from shift_media.importing.survey import ImportStatus, time_left
from shift_media.management.base import counted
from shift_media.management.progress import Progress

COLUMNS: Final = ("row", "old_name", "state", "code", "key", "size", "sha256", "detail")
"""The columns of ``--report``."""


class ImportOutput:
    """The destination of the outcomes of one run.

    Args:
        out, err: the streams of the command.
        report: the path of a CSV file with one line for each row, or None.
        verbose: whether to print a line for each row that was done, too.
    """

    def __init__(
        self, out: OutputWrapper, err: OutputWrapper, report: str | None, *, verbose: bool
    ) -> None:
        self.counts = OutcomeCounts()
        self._out, self._err = out, err
        self._report = report
        self._verbose = verbose

    def consume(self, title: str, outcomes: Iterable[RowOutcome], total: int) -> None:
        """Print and count outcomes as they come."""
        started = time.monotonic()
        with ExitStack() as stack:
            rows = csv.writer(stack.enter_context(self._open())) if self._report else None
            if rows is not None:
                rows.writerow(COLUMNS)
            progress = stack.enter_context(Progress(self._out, title, total))
            for outcome in outcomes:
                self.counts.add(outcome)
                self._print(outcome)
                if rows is not None:
                    rows.writerow([str(getattr(outcome, name)) for name in COLUMNS])
                progress.show(self.counts.rows, self._detail(total, time.monotonic() - started))

    def _open(self) -> IO[str]:
        try:
            return open(str(self._report), "w", newline="", encoding="utf-8", errors="replace")
        except OSError as error:
            raise CommandError(f"--report {self._report}: {error}", returncode=2) from error

    def _print(self, outcome: RowOutcome) -> None:
        if outcome.code:
            self._err.write(printable(str(outcome)))
        elif self._verbose or (outcome.detail and not outcome.skipped):
            told = outcome.detail or outcome.key or "ok"
            self._out.write(printable(f"{outcome.row}: {outcome.old_name}: {told}"))

    def _detail(self, total: int, seconds: float) -> str:
        done = self.counts.rows
        return (
            f"{done} of {counted(total, 'row')}, {self.counts.failed.total()} failed, "
            f"{done / max(seconds, 0.001):.0f} a second, {time_left(done, total, seconds)} left"
        )

    def summary(self, done: str) -> str:
        """Return one sentence: ``2 rows: 1 imported (3 kB), 0 skipped, 1 failed``."""
        counts = self.counts
        size = filesizeformat(counts.bytes).replace("\xa0", " ")
        return (
            f"{counted(counts.rows, 'row')}: {counts.done} {done} ({size}), "
            f"{counts.skipped} skipped, {counts.failed.total()} failed."
        )


def printable(text: str) -> str:
    """Return a line in which control characters, also those of a terminal, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def codes_text(codes: Counter[str]) -> str:
    """Return the codes with their numbers, the most frequent first: ``3 empty, 1 not_stored``."""
    return ", ".join(f"{number} {code}" for code, number in codes.most_common())


def status_lines(status: ImportStatus) -> Iterator[str]:
    """Yield the lines of ``--status``."""
    yield f"Imported: {status.imported}"
    yield f"Left: {status.left}" + (f", {status.undone} of them undone" if status.undone else "")
    told = f" ({codes_text(status.failed)})" if status.failed else ""
    yield f"Failed: {status.failed.total()}{told}"
    yield f"Changed since: {status.changed}"
    others: dict[str, Any] = {
        "Being copied": status.copying,
        "Replaced, or of deleted rows, before their import": status.replaced,
        "Old files deleted": status.finished,
    }
    yield from (f"{title}: {number}" for title, number in others.items() if number)
