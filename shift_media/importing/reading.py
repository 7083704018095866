"""Reading of files in storages of any kind, whose errors are not known."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File

from shift_media.core.errors import MediaError, NotStored, StorageError
from shift_media.storages.server_copy import ServerCopy
from shift_media.storages.streams import CHUNK, SeekableStream


class UnusableName(MediaError):
    """An old name that cannot be imported, because of its length or its characters."""

    code = "invalid_name"


def digest(file: Any) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file, from its beginning."""
    file.seek(0)
    size, found = 0, hashlib.sha256()
    while chunk := file.read(CHUNK):
        size += len(chunk)
        found.update(chunk)
    return size, found.hexdigest()


@contextlib.contextmanager
def name_errors(name: str) -> Iterator[None]:
    """Turn what a storage raises for a name, such as one that leads out of it."""
    try:
        yield
    except (MediaError, OSError):
        raise
    except (SuspiciousOperation, ValueError) as error:
        raise UnusableName(f"{name!r} is not the name of a file: {error}") from error


@contextlib.contextmanager
def storage_errors(name: str) -> Iterator[None]:
    """Turn what a storage raises for a file into a `MediaError`.

    The storage may be anybody's, so that its errors are not known.
    """
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise NotStored(f"The file {name!r} is missing.") from error
    except Exception as error:
        raise StorageError(f"{name!r} cannot be read: {type(error).__name__}: {error}") from error


def begin_copy(target: Any, storage: Any, name: str, link: bool = False) -> ServerCopy | None:
    """Return a copy of an old file that is made on the server; None if it has to be read."""
    # A storage of a third party may have the methods without the base class.
    begin = getattr(target, "begin_copy", None)
    return None if begin is None else begin(storage, name, link=link)


def open_old(
    storage: Any, name: str, server_copy: ServerCopy | None, stack: contextlib.ExitStack
) -> File[Any]:
    """Open an old file until the stack ends; by the copy, if there is one, in its version."""
    if server_copy is None:
        opened: File[Any] = stack.enter_context(storage.open(name, "rb"))
        return opened
    stream = stack.enter_context(server_copy.open())
    if not stream.seekable():
        stream = stack.enter_context(SeekableStream(stream, server_copy.size))
    return File(stream, name)
