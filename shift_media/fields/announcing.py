"""The announcement of saved files: `media_saved`, after the commit.

Until the commit a row is provisional. A rollback has no hook that would undo what the instance
remembers, so the next save of a provisional instance asks the row for its keys.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from django.db import connections, models

from shift_media.fields import loaded
from shift_media.fields.ahead import prepare_image
from shift_media.fields.analysis import analyse_later
from shift_media.fields.database_key import current_key
from shift_media.fields.pending import enqueue
from shift_media.fields.types import AnyMediaField
from shift_media.signals import after_commit, media_saved

SAVED: Final = "_shift_media_saved"
"""Name in a row's ``__dict__`` of the fields with new keys that are still to be announced."""
PROVISIONAL: Final = "_shift_media_provisional"
"""Name in a row's ``__dict__`` of the mark that its last save may be rolled back."""


def announce(instance: models.Model, using: str) -> None:
    """Send `media_saved` for each new key of a saved row, after the commit.

    Until then the row is provisional, because a rollback has no hook that would undo what the
    instance remembers: the next save of a provisional instance asks the row.
    """
    saved = instance.__dict__.pop(SAVED, None)
    in_transaction = connections[using].in_atomic_block
    if not in_transaction:
        _confirm(instance)
    if saved is None:
        return
    if in_transaction:
        instance.__dict__[PROVISIONAL] = True
        loaded.forget_columns(instance)
        after_commit(_confirm, instance, using=using)
    for field in saved:
        key = current_key(instance, field)
        if not key:
            continue
        file = getattr(instance, field.attname)
        if file.pending_upload is not None:
            after_commit(file.on_committed, using=using)
            after_commit(enqueue, key, using, using=using)
        else:
            announce_stored(instance, field, using)


def announce_stored(instance: models.Model, field: AnyMediaField, using: str) -> None:
    """Send `media_saved` for a stored file, after the commit, and do what follows it."""
    file = getattr(instance, field.attname)
    send = partial(
        media_saved.send_robust,
        sender=type(instance),
        instance=instance,
        field=field,
        key=file.key,
    )
    after_commit(send, using=using)
    after_commit(file.on_committed, using=using)
    if field.analyse == "task":
        after_commit(analyse_later, file, field, using, using=using)
    if field.prepare != "never":
        after_commit(prepare_image, file, field, using=using)


def forget_save(instance: models.Model) -> None:
    """Mark a row whose save has failed: what it holds in the database is not known."""
    instance.__dict__.pop(SAVED, None)
    instance.__dict__[PROVISIONAL] = True
    loaded.forget_columns(instance)


def _confirm(instance: models.Model) -> None:
    instance.__dict__.pop(PROVISIONAL, None)
