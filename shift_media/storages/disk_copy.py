"""Copies from one folder of a machine to another: by the kernel, or as a second name."""

from __future__ import annotations

import errno
import os
import stat as modes
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, Storage

from shift_media.storages.filesystem import disk_errors
from shift_media.storages.naming import unwrap
from shift_media.storages.server_copy import SourceChanged
from shift_media.storages.streams import Readable

Version = tuple[int, int, int, int]
"""Device, inode, size and time of the last write in nanoseconds."""

_KERNEL_BYTES = 1 << 30  # that one call of the kernel copies at most

# Two file systems (EXDEV), one without such copies, or a kernel that does not know the call.
_NO_KERNEL_COPY = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
)


class CopyTarget(Protocol):
    """A storage on this machine, as a copy uses it."""

    def put_original(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        download_name: str,
        sha256: str,
        size: int,
    ) -> bool:
        """Write an original; return whether its key was free."""

    def link_original(self, path: str, key: str, download_name: str) -> bool:
        """Add a key for a file; return False if that is not possible."""

    def path(self, name: str) -> str:
        """Return the path of a key."""

    def delete(self, name: str) -> None:
        """Delete one file."""


@dataclass(frozen=True, slots=True)
class DiskCopy:
    """A file on this machine, to be copied into a local storage.

    The kernel copies it, so that file systems with shared blocks (Btrfs, XFS) store it once. With
    ``link`` the file gets a second name instead, which needs no space on any file system. Then the
    original changes if a program writes into the old file, and so it is not the default.
    """

    storage: CopyTarget
    path: str
    version: Version
    link: bool

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self.version[2]

    @property
    def requests(self) -> int:
        """No requests: there is no server."""
        return 0

    def open(self) -> BinaryIO:
        """Open the file."""
        return open(self.path, "rb")

    def open_range(self, first: int, length: int) -> BinaryIO:
        """Open the file at a position."""
        file = self.open()
        file.seek(first)
        return file

    def write(self, key: str, *, content_type: str, download_name: str, sha256: str = "") -> bool:
        """Store the file under a key; return False if something was stored there."""
        with disk_errors(key), self._open_unchanged() as file:
            content = _Content(file, self)
            content.require_unchanged()
            if self.link and self._link(key, download_name):
                return True
            return self.storage.put_original(
                key,
                content,
                content_type=content_type,
                download_name=download_name,
                sha256=sha256,
                size=self.size,
            )

    def _open_unchanged(self) -> BinaryIO:
        try:
            return self.open()
        except FileNotFoundError as error:
            raise self.changed() from error

    def _link(self, key: str, download_name: str) -> bool:
        """Add the key; return False if the file has to be copied.

        Another file may be at the path by now, because a link is made by name.
        """
        try:
            linked = self.storage.link_original(self.path, key, download_name)
        except FileNotFoundError as error:
            raise self.changed() from error
        if linked and _version(os.stat(self.storage.path(key))) != self.version:
            self.storage.delete(key)
            raise self.changed()
        return linked

    def changed(self) -> SourceChanged:
        """Return the error for a file that is another one by now."""
        return SourceChanged(f"{self.path!r} was written to or deleted while it was copied.")


class _Content:
    """The content of a file, which the kernel can copy."""

    def __init__(self, file: BinaryIO, copy: DiskCopy) -> None:
        self._file = file
        self._copy = copy

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        part = self._file.read(size)
        if not part:
            self.require_unchanged()
        return part

    def copy_to(self, descriptor: int) -> bool:
        """Copy the content by the kernel; return False if it has to be read."""
        source, copied = self._file.fileno(), 0
        while hasattr(os, "copy_file_range"):
            try:
                part = os.copy_file_range(source, descriptor, _KERNEL_BYTES)
            except OSError as error:
                if error.errno in _NO_KERNEL_COPY and not copied:
                    return False
                raise
            if not part:
                self.require_unchanged()
                return copied == self._copy.size
            copied += part
        return False

    def require_unchanged(self) -> None:
        """Raise `SourceChanged` if the file was written to."""
        if _version(os.fstat(self._file.fileno())) != self._copy.version:
            raise self._copy.changed()


def begin(storage: CopyTarget, source: Storage, name: str, *, link: bool) -> DiskCopy | None:
    """Return a copy of a file of another local storage; None if it has to be read."""
    found: Any = unwrap(source)
    if not isinstance(found, FileSystemStorage) or not _reads_plainly(found, storage):
        return None
    try:
        path = os.path.realpath(found.path(name))
        version = os.stat(path)
    except (OSError, ValueError, SuspiciousFileOperation):
        return None  # Reading the file raises the same, with the right words.
    if not modes.S_ISREG(version.st_mode):
        return None
    # FileSystemStorage(allow_overwrite=True) writes into the file that is there.
    overwrites = getattr(found, "_allow_overwrite", False)
    return DiskCopy(storage, path, _version(version), link and not overwrites)


def _reads_plainly(source: Any, storage: Any) -> bool:
    """Return False for a class that may return other bytes than those on the disk."""
    plain: Any = FileSystemStorage
    return type(source)._open in (plain._open, type(storage)._open)


def _version(found: os.stat_result) -> Version:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
