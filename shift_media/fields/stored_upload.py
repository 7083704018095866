"""Between the storage and the row: what was stored for a row, and what the row refers to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connections, models, transaction

from shift_media.core.errors import MediaError
from shift_media.core.keys import OriginalKey
from shift_media.deletion.references import is_referenced
from shift_media.fields.types import AnyMediaField, AnyMediaFile

logger = logging.getLogger("shift_media")


@dataclass
class StoredUpload:
    """A file that has been stored for a row that is not saved yet: it can still be taken back."""

    file: AnyMediaFile
    key: OriginalKey
    _before: dict[str, Any] = field(init=False)
    _row: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        field = self.file.field
        names = (field.attname, *field.metadata_columns, _marker(field))
        state = self.file.instance.__dict__
        self._before = dict(self.file.__dict__)
        self._row = {name: state[name] for name in names if name in state}

    def rollback(self, using: str) -> None:
        """Remove the file of a row that was not written, and make the row what it was.

        So it can be saved again. Where the connection broke while it committed, nobody knows: what
        a row may refer to stays. What cannot be removed now is an orphan, which ``media_cleanup``
        removes later.
        """
        if not self._is_unused(using):
            return
        try:
            self.file.storage.delete_prefix(self.key.prefix)
        except (MediaError, OSError) as error:
            logger.warning("%s stays as an orphan: %s", self.key, error)
        self.file.__dict__.clear()
        self.file.__dict__.update(self._before)
        self.file.instance.__dict__.update(self._row)

    def _is_unused(self, using: str) -> bool:
        if connections[using].needs_rollback:
            return True  # Whatever was written is not any more, and nothing can be asked now.
        try:
            return not is_referenced(str(self.key), using)
        except DatabaseError:
            return False


def announce_stored(file: object, using: str) -> None:
    """Tell a file that wants to know (``file.stored()``) that it lies in a storage, for good.

    That is after the commit. Where there is no transaction it is now, before its row is written.
    """
    stored = getattr(file, "stored", None)
    if callable(stored):
        transaction.on_commit(stored, using=using, robust=True)


def stored_key(instance: models.Model, field: AnyMediaField) -> str | None:
    """Tell the key that the row has in the database, as far as it is known without asking."""
    if instance._state.adding:
        return None
    key: str | None = instance.__dict__.get(_marker(field))
    return key


def set_stored_key(instance: models.Model, field: AnyMediaField, key: str | None) -> None:
    """Remember the key that the row has in the database."""
    instance.__dict__[_marker(field)] = key


def _marker(field: AnyMediaField) -> str:
    return f"_{field.attname}_stored_key"
