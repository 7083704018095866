"""What happens to files when rows are saved and deleted.

A model with a media field has two methods wrapped. ``save_base``: files are stored before Django
begins, so that their metadata are known whichever column comes first, a refused file breaks no
transaction, and what was stored for a row that was not written is taken back. ``_save_table``: the
row whose file is replaced is locked, read and written in one transaction, in which the deletion of
the old file is scheduled.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from django.apps import apps
from django.db import connections, models, router, transaction
from django.db.models.signals import class_prepared, pre_delete

from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.deletion import service as deletion
from shift_media.fields.file import MediaFile
from shift_media.fields.stored_upload import StoredUpload, set_stored_key, stored_key
from shift_media.fields.types import AnyMediaField
from shift_media.registry import RegisteredField, media_fields, own_media_fields
from shift_media.signals import media_saved

_WRAPPED = "_shift_media_wrapped"
_NEWS = "_shift_media_saved"


def prepare(sender: type[models.Model], **kwargs: Any) -> None:
    """Make a model with media fields look after its files; does nothing the second time."""
    if not media_fields(sender):
        return
    for name, wrap in (("save_base", _wrap_save_base), ("_save_table", _wrap_save_table)):
        if not any(hasattr(vars(base).get(name), _WRAPPED) for base in sender.__mro__):
            wrapped = wrap(getattr(sender, name))
            setattr(wrapped, _WRAPPED, True)
            setattr(sender, name, wrapped)
    if _is_installed(sender) and own_media_fields(sender):
        pre_delete.connect(_schedule_all, sender=sender, dispatch_uid=__name__)


class_prepared.connect(prepare, dispatch_uid=__name__)


def _is_installed(model: type[models.Model]) -> bool:
    """Tell whether it is a model of the project: those of migrations only look like one."""
    return model._meta.apps is apps


def _wrap_save_base(save_base: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(save_base)
    def wrapped(
        self: models.Model,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        arguments = (raw, force_insert, force_update)
        if raw:  # Fixtures bring all columns as they are.
            save_base(self, *arguments, using, update_fields)
            return
        using = using or router.db_for_write(type(self), instance=self)
        uploads: list[StoredUpload] = []
        try:
            for field in _written(self, media_fields(type(self)), update_fields):
                uploads += field.commit(self)
            save_base(self, *arguments, using, update_fields)
        except BaseException:
            for upload in reversed(uploads):
                upload.rollback(using)
            raise
        _announce(self, using)

    return wrapped


def _wrap_save_table(save_table: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(save_table)
    def wrapped(
        self: models.Model,
        raw: bool = False,
        cls: type[models.Model] | None = None,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> bool:
        save = partial(save_table, self, raw, cls, force_insert, force_update, using)
        if raw or cls is None or using is None:
            return save(update_fields)
        return _Write(self, cls, using, update_fields).run(save, may_exist=not force_insert)

    return wrapped


def _written(
    instance: models.Model, fields: list[RegisteredField], update_fields: Iterable[str] | None
) -> list[AnyMediaField]:
    """Pick the media fields that a save writes: not the deferred ones, nor others than asked."""
    names = None if update_fields is None else frozenset(update_fields)
    return [
        field
        for field in cast("list[AnyMediaField]", fields)
        if field.attname in instance.__dict__
        and (names is None or not names.isdisjoint((field.name, field.attname)))
    ]


class _Write:
    """The files of one row of one table, while it is written."""

    def __init__(
        self,
        instance: models.Model,
        table: type[models.Model],
        using: str,
        update_fields: Iterable[str] | None,
    ) -> None:
        self.instance, self.table, self.using = instance, table, using
        self.update_fields = None if update_fields is None else frozenset(update_fields)
        self.fields = _written(instance, own_media_fields(table), update_fields)

    def run(self, save: Callable[..., bool], may_exist: bool) -> bool:
        for field in self.fields:
            field.commit(self.instance)  # What a receiver of pre_save has assigned.
        changed = [field for field in self.fields if self._has_changed(field)]
        for field in changed:
            if not self.instance._state.adding or _key(self.instance, field):
                field.sync_metadata_columns(self.instance)
        replaced = changed if may_exist and self._may_exist() else []
        videos = [field for field in changed if self._is_to_be_transcoded(field)]
        with self._transaction([*replaced, *videos]):
            before = self._keys_in_database(replaced)
            updated = save(self._widened())
            self._schedule(before)
            self._submit(videos)
        self._remember(changed)
        return updated

    def _has_changed(self, field: AnyMediaField) -> bool:
        return stored_key(self.instance, field) != _key(self.instance, field)

    def _may_exist(self) -> bool:
        """Tell whether a row may be there already, by the rule of ``Model._save_table``."""
        meta = self.table._meta
        if not self.instance._is_pk_set(meta):  # type: ignore[attr-defined]  # not in the stubs
            return False
        own = all(f.has_default() or f.has_db_default() for f in meta.pk_fields)
        return not (self.instance._state.adding and own)

    def _transaction(self, several: list[AnyMediaField]) -> contextlib.AbstractContextManager[Any]:
        if not several:
            return contextlib.nullcontext()
        return transaction.atomic(using=self.using, savepoint=False)

    def _keys_in_database(self, replaced: list[AnyMediaField]) -> dict[AnyMediaField, str]:
        """Lock the row and read the keys that are about to be replaced."""
        if not replaced:
            return {}
        key = self.instance._get_pk_val(self.table._meta)
        row: models.QuerySet[models.Model] = models.QuerySet(
            model=self.table, using=self.using
        ).filter(pk=key)
        if connections[self.using].features.has_select_for_update:
            row = row.select_for_update()
        else:
            # A write takes SQLite's lock at once; a read before a write could fail as "locked".
            column = replaced[0].attname
            row.update(**{column: models.F(column)})
        names = [field.attname for field in replaced]
        found = next(iter(row.values_list(*names)), None)
        return dict(zip(replaced, found, strict=True)) if found else {}

    def _widened(self) -> frozenset[str] | None:
        """Add the columns that describe a file to those that are written with it."""
        if self.update_fields is None:
            return None
        metadata_columns = {name for field in self.fields for name in field.metadata_columns}
        return self.update_fields | {
            name for name in metadata_columns if name in self.instance.__dict__
        }

    def _schedule(self, before: dict[AnyMediaField, str]) -> None:
        for field, key in before.items():
            if key and key != _key(self.instance, field) and _is_installed(self.table):
                deletion.schedule(field, key, self.using)

    def _is_to_be_transcoded(self, field: AnyMediaField) -> bool:
        extension = _key(self.instance, field).rpartition(".")[2]
        is_video = BY_EXTENSION.get(extension, UNKNOWN).kind == "video"
        return bool(field.transcode) and is_video and _is_installed(self.table)

    def _submit(self, videos: list[AnyMediaField]) -> None:
        """Make the job's row in the transaction that writes the video's."""
        if videos:
            from shift_media.transcoding import services

            for field in videos:
                services.submit(getattr(self.instance, field.attname), using=self.using)

    def _remember(self, changed: list[AnyMediaField]) -> None:
        for field in changed:
            key = _key(self.instance, field)
            set_stored_key(self.instance, field, key)
            if key and _is_installed(self.table):
                self.instance.__dict__.setdefault(_NEWS, []).append((field, key))


def _key(instance: models.Model, field: AnyMediaField) -> str:
    return cast("MediaFile", getattr(instance, field.attname)).name or ""


def _announce(instance: models.Model, using: str) -> None:
    """Send `media_saved` for new keys of a saved row, after the commit."""
    for field, key in instance.__dict__.pop(_NEWS, ()):
        send = partial(
            media_saved.send_robust, sender=type(instance), instance=instance, field=field, key=key
        )
        if key == _key(instance, field):
            transaction.on_commit(send, using=using, robust=True)


def _schedule_all(
    sender: type[models.Model], instance: models.Model, using: str, **kw: Any
) -> None:
    """Schedule the deletion of a row's files, within the transaction that deletes the row."""
    for field in cast("list[AnyMediaField]", own_media_fields(sender)):
        keys = {stored_key(instance, field)}
        if field.attname not in instance.__dict__ or getattr(instance, field.attname)._committed:
            keys.add(
                _key(instance, field)
            )  # A deferred one is loaded now, while the row is there.
        for key in keys - {None, ""}:
            deletion.schedule(field, str(key), using)
