"""The files of rows that are saved and deleted.

Two methods of each model with a media field are wrapped, because no public place of Django can
do what they do (docs/decisions/save-table.rst):

- ``save_base`` stores assigned files before Django begins, so that a slow storage holds no
  transaction open, and removes them again if the row is not written.
- ``_save_table`` locks the row, and schedules the deletion of the replaced file in the transaction
  that writes the row: see `shift_media.fields.table_write`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from django.db import models, router, transaction
from django.db.models.signals import class_prepared, pre_delete

from shift_media.deletion import service as deletion
from shift_media.fields.database_key import database_key
from shift_media.fields.stored_upload import StoredUpload
from shift_media.fields.table_write import UNSENT, TableWrite, current_key, written_fields
from shift_media.fields.types import AnyMediaField
from shift_media.registry import is_installed, media_fields, own_media_fields
from shift_media.signals import media_saved

_WRAPPED = "_shift_media_wrapped"


def register_model(sender: type[models.Model], **kwargs: Any) -> None:
    """Wrap the saving of a model with media fields, and schedule deletions of its files.

    Calling it twice for a model has no further effect. It is called when the class is prepared,
    and by a field that is added to a model later.
    """
    if not media_fields(sender):
        return
    for name, wrap in (("save_base", _wrap_save_base), ("_save_table", _wrap_save_table)):
        # A subclass inherits the wrapped method, and must not wrap it again.
        if not any(hasattr(vars(base).get(name), _WRAPPED) for base in sender.__mro__):
            wrapped = wrap(getattr(sender, name))
            setattr(wrapped, _WRAPPED, True)
            setattr(sender, name, wrapped)
    if is_installed(sender) and own_media_fields(sender):
        pre_delete.connect(_schedule_deletions, sender=sender, dispatch_uid=__name__)


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
                uploads += field.store_assigned(self)
            save_base(self, *arguments, using, update_fields)
        except BaseException:
            for upload in reversed(uploads):
                upload.rollback(using)
            raise
        _send_media_saved(self, using)

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
        write = TableWrite(self, cls, using, update_fields)
        return write.run(save, may_exist=not force_insert)

    return wrapped


def _send_media_saved(instance: models.Model, using: str) -> None:
    """Send `media_saved` for each new key of a saved row, after the commit."""
    for field, key in instance.__dict__.pop(UNSENT, ()):
        send = partial(
            media_saved.send_robust, sender=type(instance), instance=instance, field=field, key=key
        )
        # A receiver of post_save may have replaced the file once more.
        if key == current_key(instance, field):
            transaction.on_commit(send, using=using, robust=True)


def _schedule_deletions(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Schedule the deletion of a row's files, in the transaction that deletes the row."""
    for field in cast("list[AnyMediaField]", own_media_fields(sender)):
        keys = {database_key(instance, field)}
        deferred = field.attname not in instance.__dict__
        # A deferred key is loaded here, while the row still exists. A file that was assigned and
        # not stored has no key.
        if deferred or getattr(instance, field.attname)._committed:
            keys.add(current_key(instance, field))
        for key in keys - {None, ""}:
            deletion.schedule(field, str(key), using)
