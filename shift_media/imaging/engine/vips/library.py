"""libvips itself: when it can be used, how it reads a file, and its errors as ours.

The loaders and `write_to_memory` have threads of libvips do their work, which a forked process has
not, so that it would wait for them for ever. Pillow decodes in a process that was forked after
libvips was used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO, Final, TypeVar

from shift_media.core.errors import MediaError, MissingExtra, Undecodable
from shift_media.core.faults import as_fault

_Made = TypeVar("_Made")

_MAX_IN_MEMORY: Final = 4_000_000
"""Bytes of a file that is read at once. A larger one is read in pieces of 4096 bytes, and libvips
calls Python for each, which takes 5 µs."""


class _Process:
    """The state of libvips in this process.

    Attributes:
        is_ours: True if pyvips was first imported here, and so not used by the project before.
        is_used: True once libvips has been used, because it may have threads from then on.
        is_usable: False in a process that was forked after that.
    """

    def __init__(self) -> None:
        self.is_ours = False
        self.is_used = False
        self.is_usable = True

    def note_fork(self) -> None:
        """Record, in a process that was just forked, that libvips cannot be used any more."""
        is_loaded = "pyvips" in sys.modules
        if self.is_used or (is_loaded and not self.is_ours):
            self.is_usable = False


process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.note_fork)


@cache
def is_installed() -> bool:
    """Return True if pyvips is installed, with the library that it needs."""
    try:
        load()
    except MissingExtra:
        return False
    return True


def load() -> ModuleType:
    """Import and return pyvips; raise `MissingExtra` without it.

    Its cache of operations would keep the files of a hundred originals, although none is decoded
    twice. It is turned off, unless the project has loaded pyvips before and may rely on it.
    """
    loaded_before = "pyvips" in sys.modules
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: libvips itself is missing
        instead = 'set SHIFT_MEDIA["ENGINE"] to "auto" or "pillow"'
        raise MissingExtra("pyvips", "vips", instead) from error
    if not loaded_before:
        pyvips.cache_set_max(0)
        process.is_ours = True
    return pyvips  # type: ignore[no-any-return]


def run(file: BinaryIO, work: Callable[[ModuleType, Any], _Made]) -> _Made:
    """Call ``work`` with pyvips and a file as a source of its loaders.

    Raises `Undecodable` for a file that libvips refuses, what reading the file raised, and
    `MissingExtra` without pyvips.
    """
    pyvips = load()
    process.is_used = True
    reader = _Reader(file)
    with translated_errors(pyvips, reader.reraise):
        made = work(pyvips, reader.source(pyvips))
        reader.reraise()
        return made


@contextmanager
def translated_errors(
    pyvips: ModuleType, reraise: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Raise `Undecodable` in place of an error of libvips, or what ``reraise`` raises."""
    try:
        yield
    except pyvips.Error as error:
        reraise()
        fault = as_fault(error)
        if fault is not None:
            raise fault from error
        raise Undecodable(f"The decoder says: {' '.join(str(error).split())}") from error


def in_one_thread(pyvips: ModuleType, image: Any) -> Any:
    """Return an image that is computed by one thread: the limiter counts resizes, not threads."""
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "concurrency", 1)
    return image


class _Reader:
    """A file as libvips reads it; an error is kept, because exceptions cannot pass through C."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: MediaError | None = None

    def source(self, pyvips: ModuleType) -> Any:
        """Return the source that a loader takes."""
        content = self._read(_MAX_IN_MEMORY + 1)
        self.reraise()
        if len(content) <= _MAX_IN_MEMORY:
            return pyvips.Source.new_from_memory(content)
        self._file.seek(0)
        source = pyvips.SourceCustom()
        source.on_read(self._read)
        source.on_seek(self._file.seek)
        return source

    def reraise(self) -> None:
        """Raise the error of reading, if there was one."""
        if self._error is not None:
            raise self._error

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except MediaError as error:
            self._error = error
            return b""
