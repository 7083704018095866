"""Comparison of imported files with their sources: both sides are read again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from shift_media.core.errors import MediaError, NotStored
from shift_media.importing.models import ImportedFile, ImportState
from shift_media.importing.outcomes import RowOutcome
from shift_media.importing.plan import ImportPlan, pages_of
from shift_media.importing.reading import begin_copy, digest, open_old, storage_errors

Facts = tuple[int, str]
"""Size and SHA-256 of a file."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The problem of an imported file: a code, or ``""``, and the same for people."""

    code: str = ""
    detail: str = ""


def compare(plan: ImportPlan, record: ImportedFile) -> Comparison:
    """Read the copy and the old file, and compare both with what the table has.

    The codes are ``copy_missing``, ``copy_differs``, ``old_missing`` and ``old_changed``.
    """
    copy = check_copy(plan, record)
    return copy if copy.code else check_old(plan, record)


def check_copy(plan: ImportPlan, record: ImportedFile) -> Comparison:
    """Read a copy, and compare it with what was stored: with the old file without a checksum."""
    expected: Facts | Comparison = (record.stored_size or 0, record.stored_sha256)
    if not record.stored_sha256:
        expected = read_old(plan, record)
        if isinstance(expected, Comparison):
            return Comparison(f"old_{expected.code}", expected.detail)
    found = read_facts_of(plan.target_of(record), record.key)
    if isinstance(found, Comparison):
        return Comparison(f"copy_{found.code}", found.detail)
    if found != expected:
        return Comparison("copy_differs", f"{record.key!r} is not what was stored.")
    return Comparison()


def check_old(plan: ImportPlan, record: ImportedFile) -> Comparison:
    """Read an old file, and compare it with what was imported."""
    found = read_old(plan, record)
    if isinstance(found, Comparison):
        return Comparison(f"old_{found.code}", found.detail)
    if found[0] != record.size or record.sha256 not in ("", found[1]):
        return Comparison("old_changed", f"{record.old_name!r} was written to since its import.")
    return Comparison()


def read_old(plan: ImportPlan, record: ImportedFile) -> Facts | Comparison:
    """Return size and SHA-256 of an old file, or why it cannot be read."""
    storage, name = plan.storage_of(record), record.old_name

    def open_it(stack: ExitStack) -> Any:
        return open_old(storage, name, begin_copy(plan.target, storage, name), stack)

    return _read(name, open_it)


def read_facts_of(storage: Any, name: str) -> Facts | Comparison:
    """Return size and SHA-256 of a file; a comparison that says ``missing`` or ``unreadable``."""
    return _read(name, lambda stack: stack.enter_context(storage.open(name, "rb")))


def _read(name: str, open_it: Callable[[ExitStack], Any]) -> Facts | Comparison:
    try:
        with storage_errors(name), ExitStack() as stack:
            return digest(open_it(stack))
    except NotStored as error:
        return Comparison("missing", str(error))
    except MediaError as error:
        return Comparison("unreadable", str(error))


class VerifyRun:
    """One comparison of all imported files that rows still have with their old files.

    Args:
        plan: the columns and storages.
        workers: threads that read files.
        stop: set it to end the run in order.
    """

    def __init__(self, plan: ImportPlan, *, workers: int, stop: threading.Event) -> None:
        self._plan = plan
        self._workers = workers
        self._stop = stop
        self._records = plan.records.filter(state=ImportState.IMPORTED)

    def count(self) -> int:
        """Return how many files there are."""
        return self._records.count()

    def outcomes(self) -> Iterator[RowOutcome]:
        """Compare file after file, and yield what was found."""
        with ThreadPoolExecutor(self._workers, "media-import") as pool:
            for page in pages_of(self._records):
                if self._stop.is_set():
                    return
                now = self._plan.current_keys(page)
                same = [record for record in page if now.get(record.row) == record.key]
                found = pool.map(lambda record: compare(self._plan, record), same)
                problems = dict(zip((record.pk for record in same), found, strict=True))
                yield from (_outcome(record, problems.get(record.pk)) for record in page)


def _outcome(record: ImportedFile, problem: Comparison | None) -> RowOutcome:
    return RowOutcome(
        row=record.row,
        old_name=record.old_name,
        key=record.key,
        size=record.size or 0,
        sha256=record.sha256,
        code=problem.code if problem else "",
        detail=problem.detail if problem else "The row has another file by now.",
        skipped=problem is None,
    )
