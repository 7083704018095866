"""One write of a row to one table, and its files.

Django writes all columns of an instance, those too that another process has changed since the
instance was loaded. A stale key would bring a deleted file back and lose the newer one. So an
UPDATE of the row that was loaded leaves out the media columns that the instance has not changed,
and the columns that describe a file are written only while the row still refers to that file: see
docs/decisions/save-table.rst and save-what-changed.rst.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, Final, cast

from django.db import connections, models, transaction

from shift_media.deletion import service as deletion
from shift_media.fields import legacy, loaded
from shift_media.fields.announcing import PROVISIONAL, SAVED
from shift_media.fields.database_key import (
    attribute_name,
    current_key,
    database_key,
    set_database_key,
)
from shift_media.fields.file import MediaFile
from shift_media.fields.jobs import has_job, submit_job
from shift_media.fields.pending import is_pending, write_pending
from shift_media.fields.types import AnyMediaField
from shift_media.registry import (
    RegisteredField,
    is_installed,
    is_media_field,
    media_fields,
    own_media_fields,
)
from shift_media.resizes.legacy import is_legacy_name

_CURRENT: Final = "_shift_media_write"
"""Name in a row's ``__dict__`` of the write that is under way."""
Value = tuple[Any, Any, Any]
"""A field, a model or None, and the value, as ``Model._do_update`` takes them."""


class TableWrite:
    """The media fields of one table while Django writes a row to it.

    Args:
        instance: the row.
        table: the model whose own table is written: for a model with parents, one of them.
        using: alias of the database.
        update_fields: as given to ``save()``.
    """

    def __init__(
        self,
        instance: models.Model,
        table: type[models.Model],
        using: str,
        update_fields: Iterable[str] | None,
    ) -> None:
        self.instance, self.table, self.using = instance, table, using
        self.update_fields = None if update_fields is None else frozenset(update_fields)
        self.fields = written_fields(instance, own_media_fields(table), update_fields)
        self.changed: list[AnyMediaField] = []
        self.unchanged_keys: set[AnyMediaField] = set()
        self.has_described = False

    @staticmethod
    def current(instance: models.Model) -> TableWrite | None:
        """Return the write of a row that `run` has begun, or None."""
        write: TableWrite | None = instance.__dict__.get(_CURRENT)
        return write

    def run(self, save: Callable[[Iterable[str] | None], bool], may_exist: bool) -> bool:
        """Call ``save`` with the columns to write; return what it returns.

        If the row may exist and a file is replaced, the row is locked, and the old file's deletion
        is scheduled in the same transaction. The job of a new video is created in it, too.
        """
        for field in self.fields:
            field.store_assigned(
                self.instance, may_wait=True
            )  # A receiver of pre_save may have assigned a file.
        if self.instance.__dict__.get(PROVISIONAL) and not self.instance._state.adding:
            self._read_keys()
        self.changed = [field for field in self.fields if self._has_changed(field)]
        for field in self.changed:
            if not self.instance._state.adding or current_key(self.instance, field):
                field.sync_metadata_columns(self.instance)
        replaced = self.changed if may_exist and self._may_exist() else []
        followed = [field for field in self.changed if self._is_followed(field)]
        with self._transaction([*replaced, *followed]):
            old_keys = self._lock_and_read_keys(replaced)
            # An instance that was made of the values of a row does not know that it has them.
            now = {field: current_key(self.instance, field) for field in old_keys}
            self.unchanged_keys = {field for field in old_keys if old_keys[field] == now[field]}
            self._keep_borrowed(replaced)
            updated = self._save(save)
            self._schedule_deletions(old_keys)
            self._follow([field for field in followed if field not in self.unchanged_keys])
        self._record()
        return updated

    def _save(self, save: Callable[[Iterable[str] | None], bool]) -> bool:
        self.instance.__dict__[_CURRENT] = self
        try:
            return save(self._columns_to_write())
        finally:
            del self.instance.__dict__[_CURRENT]

    def _has_changed(self, field: AnyMediaField) -> bool:
        return database_key(self.instance, field) != current_key(self.instance, field)

    def _may_exist(self) -> bool:
        """Return False if ``Model._save_table`` will certainly insert a row, by its own rule."""
        meta = self.table._meta
        if not self.instance._is_pk_set(meta):  # type: ignore[attr-defined]  # not in the stubs
            return False
        has_own_pk = all(f.has_default() or f.has_db_default() for f in meta.pk_fields)
        return not (self.instance._state.adding and has_own_pk)

    def _transaction(self, reasons: Sized) -> contextlib.AbstractContextManager[Any]:
        if not reasons:
            return contextlib.nullcontext()
        return transaction.atomic(using=self.using, savepoint=False)

    def _row(self) -> models.QuerySet[models.Model]:
        pk = self.instance._get_pk_val(self.table._meta)
        return models.QuerySet(model=self.table, using=self.using).filter(pk=pk)

    def _read_keys(self) -> None:
        """Ask the row for its keys, because a transaction that wrote them may be rolled back."""
        names = [field.attname for field in self.fields]
        keys = next(iter(self._row().values_list(*names)), None) if names else None
        for field, key in zip(self.fields, keys or [None] * len(names), strict=True):
            set_database_key(self.instance, field, key)

    def _lock_and_read_keys(self, replaced: list[AnyMediaField]) -> dict[AnyMediaField, str]:
        """Lock the row and return the keys that are about to be overwritten."""
        if not replaced:
            return {}
        row = self._row()
        if connections[self.using].features.has_select_for_update:
            row = row.select_for_update()
        else:
            # An UPDATE that changes nothing takes SQLite's write lock at once. A transaction that
            # read first could fail with "database is locked" when it writes.
            column = replaced[0].attname
            row.update(**{column: models.F(column)})
        # Not first(), whose LIMIT some databases refuse beside a lock.
        keys = next(iter(row.values_list(*(field.attname for field in replaced))), None)
        return dict(zip(replaced, keys, strict=True)) if keys else {}

    def _columns_to_write(self) -> frozenset[str] | None:
        """Return ``update_fields`` with the metadata columns of the media fields in it."""
        if self.update_fields is None:
            return None
        metadata_columns = {name for field in self.fields for name in field.metadata_columns}
        return self.update_fields | {
            name for name in metadata_columns if name in self.instance.__dict__
        }

    def _schedule_deletions(self, old_keys: dict[AnyMediaField, str]) -> None:
        for field, key in old_keys.items():
            if key and key != current_key(self.instance, field) and is_installed(self.table):
                if is_legacy_name(key):
                    legacy.note_replaced(self.instance, field, key, self.using)
                else:
                    deletion.schedule(field, key, self.using)

    def _is_followed(self, field: AnyMediaField) -> bool:
        """Return True if the file has a ticket, or a task is to store or transcode it."""
        file: MediaFile = getattr(self.instance, field.attname)
        is_waiting = file.pending_upload is not None
        reasons = is_waiting or file.is_used_once or has_job(file)
        return is_installed(self.table) and reasons

    def _follow(self, fields: list[AnyMediaField]) -> None:
        """Write what tasks need about new files, in the transaction that writes the row."""
        for field in fields:
            file: MediaFile = getattr(self.instance, field.attname)
            file.use_ticket(self.using)
            is_waiting = file.pending_upload is not None
            (write_pending if is_waiting else submit_job)(self.instance, field, self.using)

    def update(self, values: Sequence[Value], update: Callable[[list[Value]], Any]) -> Any:
        """Write by ``update`` what the instance has changed; return what that returns.

        An instance that was not loaded from this row writes everything that it holds.
        """
        if not loaded.is_loaded_row(self.instance, self.using):
            return update(list(values))
        written: list[Value] = []
        described: dict[tuple[str, str], dict[str, Any]] = {}
        for value in values:
            self._sort(value, written, described)
        self.has_described = bool(described)
        with self._transaction(described):
            result = update(written)
            for (column, key), columns in described.items() if result else ():
                self._row().filter(**{column: key}).update(**columns)
        return result

    def _sort(
        self, value: Value, written: list[Value], described: dict[tuple[str, str], dict[str, Any]]
    ) -> None:
        """Add a value to ``written``, to ``described`` under column and key, or to neither."""
        field, _, new = value
        if is_media_field(field):
            if field in self.changed:
                written.append(value)
            return
        owner = self._owner(field.name)
        if owner is None or owner in self.changed:
            written.append(value)
        elif loaded.has_changed(self.instance, field.name):
            key = self._described_key(owner)
            if key:
                described.setdefault((owner.attname, key), {})[field.name] = new
            else:
                written.append(value)

    def _owner(self, column: str) -> Any:
        """Return the media field that a column describes, or None."""
        fields = media_fields(type(self.instance))
        return next((field for field in fields if column in field.metadata_columns), None)

    def _described_key(self, field: Any) -> str:
        """Return the key of the file that the metadata columns describe; ``""`` if unknown."""
        if field.attname in self.instance.__dict__:
            return current_key(self.instance, field)
        metadata = self.instance.__dict__.get(field.metadata_field or "")
        return str(metadata.get("key", "")) if isinstance(metadata, dict) else ""

    def insert(self, insert: Callable[[], Any]) -> Any:
        """Insert the row, and keep the files in it that this instance did not upload."""
        borrowed = [field for field in self.fields if self._is_borrowed(field)]
        if not borrowed:
            return insert()
        with transaction.atomic(using=self.using):
            self._keep_borrowed(borrowed)
            return insert()

    def _keep_borrowed(self, fields: Iterable[AnyMediaField]) -> None:
        for field in fields:
            if self._is_borrowed(field):
                self._keep(field, current_key(self.instance, field))

    def _keep(self, field: AnyMediaField, key: str) -> None:
        """Keep an original that was uploaded for another row, or for this one before.

        A new row may name a file that is stored only later. A row that was loaded had its file,
        and so had an earlier version of a row, which a history package makes of its values.
        """
        if is_legacy_name(key):
            if not self._is_copy(field, key):
                legacy.check_new_name(field, key)
            return
        is_new = self.instance._state.adding and not self._may_exist()
        if deletion.keep(field, key, self.using) or is_new or is_pending(key, self.using):
            return
        if field.storage.stat(key) is None:
            raise deletion.deleted_meanwhile(field, key)

    def _is_copy(self, field: AnyMediaField, key: str) -> bool:
        """Return True if the instance was loaded with the key, and is saved as a new row."""
        row = self.instance
        return row._state.db is not None and row.__dict__.get(attribute_name(field)) == key

    def _is_borrowed(self, field: AnyMediaField) -> bool:
        file: MediaFile = getattr(self.instance, field.attname)
        is_own = file.is_new and not self.instance.__dict__.get(PROVISIONAL)
        return bool(file.name) and not is_own and is_installed(self.table)

    def _record(self) -> None:
        """Take what was written for what the row holds."""
        row = self.instance.__dict__
        if self.changed or self.has_described:
            row.setdefault(SAVED, [])
        for field in self.changed:
            set_database_key(self.instance, field, current_key(self.instance, field))
            if is_installed(self.table) and field not in self.unchanged_keys:
                row[SAVED].append(field)
        written = {field.name for field in self.table._meta.local_concrete_fields}
        if self.update_fields is not None:
            written &= cast("frozenset[str]", self._columns_to_write())
        columns = {n for f in media_fields(type(self.instance)) for n in f.metadata_columns}
        loaded.remember_columns(self.instance, columns & written)


def written_fields(
    instance: models.Model, fields: list[RegisteredField], update_fields: Iterable[str] | None
) -> list[AnyMediaField]:
    """Return the fields that a save writes: not deferred, and in ``update_fields`` if given."""
    names = None if update_fields is None else frozenset(update_fields)
    return [
        field
        for field in cast("list[AnyMediaField]", fields)
        if field.attname in instance.__dict__
        and (names is None or not names.isdisjoint((field.name, field.attname)))
    ]
