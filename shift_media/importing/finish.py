"""The end of an import: each copy is verified, then its old file is deleted.

An old file stays if a row of any file field has its name, or a field has it as its default, if it
is in the directory of another original, if its copy is not what was stored, or if it was written
to since its import. Its rows in the table are marked before it is deleted, and what is marked is
not undone any more.
"""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import product
from typing import Any, Final

from django.apps import apps
from django.core.files.storage import Storage
from django.db import models
from django.db.models import Q
from django.db.models.fields.files import FileField
from django.utils import timezone

from shift_media.core.errors import MediaError
from shift_media.core.keys import OriginalKey, directory_owner
from shift_media.deletion.references import all_rows, history_columns, referenced_keys
from shift_media.importing.claims import Claims
from shift_media.importing.models import ImportedFile, ImportedFileQuerySet, ImportState
from shift_media.importing.outcomes import RowOutcome, failed
from shift_media.importing.plan import PAGE, ImportPlan
from shift_media.importing.reading import storage_errors
from shift_media.importing.spellings import folded, ignores_case, in_any_case, spelt_otherwise
from shift_media.importing.verify import Comparison, check_copy, check_old
from shift_media.registry import default_names
from shift_media.storages import MediaStorage, unwrap

_ENDING: Final = (ImportState.IMPORTED, ImportState.REPLACED, ImportState.FINISHING)


Files = dict[str, list[ImportedFile]]
"""Rows of the table by their old name."""


class FinishRun:
    """One deletion of the old files of a field, which may be stopped and started again.

    Args:
        plan: the columns and storages.
        workers: threads that read files.
        dry_run: verify, and delete nothing.
        stop: set it to end the run in order.
    """

    def __init__(
        self,
        plan: ImportPlan,
        *,
        workers: int = 1,
        dry_run: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self._plan = plan
        self._workers = workers
        self._dry_run = dry_run
        self._stop = stop or threading.Event()
        self._spellings: dict[str, str] = {}

    def outcomes(self) -> Iterator[RowOutcome]:
        """Delete old files, and yield what was done with each; ``row`` is one of its rows."""
        if not self._dry_run:
            Claims(self._plan).recover()
        aliases = self._mine.order_by("old_storage").values_list("old_storage", flat=True)
        with ThreadPoolExecutor(self._workers, "media-import") as pool:
            for alias in list(aliases.distinct()):
                last = ""
                while (page := self._page(alias, last)) and not self._stop.is_set():
                    last = next(reversed(page))  # in the order of the database
                    yield from self._finish_page(self._with_other_spellings(alias, page), pool)

    def count(self) -> int:
        """Return how many old files there are."""
        return self._mine.values("old_storage", "old_name").distinct().count()

    @property
    def _mine(self) -> ImportedFileQuerySet:
        return self._plan.records.filter(state__in=_ENDING)

    def _page(self, alias: str, after: str) -> Files:
        """Return the next old names, each with its rows in the table."""
        names = (
            self._mine.filter(old_storage=alias, old_name__gt=after)
            .order_by("old_name")
            .values_list("old_name")
        )
        wanted = [name for (name,) in names.distinct()[:PAGE]]
        all_records = self._plan.table.filter(old_name__in=wanted, old_storage=alias)
        # Not by groupby(), because a database may sort other spellings between equal names.
        files: Files = {}
        for record in all_records.order_by("old_name", "pk"):
            if self._plan.is_beside(record):
                files.setdefault(record.old_name, []).append(record)
        return files

    def _with_other_spellings(self, alias: str, files: Files) -> Files:
        """Return files with what the table has about them in other spellings of their names."""
        names = [
            name
            for name, same in files.items()
            if ignores_case(self._plan.storage_of(same[0]), name)
        ]
        self._spellings = folded(names)
        if not names:
            return files
        alike = in_any_case(
            self._plan.table.filter(old_storage=alias), "old_name", self._spellings
        )
        for record in alike:
            name = self._spellings.get(record.old_name.casefold(), record.old_name)
            if name != record.old_name and self._plan.is_beside(record):
                files.pop(record.old_name, None)
                files[name].append(record)
        return files

    def _finish_page(self, files: Files, pool: ThreadPoolExecutor) -> Iterator[RowOutcome]:
        keys = [record.key for same in files.values() for record in same if record.key]
        wanted = referenced_keys(keys)
        free, left = self._without_held(files)
        yield from left
        compared = pool.map(lambda same: self._verify(same, wanted), free.values())
        for (name, same), problem in zip(list(free.items()), compared, strict=True):
            if problem.code:
                del free[name]
                yield _left(same[0], problem.code, problem.detail)
        if self._dry_run:
            yield from (_done(same[0]) for same in free.values())
        elif free:
            yield from self._end(free, pool)

    def _without_held(self, files: Files) -> tuple[Files, list[RowOutcome]]:
        """Return the files whose names no row has, and the outcomes of the others."""
        holders = self.holders(list(files))
        held = {name: f"{holder} has this name." for name, holder in holders.items()}
        held |= self._holders_of_spellings(files)
        for name, same in files.items():
            if owner := _original_beside(self._plan.storage_of(same[0]), name):
                held[name] = f"It is a part of {str(owner)!r}, and goes with it."
        left = [_left(files[name][0], "still_used", reason) for name, reason in held.items()]
        return {name: same for name, same in files.items() if name not in held}, left

    def _verify(self, same: Sequence[ImportedFile], wanted: set[str]) -> Comparison:
        """Return why an old file stays; an empty comparison if no row needs it."""
        is_old_checked = False
        for record in same:
            if record.state == ImportState.COPYING:
                return Comparison("copying", "A run is copying the file.")
            if record.state not in _ENDING or record.key not in wanted:
                continue  # The row has another file by now, or is deleted.
            problem = check_copy(self._plan, record)
            if not problem.code and not is_old_checked:
                problem, is_old_checked = check_old(self._plan, record), True
            if problem.code and problem.code != "old_missing":
                return problem
        return Comparison()

    def _end(self, files: Files, pool: ThreadPoolExecutor) -> Iterator[RowOutcome]:
        """Mark the rows of verified files, and delete those that no row has even then."""
        self._mark(files, ImportState.FINISHING)
        # A row may have got a name since it was looked up: by an undo, say.
        free, left = self._without_held(files)
        for name in files.keys() - free.keys():
            self._unmark(files[name])
        yield from left
        problems = list(pool.map(self._delete, free.items()))
        outcomes = [
            failed(same[0].row, same[0].old_name, problem) if problem else _done(same[0])
            for same, problem in zip(free.values(), problems, strict=True)
        ]
        deleted = {o.old_name: free[o.old_name] for o in outcomes if not o.code}
        self._mark(deleted, ImportState.FINISHED)
        yield from outcomes

    def _mark(self, files: Files, state: ImportState) -> None:
        pks = [record.pk for same in files.values() for record in same]
        for start in range(0, len(pks), 500):
            marked = self._plan.table.filter(pk__in=pks[start : start + 500], state__in=_ENDING)
            marked.update(state=state, updated=timezone.now())

    def _unmark(self, same: Sequence[ImportedFile]) -> None:
        for record in same:
            marked = self._plan.table.filter(pk=record.pk, state=ImportState.FINISHING)
            marked.update(state=record.state)

    def _delete(self, file: tuple[str, list[ImportedFile]]) -> MediaError | None:
        name, same = file
        try:
            with storage_errors(name):
                self._plan.storage_of(same[0]).delete(name)
        except MediaError as error:
            return error
        return None

    def holders(self, names: Sequence[str]) -> dict[str, str]:
        """Return which field has a name, for those of the names that a row or a default has."""
        wanted = {*names, *map(_usual_spelling, names)}
        held = {name: self._odd_names[name] for name in wanted if name in self._odd_names}
        for field in _file_fields():
            for default in default_names(field):
                held.setdefault(default, str(field))
            for rows in all_rows(field.model):
                matching = rows.filter(**{f"{field.name}__in": list(wanted)})
                for name in matching.values_list(field.name, flat=True).distinct():
                    held.setdefault(str(name), str(field))
        for column, lookup in history_columns():
            for rows, name in product(all_rows(column.model), wanted):
                if rows.filter(**{f"{column.name}__{lookup}": name}).exists():
                    held.setdefault(name, str(column))
        # A database may take other spellings for the same name, which are other files.
        spelt = {name: {name, _usual_spelling(name)} & held.keys() for name in names}
        return {name: held[min(same)] for name, same in spelt.items() if same}

    def _holders_of_spellings(self, files: Files) -> dict[str, str]:
        """Return which field has another spelling of a name, where the file system ignores it."""
        names = {fold: name for fold, name in self._spellings.items() if name in files}
        found: dict[str, str] = {}
        for field in _file_fields() if names else ():
            for rows in all_rows(field.model):
                for name, value in spelt_otherwise(rows, field.name, names):
                    found[name] = f"{field} has it as {value!r}, which is the same file here."
        return found

    @cached_property
    def _odd_names(self) -> dict[str, str]:
        """The files of rows whose names are not spelt as Django spells them: ``a//b.jpg``."""
        found: dict[str, str] = {}
        for field in _file_fields():
            odd = Q()
            for lookup, text in (("contains", "//"), ("contains", "./"), ("startswith", "/")):
                odd |= Q(**{f"{field.name}__{lookup}": text})
            for rows in all_rows(field.model):
                for name in rows.filter(odd).values_list(field.name, flat=True).iterator():
                    found[_usual_spelling(str(name))] = str(field)
        return found


def _usual_spelling(name: str) -> str:
    """Return a name as Django spells it: ``a/b.jpg`` for ``a//b.jpg``, which is the same file."""
    return posixpath.normpath(name).lstrip("/")


def _file_fields() -> Iterator[models.Field[Any, Any]]:
    """Yield all file fields of the project, media fields included, where their columns are."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            for field in model._meta.local_concrete_fields:
                if isinstance(field, FileField):
                    yield field


def _original_beside(storage: Storage, name: str) -> OriginalKey | None:
    """Return the original in whose directory of a media storage a file is, such as a poster."""
    return directory_owner(name) if isinstance(unwrap(storage), MediaStorage) else None


def _done(record: ImportedFile) -> RowOutcome:
    is_orphan = record.state == ImportState.REPLACED
    return RowOutcome(
        row=record.row,
        old_name=record.old_name,
        key=record.key,
        size=record.size or 0,
        detail="The row has another file, or was deleted." if is_orphan else "",
    )


def _left(record: ImportedFile, code: str, detail: str) -> RowOutcome:
    return RowOutcome(row=record.row, old_name=record.old_name, code=code, detail=detail)
