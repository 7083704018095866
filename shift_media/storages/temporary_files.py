"""Files of a local storage that are not complete yet."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from shift_media.storages import filesystem
from shift_media.storages.disk_multipart import DiskMultipart
from shift_media.storages.filesystem import disk_errors

TEMPORARY = ".tmp"
"""The folder inside the location that holds files until they are complete."""

STALE = timedelta(days=1)
"""The age from which a temporary file is taken for the remains of a dead process."""


class TemporaryFiles:
    """The folder of temporary files of a local storage, with its uploads in parts."""

    directory_permissions_mode: Any

    @property
    @abstractmethod
    def _root(self) -> str:
        """Return the location of the storage."""

    @property
    def multipart(self) -> DiskMultipart:
        """The uploads in parts, which are among the temporary files until they are complete."""
        return DiskMultipart(cast("Any", self))

    def make_temporary_folder(self) -> str:
        """Return the path of the folder of temporary files, which is made if it is missing."""
        folder = os.path.join(self._root, TEMPORARY)
        filesystem.make_folder(self._root, self.directory_permissions_mode)
        filesystem.make_folder_like_parent(folder)
        return folder

    def sweep_temporary(self, older_than: timedelta = STALE) -> int:
        """Remove temporary files that no process is writing any more, and return how many."""
        limit = time.time() - older_than.total_seconds()
        with disk_errors(TEMPORARY):
            files = list(filesystem.walk(os.path.join(self._root, TEMPORARY), "", ""))
            # The folders in it are uploads in parts, which are aborted as a whole.
            own = [file for file in files if "/" not in file.key]
            stale = [file.key for file in own if file.modified.timestamp() < limit]
            return sum(
                filesystem.unlink(os.path.join(self._root, TEMPORARY, key)) for key in stale
            )

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[str]:
        with disk_errors(key):
            path = os.path.join(self.make_temporary_folder(), uuid.uuid4().hex)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
