"""Operations of `LocalMediaStorage` on files and folders, without keys and options."""

from __future__ import annotations

import contextlib
import errno
import os
import stat as modes
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from shift_media.core.errors import MediaError, StorageError
from shift_media.storages.base import Entry
from shift_media.storages.streams import CHUNK, Readable, SeekableSource

MISSING_ERRORS = (FileNotFoundError, NotADirectoryError)

# O_NONBLOCK, because opening a named pipe would block until another process writes to it.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class DiskSource(SeekableSource):
    """A stored file on the disk."""

    _stream: BinaryIO

    def fileno(self) -> int:
        """Return the file descriptor, for ``sendfile``."""
        return self._stream.fileno()


@contextlib.contextmanager
def disk_errors(key: str) -> Iterator[None]:
    """Turn errors of the file system, such as a full disk, into `StorageError`."""
    try:
        yield
    except MediaError:
        raise
    except OSError as error:
        raise StorageError(f"The file system failed for {key!r}: {error}.") from error


def open_source(path: str, key: str) -> DiskSource | None:
    """Open a regular file for reading; None if there is none."""
    try:
        descriptor = os.open(path, _READ)
    except MISSING_ERRORS:
        return None
    found = os.fstat(descriptor)
    if not modes.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    return DiskSource(os.fdopen(descriptor, "rb"), found.st_size, key, disk_errors)


def may_have_link(root: str, key: str) -> bool:
    """Return False if neither a key's file nor a folder of it below the root is a link.

    One look at each, where `os.path.realpath` would look at the folders above the root, too.
    """
    if os.name == "nt":  # It has other links as well.
        return True
    path = root
    for name in key.split("/"):
        path = f"{path}/{name}"
        try:
            if modes.S_ISLNK(os.lstat(path).st_mode):
                return True
        except OSError:
            return False  # Nothing is below what is missing.
    return False


def write_new_file(path: str, content: Readable, key: str, *, mode: int, fsync: bool) -> int:
    """Copy a content into a new file, and return its size.

    An error of the content is raised as it is, one of the disk as a `StorageError`. A content with
    a method ``copy_to(descriptor)`` writes itself, unless that returns False.
    """
    with disk_errors(key):
        descriptor = os.open(path, _CREATE, mode)
    try:
        copy_to = getattr(content, "copy_to", None)
        if copy_to is None or not copy_to(descriptor):
            _write_chunks(descriptor, content, key)
        with disk_errors(key):
            if fsync:
                os.fsync(descriptor)
            return os.fstat(descriptor).st_size
    finally:
        with disk_errors(key):
            os.close(descriptor)


def _write_chunks(descriptor: int, content: Readable, key: str) -> None:
    while chunk := content.read(CHUNK):
        with disk_errors(key):
            _write_all(descriptor, chunk)


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


class LinksUnsupported(Exception):
    """The file system has no hard links, or no more of them for this file."""


# Linux raises EPERM for FAT and for a file of another user, FUSE raises ENOSYS. EMLINK says that a
# file has as many links as it can have, and EXDEV that the file is on another file system.
_NO_LINKS = frozenset(
    {errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV}
)


def link(path: str, new_path: str) -> None:
    """Add a name for a file. Raises `FileExistsError` or `LinksUnsupported`."""
    try:
        os.link(path, new_path)
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise LinksUnsupported from error
        raise


def rename_new(path: str, new_path: str) -> None:
    """Rename a file. Raises `FileExistsError` if the caller's lock keeps other writers away."""
    if os.path.lexists(new_path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_path)
    os.rename(path, new_path)


def make_folder(folder: str, mode: int | None) -> None:
    """Create a folder and the missing ones above it, each with the mode.

    `os.makedirs` gives the mode to the last one only, and fails if another process removes one
    of them meanwhile.
    """
    absent = []
    while not os.path.isdir(folder):
        absent.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(absent):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
            if mode is not None:
                os.chmod(path, mode)


def make_folder_like_parent(folder: str) -> None:
    """Create a folder with the owner, group and mode of its parent, if it is missing.

    A command of root may be the first to need it, and the web server must be able to use it.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        parent = os.stat(os.path.dirname(folder))
        with contextlib.suppress(OSError, AttributeError):
            os.chown(folder, parent.st_uid, parent.st_gid)
        os.chmod(folder, modes.S_IMODE(parent.st_mode))


def share_group(path: str, folder: str) -> None:
    """Change the group of a file to that of a folder, if that is allowed."""
    group = os.stat(folder).st_gid
    if hasattr(os, "chown") and os.stat(path).st_gid != group:
        with contextlib.suppress(PermissionError):
            os.chown(path, -1, group)


def prune(folder: str, root: str) -> None:
    """Remove empty folders, from this one up to the root, which stays."""
    while len(folder) > len(root):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:  # It is not empty.
            return
        folder = os.path.dirname(folder)


def remove_empty_folder(folder: str) -> None:
    """Remove a folder, if it is one and nothing is in it."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def unlink(path: str) -> bool:
    """Remove a file, and return whether there was one."""
    try:
        os.unlink(path)
    except MISSING_ERRORS:
        return False
    except OSError:
        # For a folder some systems raise PermissionError, others IsADirectoryError.
        if os.path.isdir(path):
            return False
        raise
    return True


def remove_tree(root: str) -> int:
    """Remove a folder with everything in it, and return the number of files.

    A file that is written meanwhile may stay, and its folder with it.
    """
    removed = 0
    if os.path.islink(root):
        return removed
    folders = [root]
    for folder in folders:  # which grows, because the depth of a tree may exceed Python's stack
        for entry in _list_folder(folder):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                removed += unlink(entry.path)
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return removed


def _list_folder(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder; none if there is no such folder."""
    try:
        with os.scandir(folder) as scan:
            return list(scan)
    except MISSING_ERRORS:
        return []


def walk(root: str, prefix: str, begin: str, skip: str = "") -> Iterator[Entry]:
    """Yield the files below a folder, from those of its entries that begin with ``begin``.

    Links are neither listed nor followed.

    Args:
        root: the folder.
        prefix: what stands before each key.
        begin: how the names of entries of the root begin.
        skip: the name of an entry of the root to leave out.
    """
    waiting = [(root, prefix)]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            scan = os.scandir(folder)
        except MISSING_ERRORS:
            continue
        with scan:
            for entry in scan:
                at_root = folder == root
                if at_root and (not entry.name.startswith(begin) or entry.name == skip):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
                elif entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(*MISSING_ERRORS):
                        found = entry.stat(follow_symlinks=False)
                        key = f"{prefix}{entry.name}"
                        yield Entry(key, found.st_size, modified_at(found))


def modified_at(found: os.stat_result) -> datetime:
    """Return the time of the last write, in UTC."""
    return datetime.fromtimestamp(found.st_mtime, UTC)
