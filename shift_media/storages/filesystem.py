"""What `LocalMediaStorage` does to files and folders, apart from keys and options."""

from __future__ import annotations

import contextlib
import io
import os
import stat as modes
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from shift_media.core.errors import MediaError, StorageError
from shift_media.storages.base import Entry
from shift_media.storages.streams import CHUNK, Readable, Source

GONE = (FileNotFoundError, NotADirectoryError)

# Without waiting: an open of a named pipe would block for ever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class DiskSource(Source):
    """A stored file; unlike other sources it can be read from any position."""

    _stream: BinaryIO

    def seekable(self) -> bool:
        """Say that it can be read from any position."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position."""
        self._position = self._stream.seek(offset, whence)
        return self._position

    def fileno(self) -> int:
        """Give the descriptor, for ``sendfile``."""
        return self._stream.fileno()


@contextlib.contextmanager
def disk_errors(key: str) -> Iterator[None]:
    """Turn what the file system refuses (a full disk, a read-only one) into `StorageError`."""
    try:
        yield
    except MediaError:
        raise
    except OSError as error:
        raise StorageError(f"The disk refused {key!r}: {error}.") from error


def open_source(path: str, key: str) -> DiskSource | None:
    """Open a regular file for reading; None where there is none."""
    try:
        descriptor = os.open(path, _READ)
    except GONE:
        return None
    found = os.fstat(descriptor)
    if not modes.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    return DiskSource(os.fdopen(descriptor, "rb"), found.st_size, key, disk_errors)


def write_new(path: str, content: Readable, key: str, *, mode: int, fsync: bool) -> int:
    """Copy content into a new file and return its size.

    An error of the content stays what it is; one of the disk becomes a `StorageError`.
    """
    size = 0
    with disk_errors(key):
        descriptor = os.open(path, _CREATE, mode)
    try:
        while chunk := content.read(CHUNK):
            with disk_errors(key):
                _write_all(descriptor, chunk)
            size += len(chunk)
        if fsync:
            with disk_errors(key):
                os.fsync(descriptor)
    finally:
        with disk_errors(key):
            os.close(descriptor)
    return size


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def make_folder(folder: str, mode: int | None) -> None:
    """Make a folder and those above it, each with the mode.

    `os.makedirs` gives the mode to the last one only, and fails when another process removes one
    while it looks.
    """
    lacking = []
    while not os.path.isdir(folder):
        lacking.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(lacking):
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
            if mode is not None:
                os.chmod(path, mode)


def make_folder_like_parent(folder: str) -> None:
    """Make a folder that belongs to whom its parent belongs, whoever comes first to need it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
        parent = os.stat(os.path.dirname(folder))
        with contextlib.suppress(OSError, AttributeError):
            os.chown(folder, parent.st_uid, parent.st_gid)
        os.chmod(folder, modes.S_IMODE(parent.st_mode))


def share_group(path: str, folder: str) -> None:
    """Give a file the group of a folder, where that is allowed."""
    group = os.stat(folder).st_gid
    if hasattr(os, "chown") and os.stat(path).st_gid != group:
        with contextlib.suppress(PermissionError):
            os.chown(path, -1, group)


def prune(folder: str, root: str) -> None:
    """Remove empty folders from this one up to the root, which stays; one in use refuses."""
    while len(folder) > len(root):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = os.path.dirname(folder)


def unlink(path: str) -> bool:
    """Remove a file, and tell whether there was one."""
    try:
        os.unlink(path)
    except GONE:
        return False
    except OSError:
        # Some systems say PermissionError, others IsADirectoryError, of a folder.
        if os.path.isdir(path):
            return False
        raise
    return True


def remove_tree(root: str) -> int:
    """Remove a folder with all that lies in it, and return how many files that were.

    A file that arrives meanwhile may stay, and its folder with it.
    """
    removed = 0
    if os.path.islink(root):
        return removed
    for folder, folders, files in os.walk(root, topdown=False, onerror=_unless_gone):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        removed += sum(unlink(os.path.join(folder, name)) for name in [*files, *links])
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return removed


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, GONE):
        raise error


def walk(root: str, prefix: str, begin: str, skip: str = "") -> Iterator[Entry]:
    """List the files below a folder whose names there begin so; links are not followed."""
    try:
        scan = os.scandir(root)
    except GONE:
        return
    with scan:
        for entry in scan:
            if not entry.name.startswith(begin) or entry.name == skip:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path, f"{prefix}{entry.name}/", "")
            elif entry.is_file(follow_symlinks=False):
                with contextlib.suppress(*GONE):
                    found = entry.stat(follow_symlinks=False)
                    yield Entry(f"{prefix}{entry.name}", found.st_size, modified(found))


def modified(found: os.stat_result) -> datetime:
    """Read the time of the last write, in UTC."""
    return datetime.fromtimestamp(found.st_mtime, UTC)
