"""Django's interface of media storages: names that are keys, and all other names.

A key is written once. Other names, of a plain ``FileField`` for example, behave as in the storage
of Django or django-storages that a media storage is derived from.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.timezone import get_default_timezone, make_naive

from shift_media.core.errors import AlreadyStored, NotStored
from shift_media.core.formats import SAFE_TYPE
from shift_media.storages.contents import as_binary, known_size, spooled
from shift_media.storages.naming import NamedStorage, unwrap
from shift_media.storages.streams import CHUNK, Readable, Source, StoredFile, in_mode
from shift_media.storages.validation import format_of_key, has_key_shape, tidy_name

Name = str | os.PathLike[str]

_SPOOL_BYTES = 2 << 20
"""The size up to which an opened file is held in memory; a larger one is on disk."""

READ_MODES = ("r", "rt", "rb")

MARKER_KEY = "shift-media-site"
"""The marker of the site that has claimed a storage. No other file is stored under this name."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Facts of a stored file.

    Attributes:
        size: in bytes.
        modified: when it was written, with a time zone.
        sha256: in hex; ``""`` if the storage does not keep it.
    """

    size: int
    modified: datetime
    sha256: str = ""


class MissingFile(NotStored, FileNotFoundError):
    """Nothing is stored under a key; also the error that Django's storages raise."""


class DjangoInterface(NamedStorage, ABC):
    """The methods of Django's storages, by the hooks that read and write keys."""

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Return the facts of what is stored under a key; None if nothing is."""

    @abstractmethod
    def fetch(self, key: str) -> Source:
        """Open what is stored under a key, to be read once. Raises `NotStored`."""

    @abstractmethod
    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write a content from its position on, all of it or nothing.

        Returns True if this call wrote it, and False if something was stored under the key, which
        stays as it is. Raises `SourceTruncated` if the content has another size than ``size``.

        Args:
            key: a relative path.
            content: read in parts, and only once.
            content_type: to store with it; see `validation.get_served_type`.
            sha256: of the content, in hex, if the caller knows it.
            size: of the content, in bytes, if the caller knows it.
        """

    # Django's methods

    def get_available_name(self, name: Name, max_length: int | None = None) -> str:
        """Return a name that is free; a key is returned unchanged, because keys never collide."""
        name = tidy_name(name)
        return name if has_key_shape(name) else super().get_available_name(name, max_length)

    def exists(self, name: Name) -> bool:
        """Return True if something is stored under a name."""
        return self.stat(tidy_name(name)) is not None

    def size(self, name: Name) -> int:
        """Return the size in bytes. Raises `MissingFile`."""
        return self._require_stat(tidy_name(name)).size

    def get_modified_time(self, name: Name) -> datetime:
        """Return when it was written; aware if ``USE_TZ``. Raises `MissingFile`."""
        modified = self._require_stat(tidy_name(name)).modified
        if django_settings.USE_TZ:
            return modified.astimezone(UTC)
        return make_naive(modified, get_default_timezone())

    def _require_stat(self, name: str) -> Stat:
        stat = self.stat(name)
        if stat is None:
            raise missing(name)
        return stat

    def _open(self, name: Name, mode: str = "rb") -> File[Any]:
        name = tidy_name(name)
        if mode not in READ_MODES:
            return self._open_for_writing(name, mode)
        memory = getattr(self, "max_memory_size", 0) or _SPOOL_BYTES
        spool = tempfile.SpooledTemporaryFile(max_size=memory)
        try:
            with self.fetch(name) as source:
                shutil.copyfileobj(source, spool, CHUNK)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return StoredFile(in_mode(spool, mode), name, lambda: self._open(name, mode).file, mode)

    def _open_for_writing(self, name: str, mode: str) -> File[Any]:
        raise ValueError(f"{name!r} can only be opened for reading, not with mode {mode!r}.")

    def _save(self, name: str, content: File[Any]) -> str:
        if not has_key_shape(name):
            if name.casefold() == MARKER_KEY:
                name = self.get_alternative_name(name, "")
            return self._save_other(name, content)
        stream = as_binary(content)
        written = self.put(
            name,
            stream,
            content_type=format_of_key(name).served_type,
            sha256=getattr(content, "sha256", ""),
            size=known_size(stream),
        )
        if not written:
            raise AlreadyStored(f"Something is stored under {name!r} already, and stays as it is.")
        return name

    def _save_other(self, name: str, content: File[Any]) -> str:
        """Store a file under a name that is not a key, or another one if it is taken meanwhile."""
        with spooled(as_binary(content)) as stream:
            while not self._put_other(name, stream, content):
                stream.seek(0)
                root, extension = os.path.splitext(name)
                name = self.get_alternative_name(root, extension)
        return name

    def _put_other(self, name: str, stream: IO[bytes], content: File[Any]) -> bool:
        """Write a stream under a name that is not a key; return whether it was written.

        ``content`` is the file that was saved, which may know its type.
        """
        content_type = mimetypes.guess_type(name)[0] or SAFE_TYPE
        return self.put(name, stream, content_type=content_type)


def missing(key: str) -> MissingFile:
    """Return the error for a key with nothing stored under it."""
    return MissingFile(f"Nothing is stored under {key!r}.")


def overwrites_unasked(storage: Storage) -> bool:
    """Return True if a media storage overwrites names that are no keys, and no option says so."""
    try:
        found: Any = unwrap(storage)
    except (ImproperlyConfigured, TypeError):
        return False  # Another check reports it.
    if not isinstance(found, DjangoInterface) or not getattr(found, "file_overwrite", False):
        return False
    is_set = hasattr(django_settings, "AWS_S3_FILE_OVERWRITE")
    return not is_set and "file_overwrite" not in found._constructor_args[1]
