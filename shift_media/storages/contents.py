"""Contents that are to be stored: files of Django, responses, anything with a ``read()``."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, Any, cast

from django.core.files.base import File

from shift_media.storages.streams import CHUNK, Readable

_SPOOL_BYTES = 2 << 20
"""The size up to which a content that cannot seek is held in memory; a larger one is on disk."""


def as_binary(content: File[Any]) -> Readable:
    """Return a content from its beginning, as bytes; a text as its UTF-8.

    Only ``read()`` is certain: a response of an HTTP client can neither seek nor tell its size.
    """
    with contextlib.suppress(AttributeError, io.UnsupportedOperation):
        content.seek(0)
    if isinstance(getattr(content, "file", content), io.TextIOBase):
        return File(io.BytesIO(content.read().encode()))
    return content if can_seek(content) else _Stream(content)


class _Stream:
    """A content that can only be read; it may return text."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        if not self._rest:
            part = self._content.read(size)
            self._rest = part.encode() if isinstance(part, str) else bytes(part)
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


def can_seek(content: Any) -> bool:
    """Return True if a content can be read again from its beginning."""
    try:
        return bool(content.seekable())
    except (AttributeError, ValueError):
        return False


def known_size(content: Any) -> int | None:
    """Return the size that a content says it has; None if it says none."""
    try:
        return int(content.size) if can_seek(content) else None
    except (AttributeError, io.UnsupportedOperation):
        return None


@contextlib.contextmanager
def spooled(content: Readable) -> Iterator[IO[bytes]]:
    """Open a content so that it can be read again: itself, or a temporary copy."""
    if can_seek(content):
        yield cast("IO[bytes]", content)
        return
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        shutil.copyfileobj(cast("IO[bytes]", content), spool, CHUNK)
        spool.seek(0)
        yield cast("IO[bytes]", spool)
