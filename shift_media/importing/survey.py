"""Surveys: what an import would do, and how far it is."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.utils import timezone

from shift_media.core.errors import MediaError
from shift_media.importing.copying import CopiedFile, Copier
from shift_media.importing.models import LEASE, ImportState
from shift_media.importing.outcomes import RowOutcome, failed
from shift_media.importing.plan import ImportPlan, WaitingRow, pages_of
from shift_media.importing.run import ImportOptions

_AHEAD: Final = 2  # files that wait for each thread


class DryRun:
    """One inspection of all files that an import would store; it writes nothing.

    Args:
        plan: the columns and storages.
        options: the choices of the import.
        stop: set it to end the run in order.
    """

    def __init__(
        self, plan: ImportPlan, options: ImportOptions, stop: threading.Event | None = None
    ) -> None:
        self._plan = plan
        self._options = options
        self._stop = stop or threading.Event()
        self._copier = Copier(plan, link=options.link, checksum=options.checksum, dry_run=True)

    def outcomes(self) -> Iterator[RowOutcome]:
        """Inspect file after file, and yield what would be done with each row."""
        running: deque[tuple[WaitingRow, Future[CopiedFile]]] = deque()
        with ThreadPoolExecutor(self._options.workers, "media-import") as pool:
            for row in self._rows():
                running.append((row, pool.submit(self._copier.copy, row, "")))
                if len(running) >= self._options.workers * _AHEAD:
                    yield _outcome(*running.popleft())
            while running:
                yield _outcome(*running.popleft())

    def _rows(self) -> Iterator[WaitingRow]:
        number = 0
        for page in self._plan.pages(self._options.after):
            for row in page:
                if self._stop.is_set() or number == self._options.limit:
                    return
                number += 1
                yield row


def _outcome(row: WaitingRow, future: Future[CopiedFile]) -> RowOutcome:
    try:
        copied = future.result()
    except MediaError as error:
        return failed(row.pk, row.name, error)
    return RowOutcome(
        row=row.pk,
        old_name=row.name,
        size=copied.size,
        sha256=copied.sha256,
        requests=copied.requests,
    )


def shared_names(plan: ImportPlan) -> dict[str, int]:
    """Return the names that several rows have, with the number of their rows."""
    names = plan.rows.filter(**{f"{plan.name_column}__gt": ""}).values_list(plan.name_column)
    several = names.annotate(rows=Count("pk")).filter(rows__gt=1).order_by(plan.name_column)
    return {str(name): rows for name, rows in several if plan.is_waiting(str(name))}


@dataclass(slots=True)
class ImportStatus:
    """The state of an import.

    Attributes:
        imported: rows that have the key of their old file.
        changed: imported rows that have another file by now, or are deleted.
        left: rows that no run has tried yet.
        failed: rows that were left alone, by code.
        copying: rows that a run is working on now.
        undone: rows whose old name was put back.
        replaced: old files of rows that were given another file without an import.
        finished: old files that were deleted, most of them of imported rows.
    """

    imported: int = 0
    changed: int = 0
    left: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    copying: int = 0
    undone: int = 0
    replaced: int = 0
    finished: int = 0


def read_status(plan: ImportPlan) -> ImportStatus:
    """Return how far an import is; it reads the database alone."""
    status = ImportStatus()
    records = plan.records
    live = timezone.now() - LEASE
    status.copying = records.filter(state=ImportState.COPYING, updated__gt=live).count()
    status.replaced = records.filter(state=ImportState.REPLACED).count()
    status.finished = records.filter(
        state__in=(ImportState.FINISHING, ImportState.FINISHED)
    ).count()
    for page in plan.pages():
        _count_waiting(plan, page, status)
    for rows in pages_of(records.stored()):
        now = plan.current_keys(rows)
        same = sum(now.get(record.row) == record.key for record in rows)
        status.imported += same
        status.changed += len(rows) - same
    return status


def _count_waiting(plan: ImportPlan, page: list[WaitingRow], status: ImportStatus) -> None:
    known = {
        (record.row, record.old_name): record
        for record in plan.records.filter(row__in=[str(row.pk) for row in page])
    }
    for row in page:
        record = known.get((str(row.pk), row.name))
        if record is not None and record.state == ImportState.FAILED:
            status.failed[record.error_code] += 1
        else:
            status.left += 1
            status.undone += record is not None and record.state == ImportState.UNDONE


def time_left(done: int, total: int, seconds: float) -> timedelta:
    """Return how long the rest will take at the pace so far."""
    return timedelta(seconds=round(seconds / max(1, done) * max(0, total - done)))
