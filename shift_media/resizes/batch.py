"""Making resizes ahead of time, row by row: what `media_resize` does."""

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
from shift_media.resizes import service
from shift_media.resizes.service import Delivery
from shift_media.storages import MediaStorage

ROWS = 500
"""Rows read in one query: there is no cursor that stays open while their resizes are made."""

_AHEAD = 2  # rows that wait for each worker, so that none of them waits for the database
_SHOWN = 100
"""Failures that are kept to be told; of more there is only the number."""

NO_PICTURE, NO_POSTER = "no image or video", "videos without a poster yet"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with some of the resizes of one file."""

    file: str
    code: str
    detail: str
    count: int = 1

    def __str__(self) -> str:
        of = "1 resize" if self.count == 1 else f"{self.count} resizes"
        return f"{self.file}: {self.code}: {self.detail} ({of})"


@dataclass(slots=True)
class ResizeCounts:
    """What became of resizes, of one row or of many."""

    rows: int = 0
    made: int = 0
    there: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    unavailable: bool = False

    def add(self, other: ResizeCounts) -> None:
        """Add another's numbers, and its failures as long as they are few."""
        self.rows += other.rows
        self.made += other.made
        self.there += other.there
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures[: _SHOWN - len(self.failures)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The resizes that one file is to have, by their signed keys."""

    name: str
    storage: MediaStorage
    keys: list[str]
    video: bool


@dataclass(slots=True)
class Row:
    """One row: what its files are to have, and what became of that."""

    pk: Any
    files: list[Wanted] = field(default_factory=list)
    tally: ResizeCounts = field(default_factory=lambda: ResizeCounts(rows=1))
    whole: bool = False
    """Whether all of it was done: not so when Ctrl-C came between."""


class Rows:
    """The rows of a model in the order of their primary keys, which can be taken up anywhere.

    Args:
        model: which.
        fields: its media fields that are looked at.
        options: the resizes of each file, as arguments of ``MediaFile.resize``.
        only: primary keys; all where there are none.
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
        filled = Q()
        for each in fields:
            filled |= Q(**{f"{each.name}__gt": ""})
        rows = model._default_manager.filter(filled).order_by("pk")
        rows = rows.filter(pk__in=only) if only else rows
        self._rows = rows if after is None else rows.filter(pk__gt=after)

    def count(self) -> int:
        """Count them."""
        return self._rows.count()

    def __iter__(self) -> Iterator[Row]:
        rows = self._rows
        while chunk := list(rows[:ROWS]):
            yield from map(self._row, chunk)
            rows = self._rows.filter(pk__gt=chunk[-1].pk)

    def _row(self, instance: models.Model) -> Row:
        row = Row(instance.pk)
        for each in self.fields:
            if file := getattr(instance, each.name):
                self._file(row, f"{self.model._meta.label} {row.pk} {each.name}", file)
        return row

    def _file(self, row: Row, name: str, file: Any) -> None:
        kind = BY_EXTENSION.get(str(file.name).rpartition(".")[2])
        if kind is None or kind.kind not in ("image", "video"):
            row.tally.skipped[NO_PICTURE] += 1
            return
        keys: dict[str, None] = {}
        for options in self.options:
            try:
                keys[file.resize(**options).key] = None
            except MediaError as error:
                _fail(row.tally, name, error)
        if keys:
            row.files.append(Wanted(name, file.storage, list(keys), kind.kind == "video"))


class Making:
    """Rows made by several threads, given in their order.

    Threads, not processes: decoding, resizing, WebP, AVIF and the storage's network all let go of
    the interpreter's lock, and one process keeps one budget, one connection pool and one progress.

    Args:
        workers: threads.
        stop: set by Ctrl-C; a resize that is under way is finished, and no other begun.
        dry_run: look what is missing, and make nothing.
    """

    def __init__(self, workers: int, stop: threading.Event, *, dry_run: bool = False) -> None:
        self.workers = workers
        self.stop = stop
        self.dry_run = dry_run

    def run(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Make what is missing of each row, and give it when it is done."""
        ahead: deque[Future[Row]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for row in rows:
                    if self.stop.is_set():
                        break
                    ahead.append(pool.submit(self._row, row))
                    if len(ahead) >= _AHEAD * self.workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                if ahead:
                    self.stop.set()
                pool.shutdown(cancel_futures=True)

    def _row(self, row: Row) -> Row:
        try:
            for wanted in row.files:
                if self.dry_run:
                    _look(row.tally, wanted)
                elif not self.stop.is_set():
                    self._make(row.tally, wanted)
            row.whole = not self.stop.is_set()
        finally:
            connections.close_all()  # those that a receiver of a signal opened in this thread
        return row

    def _make(self, tally: ResizeCounts, wanted: Wanted) -> None:
        with closing(service.deliver_many(wanted.keys, wanted.storage)) as delivered:
            for _, one in delivered:
                if isinstance(one, Delivery):
                    tally.made += one.made
                    tally.there += not one.made
                elif isinstance(one, NotStored) and wanted.video:
                    tally.skipped[NO_POSTER] += 1
                    break
                else:
                    _fail(tally, wanted.name, one)
                if self.stop.is_set():
                    break


def _look(tally: ResizeCounts, wanted: Wanted) -> None:
    """Count what is stored, and what would be made."""
    try:
        there = len(service.stored([service.verify(key) for key in wanted.keys], wanted.storage))
    except MediaError as error:
        _fail(tally, wanted.name, error)
    else:
        tally.there += there
        tally.made += len(wanted.keys) - there


def _fail(tally: ResizeCounts, name: str, error: MediaError) -> None:
    tally.failed += 1
    tally.unavailable |= isinstance(error, StorageError)
    last = tally.failures[-1] if tally.failures else None
    if last is not None and (last.file, last.code) == (name, error.code):
        tally.failures[-1] = Failure(name, last.code, last.detail, last.count + 1)
    else:
        tally.failures.append(Failure(name, error.code, str(error)))
