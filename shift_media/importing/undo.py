"""The undoing of an import: old names are put back, and the copies are deleted.

A row that has a newer upload by now keeps it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from django.db import DatabaseError, transaction
from django.utils import timezone

from shift_media.core.errors import MediaError
from shift_media.deletion import service as deletion
from shift_media.deletion.budget import without_limit
from shift_media.importing.claims import Claims
from shift_media.importing.models import ImportedFile, ImportedFileQuerySet, ImportState
from shift_media.importing.outcomes import RowOutcome, failed
from shift_media.importing.plan import ImportPlan, PlanError, pages_of
from shift_media.importing.reading import storage_errors

_MISSING = "The old file is missing, so the row keeps its copy."


class UndoRun:
    """One undoing of the imports of a field, which may be stopped and started again.

    Args:
        plan: the columns and storages.
        dry_run: look whether the old files are there, and change nothing.
        stop: set it to end the run in order.
    """

    def __init__(
        self, plan: ImportPlan, *, dry_run: bool = False, stop: threading.Event | None = None
    ) -> None:
        self._plan = plan
        self._dry_run = dry_run
        self._stop = stop or threading.Event()

    def outcomes(self) -> Iterator[RowOutcome]:
        """Put old names back, and yield what was done with each row.

        Raises `PlanError` once old files were deleted, because they cannot be put back.
        """
        ended = self._plan.records.filter(
            state__in=(ImportState.FINISHING, ImportState.FINISHED)
        ).count()
        if ended:
            raise PlanError(
                f"{ended} old files of {self._plan.field} were deleted by --finish, so the import "
                "cannot be undone. Nothing was changed."
            )
        self._check_columns()
        if not self._dry_run:
            Claims(self._plan).recover()
        for page in pages_of(self._imported):
            if self._stop.is_set():
                return
            yield from self._undo_page(page)

    def _check_columns(self) -> None:
        """Refuse if a field with old names is gone: it has to say that a row is unchanged."""
        there = {field.name for field in self._plan.model._meta.concrete_fields}
        used = self._imported.exclude(from_field="").order_by("from_field")
        for name in used.values_list("from_field", flat=True).distinct():
            if name not in there:
                raise PlanError(
                    f"{self._plan.model._meta.label} has no field {name!r} any more, from which "
                    f"{self._plan.field} was imported. To undo the import, add it again with its "
                    "old names: go back before the migration that removed it, and restore its "
                    "values from a backup. Nothing was changed."
                )

    def count(self) -> int:
        """Return how many rows were imported."""
        return self._imported.count()

    @property
    def _imported(self) -> ImportedFileQuerySet:
        return self._plan.records.filter(state=ImportState.IMPORTED)

    def _undo_page(self, page: list[ImportedFile]) -> list[RowOutcome]:
        """Undo some rows in one transaction; those whose old file is missing stay as they are."""
        outcomes = {record.pk: self._look_up(record) for record in page}
        there = [record for record in page if not outcomes[record.pk].code]
        if self._dry_run:
            return list(outcomes.values())
        try:
            with without_limit(), transaction.atomic(using=self._plan.using):
                undone = [record for record in there if self._plan.restore(record)]
                self._mark(undone)
                for record in undone:
                    deletion.schedule(self._plan.field, record.key, self._plan.using, collect=True)
                deletion.write_collected(self._plan.using)
        except DatabaseError as error:
            return [failed(record.row, record.old_name, error) for record in page]
        outcomes |= {record.pk: _skipped(record) for record in there if record not in undone}
        return list(outcomes.values())

    def _look_up(self, record: ImportedFile) -> RowOutcome:
        """Return the outcome of a row whose column is written, or why it is not."""
        name = record.old_name
        try:
            with storage_errors(name):
                found = self._plan.storage_of(record).exists(name)
        except MediaError as error:
            return failed(record.row, name, error)
        outcome = RowOutcome(row=record.row, old_name=name, key=record.key, size=record.size or 0)
        if not found:
            return RowOutcome(row=record.row, old_name=name, code="not_stored", detail=_MISSING)
        return outcome

    def _mark(self, undone: list[ImportedFile]) -> None:
        """Note in the table which rows have their old names again."""
        keys, pks = [record.key for record in undone], [record.pk for record in undone]
        same = self._imported.filter(pk__in=pks, key__in=keys)
        if same.update(state=ImportState.UNDONE, updated=timezone.now()) != len(undone):
            raise DatabaseError("The imports of these rows were ended or undone by another run.")


def _skipped(record: ImportedFile) -> RowOutcome:
    text = "The row was deleted, or has another file by now, which stays."
    return RowOutcome(row=record.row, old_name=record.old_name, detail=text, skipped=True)
