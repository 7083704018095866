"""Uploads in parts to a local disk: a folder of files, which become one when all are there.

The folder is among the temporary files of the storage, so that parts of an upload that is never
completed are removed with them. Its name is the id of the upload, and has the key in it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shift_media.storages import filesystem
from shift_media.storages.filesystem import disk_errors
from shift_media.storages.multipart import (
    DifferingPart,
    NoSuchUpload,
    PresignedUpload,
    StoredPart,
    Unfinished,
)
from shift_media.storages.streams import CHUNK, Readable

_KEY_FILE: Final = "key"
"""The name of the file in the folder of an upload that has its key."""


class MultipartFolder(Protocol):
    """A storage in a folder, as uploads in parts use it."""

    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write a content, all of it or nothing."""

    def make_temporary_folder(self) -> str:
        """Return the path of the folder of temporary files, which is made if it is missing."""


@dataclass(frozen=True, slots=True)
class DiskMultipart:
    """The uploads in parts of a folder."""

    storage: MultipartFolder

    def begin(self, key: str, *, content_type: str) -> str:
        """Make the folder of an upload; the key's extension is its type."""
        upload_id = uuid.uuid4().hex
        with disk_errors(key):
            folder = os.path.join(self.storage.make_temporary_folder(), upload_id)
            filesystem.make_folder_like_parent(folder)
            with open(os.path.join(folder, _KEY_FILE), "x", encoding="utf-8") as file:
                file.write(key)
        return upload_id

    def sign(
        self, key: str, upload_id: str, number: int, *, size: int, md5: str, seconds: int
    ) -> PresignedUpload | None:
        """Return None, because the app takes the parts."""
        return None

    def put_part(
        self, key: str, upload_id: str, number: int, content: Readable, *, size: int, md5: str
    ) -> None:
        """Write a part to a file of its own, which gets its name once it is whole."""
        folder = self._folder(key, upload_id)
        temporary = os.path.join(folder, uuid.uuid4().hex)
        checked = _CheckedPart(content, size)
        try:
            filesystem.write_new_file(temporary, checked, key, mode=0o600, fsync=False)
            if checked.left or checked.md5 != (md5 or checked.md5):
                raise DifferingPart(f"Part {number} of {key!r} is not the announced one.")
            with disk_errors(key), _while_there(key):
                os.replace(temporary, os.path.join(folder, f"{number:05d}"))
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def parts(self, key: str, upload_id: str) -> Mapping[int, StoredPart]:
        """Return the sizes of the parts."""
        folder = self._folder(key, upload_id)
        with disk_errors(key), _while_there(key):
            return {
                int(entry.name): StoredPart(entry.stat().st_size)
                for entry in os.scandir(folder)
                if entry.name.isdigit() and len(entry.name) == len("00001")
            }

    def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart]) -> bool:
        """Write the parts into one file, and remove them."""
        folder = self._folder(key, upload_id)
        paths = [os.path.join(folder, f"{number:05d}") for number in sorted(parts)]
        size = sum(part.size for part in parts.values())
        with _while_there(key):
            written = self.storage.put(key, _Parts(paths), content_type="", size=size)
        self.abort(key, upload_id)
        return written

    def abort(self, key: str, upload_id: str) -> None:
        """Remove the folder; an upload that is not there is no error."""
        with contextlib.suppress(NoSuchUpload), disk_errors(key):
            filesystem.remove_tree(self._folder(key, upload_id))

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the uploads whose folder is there."""
        with disk_errors(""):
            root = self.storage.make_temporary_folder()
            for entry in list(os.scandir(root)):
                path = os.path.join(entry.path, _KEY_FILE)
                with contextlib.suppress(*filesystem.MISSING_ERRORS), open(path) as file:
                    begun = filesystem.modified_at(os.fstat(file.fileno()))
                    yield Unfinished(file.read(), entry.name, begun)

    def _folder(self, key: str, upload_id: str) -> str:
        """Return the folder of an upload; raise `NoSuchUpload` if it is not that of the key."""
        if len(upload_id) == 32 and upload_id.isalnum():
            folder = os.path.join(self.storage.make_temporary_folder(), upload_id)
            with _while_there(key), open(os.path.join(folder, _KEY_FILE)) as file:
                if file.read() == key:
                    return folder
        raise _no_such_upload(key)


@contextlib.contextmanager
def _while_there(key: str) -> Iterator[None]:
    try:
        yield
    except filesystem.MISSING_ERRORS as error:
        raise _no_such_upload(key) from error


def _no_such_upload(key: str) -> NoSuchUpload:
    return NoSuchUpload(f"There is no unfinished upload of {key!r}.")


class _CheckedPart:
    """The content of a part, which is read no further than it may be."""

    def __init__(self, content: Readable, size: int) -> None:
        self._content = content
        self._digest = hashlib.md5(usedforsecurity=False)
        self.left = size

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, and one more than announced at the end."""
        chunk = self._content.read(min(size, max(self.left, 0) + 1))
        self.left -= len(chunk)
        self._digest.update(chunk)
        return b"" if self.left < 0 else chunk

    @property
    def md5(self) -> str:
        """The MD5 of what was read, in base64."""
        return base64.b64encode(self._digest.digest()).decode()


class _Parts:
    """Several files as one content."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._chunks = _read_all(paths)

    def read(self, size: int, /) -> bytes:
        """Return the next chunk; none at the end."""
        return next(self._chunks, b"")


def _read_all(paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
