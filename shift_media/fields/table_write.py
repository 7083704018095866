"""One write of a row to one table, and its files: see docs/decisions/save-table.rst."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.db import connections, models, transaction

from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.deletion import service as deletion
from shift_media.fields.database_key import database_key, set_database_key
from shift_media.fields.file import MediaFile
from shift_media.fields.types import AnyMediaField
from shift_media.registry import RegisteredField, is_installed, own_media_fields

UNSENT: str = "_shift_media_saved"
"""Name in a row's ``__dict__`` of its new keys, for which `media_saved` is still to be sent."""


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

    def run(self, save: Callable[[Iterable[str] | None], bool], may_exist: bool) -> bool:
        """Call ``save`` with the columns to write; return what it returns.

        If the row may exist and a file is replaced, the row is locked, and the old file's deletion
        is scheduled in the same transaction. The job of a new video is created in it, too.
        """
        for field in self.fields:
            field.store_assigned(self.instance)  # A receiver of pre_save may have assigned a file.
        changed = [field for field in self.fields if self._has_changed(field)]
        for field in changed:
            if not self.instance._state.adding or current_key(self.instance, field):
                field.sync_metadata_columns(self.instance)
        replaced = changed if may_exist and self._may_exist() else []
        videos = [field for field in changed if self._is_to_be_transcoded(field)]
        with self._transaction([*replaced, *videos]):
            old_keys = self._lock_and_read_keys(replaced)
            updated = save(self._columns_to_write())
            self._schedule_deletions(old_keys)
            self._submit_jobs(videos)
        self._record_keys(changed)
        return updated

    def _has_changed(self, field: AnyMediaField) -> bool:
        return database_key(self.instance, field) != current_key(self.instance, field)

    def _may_exist(self) -> bool:
        """Return False if ``Model._save_table`` will certainly insert a row, by its own rule."""
        meta = self.table._meta
        if not self.instance._is_pk_set(meta):  # type: ignore[attr-defined]  # not in the stubs
            return False
        has_own_pk = all(f.has_default() or f.has_db_default() for f in meta.pk_fields)
        return not (self.instance._state.adding and has_own_pk)

    def _transaction(self, reasons: list[AnyMediaField]) -> contextlib.AbstractContextManager[Any]:
        if not reasons:
            return contextlib.nullcontext()
        return transaction.atomic(using=self.using, savepoint=False)

    def _lock_and_read_keys(self, replaced: list[AnyMediaField]) -> dict[AnyMediaField, str]:
        """Lock the row and return the keys that are about to be overwritten."""
        if not replaced:
            return {}
        pk = self.instance._get_pk_val(self.table._meta)
        row: models.QuerySet[models.Model] = models.QuerySet(
            model=self.table, using=self.using
        ).filter(pk=pk)
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
                deletion.schedule(field, key, self.using)

    def _is_to_be_transcoded(self, field: AnyMediaField) -> bool:
        extension = current_key(self.instance, field).rpartition(".")[2]
        is_video = BY_EXTENSION.get(extension, UNKNOWN).kind == "video"
        return bool(field.transcode) and is_video and is_installed(self.table)

    def _submit_jobs(self, videos: list[AnyMediaField]) -> None:
        """Create the jobs of new videos, in the transaction that writes the row."""
        if videos:
            from shift_media.transcoding import services  # models, which cannot be loaded earlier

            for field in videos:
                services.submit(getattr(self.instance, field.attname), using=self.using)

    def _record_keys(self, changed: list[AnyMediaField]) -> None:
        for field in changed:
            key = current_key(self.instance, field)
            set_database_key(self.instance, field, key)
            if key and is_installed(self.table):
                self.instance.__dict__.setdefault(UNSENT, []).append((field, key))


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


def current_key(instance: models.Model, field: AnyMediaField) -> str:
    """Return the key that the row has in memory; ``""`` if the field is empty."""
    return cast("MediaFile", getattr(instance, field.attname)).name or ""
