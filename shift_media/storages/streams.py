"""Reading what is stored: once, from the beginning, and surely to its end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol, Self, cast

from django.core.files.base import File

from shift_media.core.errors import SourceTruncated, StorageError
from shift_media.core.streams import FileView, SeekableReader

CHUNK = 1 << 20
"""Bytes read and written at a time."""

_SPOOL_BYTES = 16_000_000
"""The size up to which an original is held in memory; a larger one goes to a temporary file."""

ErrorTranslation = Callable[[str], AbstractContextManager[None]]
"""Makes of a key a context that turns the errors of a stream into a `MediaError`."""


class Readable(Protocol):
    """The least that a content needs: ``read(n)`` returns bytes, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""


def untranslated(key: str) -> AbstractContextManager[None]:
    """Return a context that leaves errors as they are."""
    return contextlib.nullcontext()


class Source(io.BufferedIOBase):
    """A stored file, read once and forwards; an end that comes early is an error.

    Raises `SourceTruncated` when the stream ends before ``size`` bytes.

    Args:
        stream: gives the bytes; closed with the source.
        size: how many bytes the storage promises.
        key: for messages.
        errors: the translation of the errors that the stream raises.
    """

    def __init__(
        self, stream: BinaryIO, size: int, key: str, errors: ErrorTranslation = untranslated
    ) -> None:
        self.size = size
        self._stream = stream
        self._key = key
        self._errors = errors
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return exactly so many bytes, by default all that are left; fewer only at the end."""
        # One byte more than is left, so that the end of the stream is reached and checked.
        wanted = self.size - self._position + 1 if size is None or size < 0 else size
        parts = []
        while wanted > 0 and (part := self._read_chunk(min(wanted, CHUNK))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        """Return so many bytes, by default one chunk."""
        return self.read(CHUNK if size < 0 else size)

    def close(self) -> None:
        """Close the source and its stream."""
        if not self.closed:
            self._stream.close()
        super().close()

    def _read_chunk(self, size: int) -> bytes:
        with self._errors(self._key):
            part = self._stream.read(size)
        self._position += len(part)
        if not part and self._position < self.size:
            raise SourceTruncated(
                f"{self._key!r} ended after {self._position} of {self.size} bytes."
            )
        return part


class SeekableSource(Source, FileView):
    """A source whose stream is seekable, so that it can be read from any position.

    A storage that serves its own files needs these sources, to answer requests for ranges.
    """

    @property
    def file(self) -> BinaryIO:
        """The stream."""
        return self._stream

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position, and return it."""
        self._position = self._stream.seek(offset, whence)
        return self._position


class HashedSource(Source):
    """A source whose bytes must have the SHA-256 that was stored with them.

    Raises `StorageError` at the end if they do not. ``sha256=""`` means that none was stored.
    """

    def __init__(
        self,
        stream: BinaryIO,
        size: int,
        key: str,
        sha256: str,
        errors: ErrorTranslation = untranslated,
    ) -> None:
        super().__init__(stream, size, key, errors)
        self._sha256 = sha256
        self._digest = hashlib.sha256()

    def _read_chunk(self, size: int) -> bytes:
        part = super()._read_chunk(size)
        if self._sha256:
            self._digest.update(part)
            if self._position == self.size and self._digest.hexdigest() != self._sha256:
                raise StorageError(f"{self._key!r} has another SHA-256 than when it was stored.")
        return part


class SeekableStream(SeekableReader, FileView):
    """A stream of known size as a seekable file, which is read no further than it must be.

    The bytes that were received are kept, in a file that a worker process can read. Raises
    `SourceTruncated` if the stream ends before a byte that was asked for.

    Args:
        stream: gives the bytes; closed by the caller that opened it.
        size: how many bytes it promises.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__(size)
        self.received = 0
        self._stream = stream
        self._spool = _open_spool(size)

    @property
    def file(self) -> BinaryIO:
        """The file with the bytes that were received."""
        return self._spool

    def require(self, length: int) -> None:
        """Receive at least the first ``length`` bytes.

        With all the promised bytes, the end of the stream is checked too: one that holds more
        bytes, or others than the storage knows of, is refused here or by the stream.
        """
        self._spool.seek(self.received)
        while self.received < length and self._receive(length - self.received):
            pass
        ended = length >= self.size and not self._receive(1)
        if self.received < length or (length >= self.size and not ended):
            raise SourceTruncated(
                f"{self.received} of {self.size} bytes arrived from the storage."
            )

    def close(self) -> None:
        """Discard the received bytes."""
        self._spool.close()
        super().close()

    def _read_at(self, position: int, length: int) -> bytes:
        self.require(position + length)
        self._spool.seek(position)
        return self._spool.read(length)

    def _receive(self, most: int) -> int:
        chunk = self._stream.read(min(most, CHUNK))
        self._spool.write(chunk)
        self.received += len(chunk)
        return len(chunk)


def _open_spool(size: int) -> BinaryIO:
    """Return an empty file for so many bytes: in memory, unless they are many."""
    if size > _SPOOL_BYTES:
        return cast(BinaryIO, tempfile.TemporaryFile())
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("shift_media-original"), "w+b")
    return io.BytesIO()


class StoredFile(File):  # type: ignore[type-arg]  # Django has no generics at run time
    """A stored file that can be opened again after it was closed, as a local file can.

    Args:
        file: the open file.
        name: its key.
        reopen: called without arguments to open the file again.
        mode: the mode in which it was opened.
    """

    def __init__(self, file: Any, name: str, reopen: Callable[[], Any], mode: str = "rb") -> None:
        super().__init__(file, name)
        self._reopen = reopen
        self.mode = mode

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Self:
        """Go to the beginning; open the file again if it is closed."""
        if self.closed:
            self.file = self._reopen()
        else:
            self.seek(0)
        return self


def in_mode(file: Any, mode: str) -> Any:
    """Return an open file as Django opens it: bytes for ``"rb"``, else UTF-8 text."""
    return file if "b" in mode else io.TextIOWrapper(file, encoding="utf-8")
