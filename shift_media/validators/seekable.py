"""Files of any origin as files of bytes that can be read more than once."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast

from django.core.files.base import File

from shift_media.validators.errors import too_large

CHUNK: Final = 1 << 20  # bytes read at once
_IN_MEMORY: Final = 2 << 20  # bytes of a copied file that are kept in memory; more go to disk


def seekable(content: Any, max_bytes: int | None = None) -> File[Any]:
    """Return a file of bytes that can be read again from its beginning.

    Text is encoded as UTF-8. A stream, such as an open response, is copied to a temporary file;
    `InvalidMedia` is raised as soon as more than ``max_bytes`` were read.
    """
    file: File[Any] = content if isinstance(content, File) else File(content)
    if file.closed:
        file.open()
    if isinstance(cast("object", file.file), io.TextIOBase):
        file.seek(0)
        return File(io.BytesIO(file.read().encode()), file.name)
    return file if file.seekable() else _copied(file, max_bytes)


def byte_length(file: File[Any] | BinaryIO) -> int:
    """Return the length in bytes, by seeking: a client or a header may announce another one."""
    file.seek(0, io.SEEK_END)
    return file.tell()


def remembered(
    file: File[Any], attribute: str, cause: tuple[object, ...], make: Callable[[], Any]
) -> Any:
    """Return what ``make`` returns for a file, kept on it until its cause is another one.

    Form, ``full_clean()`` and saving together then read, decode or encode a file once.
    """
    cached = getattr(file, attribute, None)
    if cached is None or cached[0] != cause:
        cached = (cause, make())
        setattr(file, attribute, cached)
    return cached[1]


class _TemporaryCopy(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that closes itself, because the caller of `seekable` does not know it."""

    def __del__(self) -> None:
        self.close()


def _copied(file: File[Any], max_bytes: int | None) -> File[Any]:
    copy = _TemporaryCopy(max_size=_IN_MEMORY)
    size = 0
    while chunk := file.read(CHUNK):
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            copy.close()
            raise too_large(size, max_bytes)
        copy.write(chunk)
    return File(cast("Any", copy), file.name)
