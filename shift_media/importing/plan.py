"""The plan of an import: the columns with the old names and with the keys, and the storages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.files.storage import FileSystemStorage, Storage
from django.db import models
from django.db.models import Q
from django.db.models.fields.files import FileField

from shift_media.core.errors import MediaError
from shift_media.core.metadata import Metadata
from shift_media.deletion.lookups import IsSameText
from shift_media.fields import legacy
from shift_media.fields.types import AnyMediaField
from shift_media.importing.models import ImportedFile, ImportedFileQuerySet
from shift_media.registry import find_field, is_media_field
from shift_media.resizes.legacy import is_legacy_name
from shift_media.storages import MediaStorage, find_alias, get_storage, unwrap
from shift_media.storages.naming import is_same_storage

PAGE: Final = 100
"""Rows that are read, and claimed, with one query."""


class PlanError(MediaError):
    """An import that cannot be run as it was asked for."""

    code = "import_plan"


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A row whose file is still to be imported: its primary key, and the name that was read."""

    pk: Any
    name: str


@dataclass(frozen=True)
class ImportPlan:
    """The columns and storages of an import.

    Attributes:
        field: the media field that the keys are written to.
        old: the field with the old names; None if they are in the media field itself.
        using: the alias of the database.
    """

    field: AnyMediaField
    old: FileField | None
    using: str

    @classmethod
    def make(cls, model: type[models.Model], name: str, old: str | None, using: str) -> ImportPlan:
        """Return the plan for the field of a model; raise `PlanError` for one that has no sense.

        Args:
            model: the model, which may be a historical one of a migration.
            name: the name of its media field.
            old: the name of the field with the old names, if it is another one; by default the
                one that ``imported_from`` names.
            using: the alias of the database.
        """
        field: Any = _get_field(model, name)
        if not is_media_field(field):
            raise PlanError(
                f"{field} is not a MediaField. Change it first, then import its files."
            )
        owner = field.model._meta
        if owner.concrete_model is not model._meta.concrete_model:
            raise PlanError(f"The column is in the table of {owner.label}: write {field}.")
        if len(owner.pk_fields) > 1:
            raise PlanError(f"{owner.label} has a primary key of several columns: import by hand.")
        old = old or cast("AnyMediaField", field).imported_from
        source: Any = _get_field(model, old) if old else None
        if old and (not isinstance(source, FileField) or source is field):
            raise PlanError(f"{source} is not another file field: write the one with old names.")
        return cls(cast("AnyMediaField", field), source, using)

    # Storages

    @cached_property
    def storage(self) -> Storage:
        """The storage that has the files with the old names."""
        return legacy.storage_of(self.field) if self.old is None else self.old.storage

    @cached_property
    def alias(self) -> str:
        """The alias of the old storage; ``""`` if it is not in ``STORAGES``."""
        return find_alias(self.storage)

    def storage_of(self, record: ImportedFile) -> Any:
        """Return the storage that had the file of a row of the table, of any field.

        One that is not in ``STORAGES`` is that of the field with the old names. Raises `PlanError`
        if that is gone by now.
        """
        if record.old_storage:
            return get_storage(record.old_storage)
        is_ours = record.source == str(self.field)
        if not record.from_field or (is_ours and self.old and record.from_field == self.old.name):
            return self.storage
        field = self.field if is_ours else find_field(record.source)
        fields = {} if field is None else {f.name: f for f in field.model._meta.concrete_fields}
        storage = getattr(fields.get(record.from_field), "storage", None)
        if storage is None:
            raise PlanError(
                f"The file {record.old_name!r} was in a storage that is not in STORAGES, and the "
                f"field {record.from_field!r} of {record.source}, which had it, is gone. Add the "
                "storage to STORAGES, and write its alias into the column old_storage of these "
                "rows of ImportedFile. Nothing was changed."
            )
        return storage

    def is_beside(self, record: ImportedFile) -> bool:
        """Return True if the file of a row of the table may be in the storage of this plan.

        Storages that are not in ``STORAGES`` have no name that would tell them apart.
        """
        if record.old_storage or record.source == str(self.field):
            return True
        try:
            other = self.storage_of(record)
        except PlanError:
            return True
        return is_same_storage(other, self.storage) or bool(unwrap(other) == unwrap(self.storage))

    @property
    def target(self) -> MediaStorage:
        """The storage that originals are written to."""
        return cast("MediaStorage", self.field.storage)

    def target_of(self, record: ImportedFile) -> Any:
        """Return the storage that has the key of a row of the table, which may be another's."""
        if record.source == str(self.field):
            return self.target
        return getattr(find_field(record.source), "storage", self.target)

    @property
    def reads_from_disk(self) -> bool:
        """True if reading an old file takes no request."""
        return isinstance(unwrap(self.storage), FileSystemStorage)

    # Rows

    @property
    def model(self) -> Any:
        """The model whose table has the columns."""
        return self.field.model

    @property
    def rows(self) -> models.QuerySet[Any]:
        """All rows, past managers of the model that hide some."""
        return models.QuerySet(model=self.model, using=self.using)

    @property
    def records(self) -> ImportedFileQuerySet:
        """The table of imports, all that is in it about this field."""
        return self.table.of(self.field)

    @cached_property
    def table(self) -> ImportedFileQuerySet:
        """The table of imports, in the database of the rows unless a router says otherwise."""
        from django.db import router

        here = router.allow_migrate_model(self.using, ImportedFile)
        return ImportedFile.objects.using(
            self.using if here else router.db_for_write(ImportedFile)
        )

    @property
    def name_column(self) -> str:
        """The name of the field that has the old names."""
        return self.field.name if self.old is None else self.old.name

    def is_waiting(self, name: str) -> bool:
        """Return True for a name whose file is to be imported."""
        if self.old is not None:
            return bool(name)
        return is_legacy_name(name) and not legacy.is_default(self.field, name)

    def pages(self, after: Any = None) -> Iterator[list[WaitingRow]]:
        """Yield the waiting rows by their primary keys; a page may be empty."""
        rows = self.rows.filter(self._candidates).order_by("pk")
        while True:
            following = rows if after is None else rows.filter(pk__gt=after)
            page = list(following.values_list("pk", self.name_column)[: 5 * PAGE])
            if not page:
                return
            after = page[-1][0]
            waiting = [WaitingRow(pk, name) for pk, name in page if self.is_waiting(name)]
            for start in range(0, len(waiting), PAGE):
                yield waiting[start : start + PAGE]

    def read(self, pk: Any) -> WaitingRow | None:
        """Return a row as it is now; None if there is nothing to import in it any more."""
        names = self.rows.filter(self._candidates, pk=pk).values_list(self.name_column, flat=True)
        name = next(iter(names), None)
        return WaitingRow(pk, name) if name and self.is_waiting(name) else None

    def write(self, row: WaitingRow, key: str, metadata: Metadata) -> bool:
        """Write a key by one UPDATE; return False if the row is not as it was read any more."""
        unchanged = self.rows.filter(
            self._candidates, IsSameText(models.F(self.name_column), row.name), pk=row.pk
        )
        columns = self.field.metadata_values(self.model, key, metadata)
        return bool(unchanged.update(**{self.field.name: key, **columns}))

    def restore(self, record: ImportedFile) -> bool:
        """Write what was in the column before; return False if it has another file by now."""
        same = self._row_of(record).filter(**{self.field.name: record.key})
        before: str | None = record.old_name
        if record.from_field:
            same = same.filter(IsSameText(models.F(record.from_field), record.old_name))
            before = None if self._column.null else ""
        columns: dict[str, Any] = {self.field.name: before}
        if self.field.metadata_field:
            columns[self.field.metadata_field] = {}
        return bool(same.update(**columns))

    def current_keys(self, records: Sequence[ImportedFile]) -> dict[str, str]:
        """Return what the column has now, by the primary keys as text."""
        pks = {record.row: self._read_pk(record.row) for record in records}
        readable = [pk for pk in pks.values() if pk is not None]
        values = self.rows.filter(pk__in=readable).values_list("pk", self.field.name)
        found = {str(pk): value or "" for pk, value in values}
        for record in records:
            if pks[record.row] is None:
                for value in self._row_of(record).values_list(self.field.name, flat=True)[:1]:
                    found[record.row] = value
        return found

    def _row_of(self, record: ImportedFile) -> models.QuerySet[Any]:
        """Select the row of a file: by its key, if primary keys have another type by now."""
        pk = self._read_pk(record.row)
        if pk is not None:
            return self.rows.filter(pk=pk)
        same = self.rows.filter(**{f"{self.field.name}__startswith": record.key})
        return same if record.key else same.none()

    def _read_pk(self, text: str) -> Any:
        try:
            return self.model._meta.pk.to_python(text)
        except (ValueError, TypeError, ValidationError):
            return None

    @property
    def _candidates(self) -> Q:
        has_name = Q(**{f"{self.name_column}__gt": ""})
        if self.old is None:
            return has_name
        name = self.field.name
        return has_name & (Q(**{name: ""}) | Q(**{f"{name}__isnull": True}))

    @property
    def _column(self) -> models.Field[Any, Any]:
        return cast("models.Field[Any, Any]", self.field)


def pages_of(records: ImportedFileQuerySet) -> Iterator[list[ImportedFile]]:
    """Yield rows of the table in the order of their primary keys, some at a time."""
    last = 0
    while page := list(records.filter(pk__gt=last).order_by("pk")[:PAGE]):
        last = page[-1].pk
        yield page


def _get_field(model: type[models.Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise PlanError(f"{model._meta.label} has no field {name!r}.") from error
