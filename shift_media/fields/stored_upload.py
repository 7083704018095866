"""Stored uploads: files that are in the storage while no row refers to them yet."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import DatabaseError, connections

from shift_media.core.errors import MediaError
from shift_media.core.keys import OriginalKey
from shift_media.deletion.budget import request_budget
from shift_media.deletion.references import is_referenced
from shift_media.fields.database_key import attribute_name
from shift_media.fields.types import AnyMediaFile

logger = logging.getLogger("shift_media")


@dataclass
class StoredUpload:
    """A file that was stored for a row before the row is saved, and that can be removed again.

    Make it before the file and its row are changed: `rollback` restores what they are now.
    """

    file: AnyMediaFile
    key: OriginalKey
    _file_state: dict[str, Any] = field(init=False)
    _row_state: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        field = self.file.field
        names = (field.attname, *field.metadata_columns, attribute_name(field))
        row = self.file.instance.__dict__
        self._file_state = dict(self.file.__dict__)
        self._row_state = {name: row[name] for name in names if name in row}

    def rollback(self, using: str) -> None:
        """Remove the stored file and restore the row in memory, so that it can be saved again.

        If the connection broke during the commit, the row may have been written. A file that a row
        may refer to is kept. A file that cannot be removed now is an orphan, which
        ``media_cleanup`` removes later.
        """
        if not self._is_unused(using):
            return
        try:
            delete = partial(self.file.storage.delete_prefix, self.key.prefix)
            request_budget().call(delete)
        except (MediaError, OSError) as error:
            logger.warning("%s was not removed and stays as an orphan: %s", self.key, error)
        self.file.__dict__.clear()
        self.file.__dict__.update(self._file_state)
        self.file.instance.__dict__.update(self._row_state)

    def _is_unused(self, using: str) -> bool:
        if connections[using].needs_rollback:
            return True  # The row is rolled back for certain, and no query is possible now.
        try:
            return not is_referenced(str(self.key), using)
        except DatabaseError:
            return False
