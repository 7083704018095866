"""Making resizes ahead of time, row by row, for the command ``media_resize``."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, models
from django.db.models import Q

from shift_media.core.errors import MediaError, NotStored, StorageError
from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.engine import Effort
from shift_media.resizes import service
from shift_media.resizes.builder import has_resizes
from shift_media.resizes.stored import StoredResize, find_keys
from shift_media.storages import MediaStorage

ROWS = 500
"""Rows read in one query: no cursor stays open while their resizes are made."""

_ROWS_AHEAD = 2
"""Rows that wait for each worker, so that no worker waits for the database."""

_MAX_FAILURES = 100
"""Failures that are kept for the report; of more there is only the number."""

NOT_AN_IMAGE, NO_POSTER = "no image or video", "videos without a poster yet"
LEGACY = "names from before the media field, of which no resizes are made"


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why resizes of a file could not be made, and their number."""

    file: str
    code: str
    detail: str
    count: int = 1

    def __str__(self) -> str:
        resizes = "1 resize" if self.count == 1 else f"{self.count} resizes"
        return f"{self.file}: {self.code}: {self.detail} ({resizes})"


@dataclass(slots=True)
class ResizeCounts:
    """The outcomes of resizes, of one row or of many.

    Attributes:
        rows: rows that were done.
        made: resizes made by this run, or missing ones in a dry run.
        stored: resizes that were stored before.
        failed: resizes that could not be made.
        skipped: files that have no resizes, by the reason.
        failures: why resizes failed, `_MAX_FAILURES` at most.
        unavailable: whether the storage failed.
    """

    rows: int = 0
    made: int = 0
    stored: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    unavailable: bool = False

    def add(self, other: ResizeCounts) -> None:
        """Add the numbers of another, and its failures as long as there is room for them."""
        self.rows += other.rows
        self.made += other.made
        self.stored += other.stored
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures[: _MAX_FAILURES - len(self.failures)]

    def add_failure(self, file: str, error: MediaError) -> None:
        """Count one resize that failed; equal failures in a row are kept as one."""
        self.failed += 1
        self.unavailable |= isinstance(error, StorageError)
        last = self.failures[-1] if self.failures else None
        if last is not None and (last.file, last.code) == (file, error.code):
            self.failures[-1] = Failure(file, last.code, last.detail, last.count + 1)
        else:
            self.failures.append(Failure(file, error.code, str(error)))


@dataclass(frozen=True, slots=True)
class FileResizes:
    """The signed keys of the resizes that one file is to have."""

    name: str
    storage: MediaStorage
    keys: list[str]
    is_video: bool


@dataclass(slots=True)
class Row:
    """One row: the resizes that its files are to have, and their outcomes."""

    pk: Any
    files: list[FileResizes] = field(default_factory=list)
    counts: ResizeCounts = field(default_factory=lambda: ResizeCounts(rows=1))
    complete: bool = False
    """True if the whole row was done; False if Ctrl-C came before its end."""


class Rows:
    """The rows of a model in the order of their primary keys, from any of them on.

    Args:
        model: the model.
        fields: its media fields whose files get resizes.
        options: the resizes of each file, as arguments of ``MediaFile.resize``.
        only: primary keys of the rows; all rows if empty.
        after: the primary key that was done last.
    """

    def __init__(
        self,
        model: type[models.Model],
        fields: Sequence[Any],
        options: Sequence[Mapping[str, Any]],
        *,
        only: Sequence[str] = (),
        after: Any = None,
    ) -> None:
        self.model = model
        self.fields = fields
        self.options = options
        has_file = Q()
        for media_field in fields:
            has_file |= Q(**{f"{media_field.name}__gt": ""})
            if source := getattr(media_field, "imported_from", None):
                has_file |= Q(**{f"{source}__gt": ""})
        rows = model._default_manager.filter(has_file).order_by("pk")
        rows = rows.filter(pk__in=only) if only else rows
        self._rows = rows if after is None else rows.filter(pk__gt=after)

    def count(self) -> int:
        """Return the number of rows."""
        return self._rows.count()

    def __iter__(self) -> Iterator[Row]:
        rows = self._rows
        while chunk := list(rows[:ROWS]):
            yield from map(self._row, chunk)
            rows = self._rows.filter(pk__gt=chunk[-1].pk)

    def _row(self, instance: models.Model) -> Row:
        row = Row(instance.pk)
        for media_field in self.fields:
            if file := getattr(instance, media_field.name):
                self._add_file(row, f"{self.model._meta.label} {row.pk} {media_field.name}", file)
        return row

    def _add_file(self, row: Row, name: str, file: Any) -> None:
        if file.is_legacy:
            row.counts.skipped[LEGACY] += 1
            return
        extension = str(file.name).rpartition(".")[2]
        if not has_resizes(extension):
            row.counts.skipped[NOT_AN_IMAGE] += 1
            return
        keys: dict[str, None] = {}
        for options in self.options:
            try:
                keys[file.resize(**options).key] = None
            except MediaError as error:
                row.counts.add_failure(name, error)
        if keys:
            is_video = BY_EXTENSION[extension].kind == "video"
            row.files.append(FileResizes(name, file.storage, list(keys), is_video))


class BatchRenderer:
    """Renders rows in several threads, and yields them in their order.

    Threads, not processes: decoding, resizing, WebP, AVIF and the storage's network all release
    the interpreter's lock, and one process has one limiter, one connection pool and one progress.

    Args:
        workers: the number of threads.
        stop: set by Ctrl-C; a resize that is being made is finished, and no other one begun.
        dry_run: count what is missing, and make nothing.
        effort: of the encoders.
    """

    def __init__(
        self,
        workers: int,
        stop: threading.Event,
        *,
        dry_run: bool = False,
        effort: Effort = "slow",
    ) -> None:
        self.workers = workers
        self.stop = stop
        self.dry_run = dry_run
        self.effort = effort

    def run(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Make what is missing of each row, and yield the row when it is done."""
        pending: deque[Future[Row]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for row in rows:
                    if self.stop.is_set():
                        break
                    pending.append(pool.submit(self._render_row, row))
                    if len(pending) >= _ROWS_AHEAD * self.workers:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                if pending:  # The caller left early, or a row raised.
                    self.stop.set()
                pool.shutdown(cancel_futures=True)

    def _render_row(self, row: Row) -> Row:
        try:
            for file in row.files:
                if self.dry_run:
                    _count_missing(row.counts, file)
                elif not self.stop.is_set():
                    self._render_file(row.counts, file)
            row.complete = not self.stop.is_set()
        finally:
            connections.close_all()  # those that receivers of signals opened in this thread
        return row

    def _render_file(self, counts: ResizeCounts, file: FileResizes) -> None:
        with closing(service.deliver_many(file.keys, file.storage, self.effort)) as delivered:
            for _, result in delivered:
                if isinstance(result, StoredResize):
                    counts.made += result.made
                    counts.stored += not result.made
                elif isinstance(result, NotStored) and file.is_video:
                    counts.skipped[NO_POSTER] += 1
                    break
                else:
                    counts.add_failure(file.name, result)
                if self.stop.is_set():
                    break


def _count_missing(counts: ResizeCounts, file: FileResizes) -> None:
    try:
        stored = len(find_keys([service.verify(key) for key in file.keys], file.storage))
    except MediaError as error:
        counts.add_failure(file.name, error)
    else:
        counts.stored += stored
        counts.made += len(file.keys) - stored
