"""The files of rows that are saved and deleted.

Methods of each model with a media field are wrapped, because no public place of Django can do
what they do (docs/decisions/save-table.rst and save-what-changed.rst):

- ``save_base`` stores assigned files before Django begins, so that a slow storage holds no
  transaction open, and removes them again if the row is not written.
- ``_save_table`` locks the row, and schedules the deletion of the replaced file in the transaction
  that writes the row: see `shift_media.fields.table_write`.
- ``_do_update`` and ``_do_insert`` write what the instance has changed, and keep the files that
  it refers to.
- ``refresh_from_db`` takes what was read for what the row holds.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, cast

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.db import models, router
from django.db.models.signals import class_prepared, post_delete, pre_delete

from shift_media.core.errors import MediaError
from shift_media.deletion import service as deletion
from shift_media.fields import legacy, loaded
from shift_media.fields.announcing import announce, forget_save
from shift_media.fields.database_key import current_key, database_key, set_database_key
from shift_media.fields.stored_upload import StoredUpload
from shift_media.fields.table_write import TableWrite, written_fields
from shift_media.fields.types import AnyMediaField
from shift_media.registry import RegisteredField, is_installed, media_fields, own_media_fields
from shift_media.resizes.legacy import is_legacy_name

logger = logging.getLogger("shift_media")

_WRAPPED = "_shift_media_wrapped"


def register_model(sender: type[models.Model], **kwargs: Any) -> None:
    """Wrap the saving of a model with media fields, and schedule deletions of its files.

    Calling it twice for a model has no further effect. It is called when the class is prepared,
    and by a field that is added to a model later.
    """
    if not media_fields(sender):
        return
    for name, wrap in _WRAPPERS.items():
        # A subclass inherits the wrapped method, and must not wrap it again.
        if not any(hasattr(vars(base).get(name), _WRAPPED) for base in sender.__mro__):
            wrapped = wrap(getattr(sender, name))
            setattr(wrapped, _WRAPPED, True)
            setattr(sender, name, wrapped)
    if is_installed(sender):
        loaded.track(sender)
        if own_media_fields(sender):
            pre_delete.connect(_schedule_deletions, sender=sender, dispatch_uid=__name__)
            post_delete.connect(_write_deletions, sender=sender, dispatch_uid=__name__)


class_prepared.connect(register_model, dispatch_uid=__name__)


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
        if raw:  # A fixture has all columns, and its files are stored already.
            save_base(self, *arguments, using, update_fields)
            return
        using = using or router.db_for_write(type(self), instance=self)
        uploads: list[StoredUpload] = []
        try:
            for field in written_fields(self, media_fields(type(self)), update_fields):
                uploads += field.store_assigned(self, may_wait=True)
            save_base(self, *arguments, using, update_fields)
        except BaseException:
            for upload in reversed(uploads):
                upload.rollback(using)
            forget_save(self)
            raise
        announce(self, using)

    return wrapped


def _warn_of_missing(instance: models.Model, fields: Iterable[RegisteredField]) -> None:
    """Log the files of a restored row that are not stored any more.

    It is not refused, because a fixture may be loaded before its files are stored.
    """
    for field in fields:
        file = getattr(instance, field.attname)
        try:
            is_missing = bool(file.name) and not file.storage.exists(file.name)
        except (MediaError, OSError, SuspiciousOperation) as error:
            logger.warning("%s of row %s could not be looked up: %s", field, instance.pk, error)
            continue
        if is_missing:
            logger.warning(
                "Row %s was restored with %s = %s, which is not stored any more, so the row has "
                "no file. Assign another one.",
                instance.pk,
                field,
                file.name,
            )


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
            updated = save(update_fields)
            # Fixtures come here past save_base, and django-reversion restores rows as fixtures.
            if raw and cls is not None and apps.is_installed("reversion"):
                _warn_of_missing(self, own_media_fields(cls))
            return updated
        write = TableWrite(self, cls, using, update_fields)
        return write.run(save, may_exist=not force_insert)

    return wrapped


def _wrap_do_update(do_update: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(do_update)
    def wrapped(
        self: models.Model, base_qs: Any, using: str, pk_val: Any, values: Any, *rest: Any
    ) -> Any:
        update = partial(do_update, self, base_qs, using, pk_val)
        write = TableWrite.current(self)
        if write is None:
            return update(values, *rest)
        return write.update(values, lambda narrowed: update(narrowed, *rest))

    return wrapped


def _wrap_do_insert(do_insert: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(do_insert)
    def wrapped(self: models.Model, *arguments: Any, **options: Any) -> Any:
        insert = partial(do_insert, self, *arguments, **options)
        write = TableWrite.current(self)
        return insert() if write is None else write.insert(insert)

    return wrapped


def _wrap_refresh_from_db(refresh_from_db: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(refresh_from_db)
    def wrapped(
        self: models.Model,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        names = None if fields is None else list(fields)
        before = {name: self.__dict__.get(name) for name in _attnames(self)}
        refresh_from_db(self, using, names, **options)
        read = _attnames(self) - self.get_deferred_fields() if names is None else set(names)
        _record_refresh(self, read, before)

    return wrapped


def _attnames(instance: models.Model) -> set[str]:
    return {field.attname for field in type(instance)._meta.concrete_fields}


def _record_refresh(instance: models.Model, read: set[str], before: dict[str, Any]) -> None:
    """Take the columns that were read for what the row holds.

    Columns that describe another file than the one that was read are deferred, so that they are
    loaded when they are used, and not written.
    """
    for field in cast("list[AnyMediaField]", media_fields(type(instance))):
        columns = field.metadata_columns
        if not read.isdisjoint((field.name, field.attname)):
            key, previous = current_key(instance, field), before[field.attname]
            set_database_key(instance, field, key)
            if getattr(previous, "name", previous) != key:
                for name in set(columns) - read:
                    instance.__dict__.pop(name, None)
        loaded.remember_columns(instance, [name for name in columns if name in read])


_WRAPPERS: Final[dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "save_base": _wrap_save_base,
    "_save_table": _wrap_save_table,
    "_do_update": _wrap_do_update,
    "_do_insert": _wrap_do_insert,
    "refresh_from_db": _wrap_refresh_from_db,
}


def _schedule_deletions(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Schedule the deletion of a row's files, in the transaction that deletes the row."""
    for field in cast("list[AnyMediaField]", own_media_fields(sender)):
        stored = database_key(instance, field)
        deferred = field.attname not in instance.__dict__
        if deferred:  # It is loaded here, while the row still exists, and not from a replica.
            instance.refresh_from_db(using=using, fields=[field.attname])
            stored = current_key(instance, field)
        keys = {stored}
        # A file that was assigned and not stored has no key.
        if deferred or getattr(instance, field.attname)._committed:
            keys.add(current_key(instance, field))
        for key in map(str, keys - {None, ""}):
            if not is_legacy_name(key):
                deletion.schedule(field, key, using, collect=True)
            elif key == stored and is_installed(sender):
                legacy.note_deleted(instance, field, key, using)


def _write_deletions(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    """Write the deletions of all rows that are deleted together, in the same transaction."""
    deletion.write_collected(using)
