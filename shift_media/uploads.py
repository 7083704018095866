"""Between the storage and the row: what was stored for a row, and what the row refers to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models

from shift_media.core.errors import MediaError
from shift_media.core.paths import OriginalKey

if TYPE_CHECKING:
    from shift_media.fields import MediaField
    from shift_media.files import MediaFile

logger = logging.getLogger("shift_media")


@dataclass
class Upload:
    """A file that has been stored for a row that is not saved yet: it can still be taken back."""

    file: MediaFile
    key: OriginalKey
    _before: dict[str, Any] = field(init=False)
    _row: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        names = (self.file.field.attname, *self.file.field.companions)
        state = self.file.instance.__dict__
        self._before = dict(self.file.__dict__)
        self._row = {name: state[name] for name in names if name in state}

    def undo(self) -> None:
        """Remove the stored file and put the row's attributes back, so that it can be saved again.

        What cannot be removed now is an orphan, which ``media_cleanup`` removes later.
        """
        try:
            self.file.media_storage.delete_prefix(self.key.prefix)
        except (MediaError, OSError) as error:
            logger.warning("%s stays as an orphan: %s", self.key, error)
        self.file.__dict__.clear()
        self.file.__dict__.update(self._before)
        self.file.instance.__dict__.update(self._row)


def stored_key(instance: models.Model, field: MediaField) -> str | None:
    """Tell the key that the row has in the database, as far as it is known without asking."""
    if instance._state.adding:
        return None
    key: str | None = instance.__dict__.get(_marker(field))
    return key


def set_stored_key(instance: models.Model, field: MediaField, key: str | None) -> None:
    """Remember the key that the row has in the database."""
    instance.__dict__[_marker(field)] = key


def _marker(field: MediaField) -> str:
    return f"_{field.attname}_stored_key"
