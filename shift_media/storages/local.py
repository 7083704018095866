"""Media files on a local disk: written beside, then linked into place.

``os.link`` is the one call that puts a whole file under a name atomically and refuses a name that
is taken (``rename`` overwrites, ``O_EXCL`` shows a half-written file).
"""

from __future__ import annotations

import contextlib
import os
import re
import stat as modes
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible
from django.utils.encoding import filepath_to_uri

from shift_media.conf import settings
from shift_media.core.errors import SourceTruncated, StorageError
from shift_media.core.signing import Signer
from shift_media.storages import filesystem
from shift_media.storages.base import DeliveryMode, Entry, MediaStorage, Stat, check_mode, missing
from shift_media.storages.filesystem import disk_errors
from shift_media.storages.streams import Readable, Source
from shift_media.storages.validation import base_url_of, check_key, check_prefix

TEMPORARY = ".tmp"
"""The folder inside the location where files lie until they are complete."""

STALE = timedelta(days=1)
"""The age at which a temporary file can only be what a dead process left."""

ORIGINAL_PURPOSE = "original/1"
"""The purpose that the URLs of private originals are signed for."""

_PUBLISH_ATTEMPTS = 100  # to link a file into a folder that deletions keep removing
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")


@deconstructible(path="shift_media.storages.LocalMediaStorage")
class LocalMediaStorage(MediaStorage, FileSystemStorage):
    """Keep media files in a folder, by default ``MEDIA_ROOT``, under ``MEDIA_URL``.

    Takes the options of Django's `FileSystemStorage` and those of `MediaStorage`.

    Args:
        fsync: whether a file must have reached the disk before it gets its name, so that a power
            cut leaves no file cut short. It costs about a millisecond a file on an SSD.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = True

    def __init__(self, *args: Any, fsync: bool = True, **kwargs: Any) -> None:
        if kwargs.pop("allow_overwrite", False):
            raise ImproperlyConfigured("A media storage never overwrites: drop allow_overwrite.")
        super().__init__(*args, **kwargs)
        self.fsync = fsync

    @property
    def _root(self) -> str:
        return str(self.location)

    def _default_public_url(self) -> str:
        return base_url_of(self.base_url)

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        # Django's own hook, which follows MEDIA_URL; what is made of it follows too.
        super()._clear_cached_properties(setting, **kwargs)
        if setting == "MEDIA_URL":
            self.__dict__.pop("public_url", None)

    def path(self, name: str) -> str:
        """Give the path of a key; refuses one that leads out of the location, by a link too."""
        if check_key(str(name)).split("/", 1)[0] == TEMPORARY:
            raise SuspiciousFileOperation(f"{name!r} lies in the folder of temporary files.")
        path = super().path(name)
        real, root = os.path.realpath(path), os.path.realpath(self.location)
        if os.path.commonpath((real, root)) != root:
            raise SuspiciousFileOperation(f"{name!r} leads out of the storage by a link.")
        return path

    def stat(self, key: str) -> Stat | None:
        """Look at what lies under a key; None where there is nothing."""
        with disk_errors(key):
            try:
                found = os.stat(self.path(key))
            except filesystem.GONE:
                return None
        if not modes.S_ISREG(found.st_mode):
            return None
        return Stat(found.st_size, filesystem.modified(found))

    def fetch(self, key: str) -> Source:
        """Open a stored file, which can also be read from any position; raises `NotStored`."""
        with disk_errors(key):
            source = filesystem.open_source(self.path(key), key)
        if source is None:
            raise missing(key)
        return source

    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write beside, then link into place. The type is not kept: its key tells it."""
        path = self.path(key)
        mode = self.file_permissions_mode
        with self._temporary(key) as temporary:
            # Until it is complete nobody else reads it; with no mode asked for the umask decides.
            written = filesystem.write_new(
                temporary, content, key, mode=0o666 if mode is None else 0o600, fsync=self.fsync
            )
            if size is not None and written != size:
                raise SourceTruncated(f"{key!r} was to have {size} bytes; {written} came.")
            with disk_errors(key):
                if mode is not None:
                    os.chmod(temporary, mode)
                filesystem.share_group(temporary, self._root)
                return self._publish(temporary, path)

    def copy(self, key: str, new_key: str) -> bool:
        """Give the file a second name: what is stored is never changed."""
        path, new_path = self.path(key), self.path(new_key)
        if self.stat(key) is None:
            raise missing(key)
        with disk_errors(key):
            return self._publish(path, new_path)

    def delete(self, name: str) -> None:
        """Delete one file and the folders it leaves empty; a missing one is no error."""
        path = self.path(name)
        with disk_errors(name):
            filesystem.unlink(path)
            filesystem.prune(os.path.dirname(path), self._root)

    def delete_prefix(self, prefix: str) -> int:
        """Delete the folder of a prefix and the folders it leaves empty above."""
        root = self.path(check_prefix(prefix)[:-1])
        with disk_errors(prefix):
            removed = filesystem.remove_tree(root)
            filesystem.prune(os.path.dirname(root), self._root)
        return removed

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Walk the folders below a prefix, one at a time."""
        folder, slash, begin = prefix.rpartition("/")
        with disk_errors(prefix):
            if folder:
                yield from filesystem.walk(self.path(folder), folder + slash, begin)
            else:
                yield from filesystem.walk(self._root, "", begin, skip=TEMPORARY)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List the folders and files in a folder; ``""`` is the location."""
        name = path.strip("/")
        folders: list[str] = []
        files: list[str] = []
        with disk_errors(path):
            try:
                scan = os.scandir(self.path(name) if name not in ("", ".") else self.location)
            except filesystem.GONE:
                raise missing(path) from None
            with scan:
                for entry in scan:
                    (folders if entry.is_dir() else files).append(entry.name)
        return [name for name in folders if name != TEMPORARY], files

    def sweep_temporary(self, older_than: timedelta = STALE) -> int:
        """Remove temporary files that no process can be writing any more; return how many."""
        limit = time.time() - older_than.total_seconds()
        with disk_errors(TEMPORARY):
            files = list(filesystem.walk(os.path.join(self._root, TEMPORARY), "", ""))
            stale = [file.key for file in files if file.modified.timestamp() < limit]
            return sum(
                filesystem.unlink(os.path.join(self._root, TEMPORARY, key)) for key in stale
            )

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Tell whether the original is public, or the query has its signature and is in time."""
        if self.originals == "public":
            return True
        expires = query.get("expires", "")
        if not _EXPIRES.fullmatch(expires):
            return False
        genuine = _signer().verify(_signed(key, expires), query.get("signature", ""))
        return genuine and time.time() <= int(expires)

    def _private_url(self, key: str) -> str:
        expires = str(int(time.time()) + self.url_expire)
        signature = _signer().sign(_signed(key, expires))
        return f"{self.derived_url(filepath_to_uri(key))}?expires={expires}&signature={signature}"

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        check_mode(name, mode)
        return File(cast("Any", self.fetch(name)), name)

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[str]:
        folder = os.path.join(self._root, TEMPORARY)
        path = os.path.join(folder, uuid.uuid4().hex)
        with disk_errors(key):
            filesystem.make_folder(self._root, self.directory_permissions_mode)
            filesystem.make_folder_like_parent(folder)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _publish(self, temporary: str, path: str) -> bool:
        """Link into place. A deletion may remove the folder between the two calls: try again."""
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                filesystem.make_folder(os.path.dirname(path), self.directory_permissions_mode)
                os.link(temporary, path)
            except FileExistsError:
                return False
            except FileNotFoundError:
                continue
            return True
        raise StorageError(f"The folder of {path!r} vanished {_PUBLISH_ATTEMPTS} times.")


def _signed(key: str, expires: str) -> str:
    return f"{key}?expires={expires}"


def _signer() -> Signer:
    return settings.signer(ORIGINAL_PURPOSE)
