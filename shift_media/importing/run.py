"""The run of an import: rows are claimed, copied by threads, and written one by one.

The threads read and store files. The database is used by the caller's thread alone, which writes
each row in a transaction of its own, so that a run may be killed between any two steps.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from django.db import DatabaseError, DataError, IntegrityError, transaction

from shift_media.core.errors import MediaError, StorageError
from shift_media.importing.claims import Claim, Claims, discard
from shift_media.importing.copying import CopiedFile, Copier
from shift_media.importing.models import ImportState
from shift_media.importing.outcomes import DATABASE_ERROR, RowOutcome, failed
from shift_media.importing.plan import ImportPlan, WaitingRow

MAX_STORAGE_FAILURES: Final = 20
"""Consecutive rows that a storage fails for, after which a run gives up."""

DEFAULT_WORKERS: Final = 4
_AHEAD: Final = 2  # files that wait for each thread
_PAUSE_SECONDS: Final = 1.0
_CHANGES: Final = 3  # times that a row may change while its file is copied


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The choices of a run.

    Attributes:
        after: only rows with larger primary keys.
        limit: at most so many rows.
        workers: threads that copy.
        rate: at most so many rows in a second; None for no limit.
        link: on one disk give files a second name, where that is safe.
        checksum: whether the SHA-256 of each file is taken.
    """

    after: Any = None
    limit: int | None = None
    workers: int = DEFAULT_WORKERS
    rate: float | None = None
    link: bool = False
    checksum: bool = True


class TakenOver(Exception):
    """A claim that another run has taken over, because it was not renewed in time."""


class ImportRun:
    """One run of a plan, which may go on beside others, and beside uploads and deletions.

    Args:
        plan: the columns and storages.
        options: the choices.
        stop: set it to end the run in order: files that are being copied are finished.
    """

    def __init__(
        self, plan: ImportPlan, options: ImportOptions, stop: threading.Event | None = None
    ) -> None:
        self.plan = plan
        self.options = options
        self.stop = stop or threading.Event()
        self.gave_up = False
        self._claims = Claims(plan)
        self._copier = Copier(plan, link=options.link, checksum=options.checksum)
        self._elsewhere: deque[WaitingRow] = deque()
        self._again: deque[Claim] = deque()
        self._refused: deque[RowOutcome] = deque()
        self._changes: dict[Any, int] = {}
        self._running: dict[Future[CopiedFile], Claim] = {}
        self._submitted = self._failing = 0
        self._next_at = time.monotonic()

    def outcomes(self) -> Iterator[RowOutcome]:
        """Import row after row, and yield what was done with each."""
        self._claims.recover()
        pool = ThreadPoolExecutor(self.options.workers, "media-import")
        with pool, closing(self._waiting()) as waiting:
            try:
                while self._submit(pool, waiting):
                    yield from self._refusals()
                    yield from self._settle_finished()
                yield from self._refusals()
            finally:
                self._cancel()

    # Choosing rows

    def _waiting(self) -> Generator[Claim | None]:
        """Yield claims of all rows, and None while those that are left are another run's."""
        for page in self.plan.pages(self.options.after):
            yield from self._claim(page)
        while self._elsewhere:
            yield None
            self._claims.recover()
            pks = [self._elsewhere.popleft().pk for _ in range(len(self._elsewhere))]
            now = [self.plan.read(pk) for pk in pks]
            yield from self._claim([row for row in now if row is not None])

    def _claim(self, rows: Sequence[WaitingRow]) -> Iterator[Claim]:
        claims, elsewhere = self._claims.take([row for row in rows if self._is_usable(row)])
        self._elsewhere.extend(elsewhere)
        left = deque(claims)
        try:
            while left:
                yield left.popleft()
        finally:
            self._claims.release(left)

    def _is_usable(self, row: WaitingRow) -> bool:
        """Return False for a name that the table has no room for."""
        try:
            self._copier.check_name(row)
        except MediaError as error:
            self._refused.append(failed(row.pk, row.name, error))
            return False
        return True

    def _submit(self, pool: ThreadPoolExecutor, waiting: Iterator[Claim | None]) -> bool:
        """Pass claims to the threads; return False if nothing is left to do."""
        while len(self._running) < self.options.workers * _AHEAD and not self._is_ending:
            if time.monotonic() < self._next_at:
                return True
            if self._again:
                claim: Claim | None = self._again.popleft()
            else:
                try:
                    claim = next(waiting)
                except StopIteration:
                    break
            if claim is None:
                return True
            self._submitted += 1
            self._pace()
            future = pool.submit(self._copier.copy, claim.row, claim.id)
            self._running[future] = claim
        if self.stop.is_set():
            self._cancel()
        return bool(self._running)

    @property
    def _is_ending(self) -> bool:
        limit = self.options.limit
        return self.stop.is_set() or (limit is not None and self._submitted >= limit)

    def _pace(self) -> None:
        if self.options.rate:
            self._next_at = max(self._next_at, time.monotonic() - 1) + 1 / self.options.rate

    def _cancel(self) -> None:
        """Release the claims for which nothing was begun."""
        cancelled = [future for future in self._running if future.cancel()]
        claims = [self._running.pop(future) for future in cancelled]
        self._claims.release([*claims, *self._again])
        self._again.clear()

    def _refusals(self) -> Iterator[RowOutcome]:
        while self._refused:
            yield self._refused.popleft()

    # Writing rows

    def _settle_finished(self) -> Iterator[RowOutcome]:
        pause = min(_PAUSE_SECONDS, max(0.0, self._next_at - time.monotonic()) or _PAUSE_SECONDS)
        if self._running:
            done, _ = wait(self._running, pause, FIRST_COMPLETED)
        else:
            self.stop.wait(pause)
            done = set()
        self._claims.renew()
        for future in [future for future in self._running if future in done]:
            outcome = self._settle(self._running.pop(future), future)
            if outcome is not None:
                self._count_failures(outcome)
                yield outcome

    def _settle(self, claim: Claim, future: Future[CopiedFile]) -> RowOutcome | None:
        """Write the row of a copy; return None if the row is to be looked at again."""
        try:
            copied = future.result()
        except MediaError as error:
            return self._fail(claim, error)
        try:
            written = self._write(claim, copied)
        except TakenOver:
            discard(self.plan.target, claim.id)
            self._elsewhere.append(claim.row)
            return None
        except (IntegrityError, DataError) as error:
            discard(self.plan.target, claim.id)
            return self._fail(claim, error)
        except DatabaseError as error:
            # It may have been written, if the connection broke. The claim stays, and the next run
            # finds out.
            return failed(claim.row.pk, claim.row.name, error)
        if not written:
            return self._changed(claim)
        return RowOutcome(
            row=claim.row.pk,
            old_name=claim.row.name,
            key=copied.key,
            size=copied.size,
            sha256=copied.sha256,
            requests=copied.requests,
        )

    def _write(self, claim: Claim, copied: CopiedFile) -> bool:
        """Write a row and its claim in one transaction; return False if the row has changed."""
        with transaction.atomic(using=self.plan.using):
            if not self.plan.write(claim.row, copied.key, copied.metadata):
                return False
            settled = self._claims.settle(
                claim,
                state=ImportState.IMPORTED,
                key=copied.key,
                size=copied.size,
                sha256=copied.sha256,
                stored_size=copied.metadata.size,
                stored_sha256=copied.metadata.sha256,
            )
            if not settled:
                raise TakenOver
        return True

    def _changed(self, claim: Claim) -> RowOutcome | None:
        """Remove the copy for a row that was changed or deleted meanwhile, and try it again."""
        discard(self.plan.target, claim.id)
        self._claims.release([claim])
        row, pk = self.plan.read(claim.row.pk), claim.row.pk
        if row is None:
            text = "The row was deleted, or has another file by now."
            return RowOutcome(row=pk, old_name=claim.row.name, detail=text, skipped=True)
        self._changes[pk] = self._changes.get(pk, 0) + 1
        if self._changes[pk] > _CHANGES:
            text = f"The row was changed {_CHANGES} times while its file was copied."
            return RowOutcome(row=pk, old_name=row.name, code="row_changed", detail=text)
        self._again.extend(self._claim([row]))
        return None

    def _fail(self, claim: Claim, error: Exception) -> RowOutcome:
        outcome = failed(claim.row.pk, claim.row.name, error)
        self._claims.settle(
            claim, state=ImportState.FAILED, key="", error_code=outcome.code, error=str(error)
        )
        return outcome

    def _count_failures(self, outcome: RowOutcome) -> None:
        is_failure = outcome.code in _STORAGE_CODES
        self._failing = self._failing + 1 if is_failure else 0
        if self._failing >= MAX_STORAGE_FAILURES and not self.stop.is_set():
            self.gave_up = True
            self.stop.set()


_STORAGE_CODES: Final = frozenset((StorageError.code, "storage_busy", DATABASE_ERROR))
