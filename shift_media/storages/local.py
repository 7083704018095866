"""Media files on a local disk: written to a temporary file, then linked into place.

``os.link`` is the only call that puts a whole file under a name atomically and refuses a name that
is taken: ``rename`` overwrites, and with ``O_EXCL`` readers see a half-written file. On a file
system without hard links (FAT, exFAT, many network and FUSE file systems) the file is renamed
under a lock that all writers of the storage hold one after the other.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.encoding import filepath_to_uri
from filelock import FileLock

from shift_media.core.errors import SourceTruncated, StorageError
from shift_media.storages import disk_copy, filesystem
from shift_media.storages.base import DeliveryMode, Entry, MediaStorage, Stat, missing
from shift_media.storages.disk_copy import DiskCopy
from shift_media.storages.filesystem import disk_errors
from shift_media.storages.interface import READ_MODES, Name
from shift_media.storages.signed_originals import SignedOriginals
from shift_media.storages.streams import Readable, Source, StoredFile, in_mode
from shift_media.storages.temporary_files import TEMPORARY, TemporaryFiles
from shift_media.storages.validation import (
    ACCEL_HEADER,
    SENDFILE,
    check_accel_header,
    check_base_url,
    check_key,
    check_location_path,
    check_names,
    check_prefix,
    has_key_shape,
    require_name,
    tidy_name,
)

_PUBLISH_ATTEMPTS = 100
"""Attempts to link a file into a folder that concurrent deletions keep removing."""

_FileSystem: Any = FileSystemStorage
"""Django's storage with its hooks, which its stubs lack."""


_RENAME_LOCK = "rename.lock"
"""The lock file among the temporary files, for file systems without hard links."""

_RENAME_POLL_SECONDS = 0.005


class LocalMediaStorage(TemporaryFiles, SignedOriginals, FileSystemStorage):
    """A media storage in a folder, by default ``MEDIA_ROOT``, served under ``MEDIA_URL``.

    Takes the options of Django's `FileSystemStorage` and those of `MediaStorage`.

    Args:
        fsync: whether a file is flushed to the disk before it gets its name, so that a power cut
            leaves no truncated file. It costs about a millisecond a file on an SSD.
        accel_location: the ``internal`` location of nginx whose root is ``location``, such as
            ``"/stored-media/"``. What the app would send is then sent by nginx.
        accel_header: ``"X-Accel-Redirect"``, or ``"X-Sendfile"`` for a web server that takes the
            path of a file on the disk, such as Apache with mod_xsendfile. It needs no
            ``accel_location``.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = True
    import_path: ClassVar[str] = "shift_media.storages.LocalMediaStorage"

    def __init__(
        self,
        *args: Any,
        fsync: bool = True,
        accel_location: str = "",
        accel_header: str = ACCEL_HEADER,
        **kwargs: Any,
    ) -> None:
        kinds = (LocalMediaStorage, MediaStorage, FileSystemStorage)
        check_names(kwargs, *(vars(kind)["__init__"] for kind in kinds))
        super().__init__(*args, **kwargs)
        self.fsync = fsync
        self.accel_location = check_location_path("accel_location", accel_location)
        self.accel_header = check_accel_header(accel_header, accel_location)

    def _is_harmless(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        return True

    @property
    def _root(self) -> str:
        return str(self.location)

    def _default_public_url(self) -> str:
        return check_base_url(self.base_url)

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        # Django's own hook for changed settings. The public URL is derived from MEDIA_URL.
        super()._clear_cached_properties(setting, **kwargs)
        if setting == "MEDIA_URL":
            self.__dict__.pop("public_url", None)

    def path(self, name: Name) -> str:
        """Return the path of a key; refuse one that leads out of the location, also by a link."""
        key = check_key(name)
        if key.split("/", 1)[0] == TEMPORARY:
            raise SuspiciousFileOperation(f"{key!r} is in the folder of temporary files.")
        # `check_key` has refused what Django's `safe_join` looks for, but for drives of Windows.
        is_plain = os.sep == "/" and has_key_shape(key)
        path = f"{self.location}/{key}" if is_plain else super().path(key)
        if filesystem.may_have_link(self._root, key):
            real, root = os.path.realpath(path), os.path.realpath(self.location)
            if os.path.commonpath((real, root)) != root:
                raise SuspiciousFileOperation(f"{name!r} leads out of the storage by a link.")
        return path

    def accel_path(self, key: str) -> str | None:
        """Return the path of a key in the ``accel_location``, or on the disk; else None.

        It is quoted, because servers decode it, and a header has ASCII characters only.
        """
        if self.accel_header == SENDFILE:
            return quote(self.path(key))
        return f"{self.accel_location}{check_key(key)}" if self.accel_location else None

    def stat(self, key: str) -> Stat | None:
        """Return the size and time of a stored file; None if there is none."""
        with disk_errors(key):
            try:
                found = os.stat(self.path(key))
            except filesystem.MISSING_ERRORS:
                return None
        if not modes.S_ISREG(found.st_mode):
            return None
        return Stat(found.st_size, filesystem.modified_at(found))

    def fetch(self, key: str) -> Source:
        """Open a stored file, which can be read from any position. Raises `NotStored`."""
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
        """Write a temporary file, then link it into place. The key's extension is its type."""
        path = self.path(key)
        mode = self.file_permissions_mode
        with self._temporary(key) as temporary:
            # Private until it is complete. Without a configured mode the umask decides, as usual.
            written = filesystem.write_new_file(
                temporary, content, key, mode=0o666 if mode is None else 0o600, fsync=self.fsync
            )
            if size is not None and written != size:
                raise SourceTruncated(
                    f"The content of {key!r} has {written} bytes instead of the promised {size}."
                )
            with disk_errors(key):
                if mode is not None:
                    os.chmod(temporary, mode)
                filesystem.share_group(temporary, self._root)
                try:
                    return self._publish(temporary, path, filesystem.link)
                except filesystem.LinksUnsupported:
                    lock = os.path.join(os.path.dirname(temporary), _RENAME_LOCK)
                    with FileLock(lock, poll_interval=_RENAME_POLL_SECONDS):
                        return self._publish(temporary, path, filesystem.rename_new)

    def copy(self, key: str, new_key: str) -> bool:
        """Add a second name for the file, which is safe because stored files never change."""
        path, new_path = self.path(key), self.path(new_key)
        if self.stat(key) is None:
            raise missing(key)
        with disk_errors(key):
            try:
                return self._publish(path, new_path, filesystem.link)
            except FileNotFoundError:
                raise missing(key) from None
            except filesystem.LinksUnsupported:
                pass
        return super().copy(key, new_key)

    def begin_copy(self, source: Storage, name: str, *, link: bool = False) -> DiskCopy | None:
        """Return a copy of a file that is on this machine, too."""
        return disk_copy.begin(self, source, name, link=link)

    def link_original(self, path: str, key: str, download_name: str) -> bool:
        """Add a key for a file that is not below the location; False if that is not possible."""
        try:
            linked = self._publish(path, self.path(key), filesystem.link)
        except filesystem.LinksUnsupported:
            return False
        if linked:
            self._put_download_name(key, download_name)
        return linked

    def delete(self, name: Name) -> None:
        """Delete one file; a missing file is no error.

        The folders of a key that become empty go too. Another name may be that of an empty folder.
        """
        path = self.path(require_name(name))
        with disk_errors(str(name)):
            if has_key_shape(str(name)):
                filesystem.unlink(path)
                filesystem.prune(os.path.dirname(path), self._root)
            elif not filesystem.unlink(path):
                filesystem.remove_empty_folder(path)

    def delete_prefix(self, prefix: str) -> int:
        """Delete the folder of a prefix, and the folders above it that become empty."""
        root = self.path(check_prefix(prefix)[:-1])
        with disk_errors(prefix):
            removed = filesystem.remove_tree(root)
            filesystem.prune(os.path.dirname(root), self._root)
        return removed

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the files below a prefix, folder by folder."""
        folder, slash, begin = prefix.rpartition("/")
        with disk_errors(prefix):
            if folder:
                yield from filesystem.walk(self.path(folder), folder + slash, begin)
            else:
                yield from filesystem.walk(self._root, "", begin, skip=TEMPORARY)

    def exists(self, name: Name) -> bool:
        """Return True if something is stored under a name; a folder too, unless it is a key's."""
        name = tidy_name(name)
        return (
            super().exists(name) if has_key_shape(name) else FileSystemStorage.exists(self, name)
        )

    def listdir(self, path: Name) -> tuple[list[str], list[str]]:
        """Return the names of the folders and files in a folder; ``""`` is the location."""
        path = str(path)
        name = path.strip("/")
        folders: list[str] = []
        files: list[str] = []
        with disk_errors(path):
            try:
                scan = os.scandir(self.path(name) if name not in ("", ".") else self.location)
            except filesystem.MISSING_ERRORS:
                raise missing(path) from None
            with scan:
                for entry in scan:
                    (folders if entry.is_dir() else files).append(entry.name)
        return [name for name in folders if name != TEMPORARY], files

    def _open(self, name: Name, mode: str = "rb") -> File[Any]:
        name = tidy_name(name)
        if not has_key_shape(name):
            return cast("File[Any]", _FileSystem._open(self, name, mode))
        key = check_key(name)
        if mode not in READ_MODES:
            return self._open_for_writing(key, mode)
        return StoredFile(
            in_mode(self.fetch(key), mode), key, lambda: in_mode(self.fetch(key), mode), mode
        )

    def _save_other(self, name: str, content: File[Any]) -> str:
        return str(_FileSystem._save(self, name, content))

    def _other_url(self, name: str) -> str:
        if self._public_url is None:
            return FileSystemStorage.url(self, name)
        return self.plain_url(filepath_to_uri(check_key(name)))

    def _publish(self, temporary: str, path: str, place: Callable[[str, str], None]) -> bool:
        """Put a file into its place, and return whether the name was free.

        A concurrent deletion may remove the folder between the two calls, hence the attempts.
        Raises `FileNotFoundError` if the file itself is gone.
        """
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                filesystem.make_folder(os.path.dirname(path), self.directory_permissions_mode)
                place(temporary, path)
            except FileExistsError:
                return False
            except FileNotFoundError:
                if not os.path.lexists(temporary):
                    raise
                continue
            return True
        raise StorageError(
            f"The folder of {path!r} was removed {_PUBLISH_ATTEMPTS} times while it was needed."
        )
