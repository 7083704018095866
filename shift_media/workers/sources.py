"""Originals as open files that a worker can read: the file itself, or a copy in memory."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from django.core.files.base import File

from shift_media.core.faults import translated_faults
from shift_media.core.streams import FileView
from shift_media.imaging.formats.base import read_at

_CHUNK: Final = 1 << 20
"""Bytes that are copied at once."""

_WRAPPERS: Final = (File, FileView, tempfile._TemporaryFileWrapper)
"""Objects whose ``file`` has the same bytes at the same positions."""


@dataclass(frozen=True, slots=True)
class SharedSource:
    """An original that a worker can read.

    Attributes:
        descriptor: of an open file.
        size: of the original in bytes.
        available: how many bytes from its beginning the file has.
    """

    descriptor: int
    size: int
    available: int


@contextmanager
def shared(source: BinaryIO, available: int | None = None) -> Iterator[SharedSource]:
    """Open an original as a file for a worker.

    ``available`` bytes from its beginning suffice; None for all. A file of this machine is opened
    anew, for reading alone. Anything else is copied.
    """
    size = source.seek(0, os.SEEK_END)
    available = size if available is None else min(available, size)
    with translated_faults():
        descriptor = _open_again(source, available, size)
        if descriptor is None:
            if available == size:
                # A storage that has promised more bytes notices it here.
                read_at(source, size, 1)
            descriptor = _copy(source, available)
    try:
        yield SharedSource(descriptor, size, available)
    finally:
        os.close(descriptor)


def _copy(source: BinaryIO, length: int) -> int:
    """Return the descriptor of a file in memory with the first bytes of a source."""
    descriptor = os.memfd_create("shift_media-original")
    try:
        for start in range(0, length, _CHUNK):
            rest = memoryview(read_at(source, start, min(_CHUNK, length - start)))
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_again(source: Any, available: int, size: int) -> int | None:
    """Return a new descriptor of the file that a source reads; None if that has too few bytes."""
    needed = available
    while isinstance(source, _WRAPPERS):
        if isinstance(source, FileView) and available == size:
            needed = max(needed, source.size)
        source = source.file
    if not isinstance(source, io.BufferedReader | io.BufferedRandom):
        return None
    if not isinstance(source.raw, io.FileIO):
        return None
    source.flush()
    if os.fstat(source.fileno()).st_size < needed:
        return None
    try:
        # A duplicate would be as writable as the server's own.
        return os.open(f"/proc/self/fd/{source.fileno()}", os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return None
