"""Failures of the machine, which say nothing about the file that was being read."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shift_media.core.errors import MediaError, OutOfResources

_NUMBERS: Final = frozenset(
    (errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE)
)
"""No memory, no space on the disk, and no more open files."""
_TEXTS: Final = re.compile(
    r"out of memory|cannot allocate memory|unable to allocate|can't start new thread"
    r"|unable to create thread|resource temporarily unavailable|encoding error [12]\b",
    re.IGNORECASE,
)
"""How libraries say it in an error of another kind; libwebp's encoder by number."""


def as_fault(error: BaseException) -> OutOfResources | None:
    """Return the error for a failure of the machine; None for any other error."""
    is_fault = (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in _NUMBERS)
        or (isinstance(error, Exception) and _TEXTS.search(str(error)) is not None)
    )
    if isinstance(error, MediaError) or not is_fault:
        return None
    return OutOfResources(
        f"The machine failed with {type(error).__name__}: {error}. Give its processes more memory "
        'or disk space, or lower SHIFT_MEDIA["CONCURRENCY"].'
    )


@contextmanager
def translated_faults() -> Iterator[None]:
    """Raise `OutOfResources` in place of a failure of the machine."""
    try:
        yield
    except Exception as error:
        fault = as_fault(error)
        if fault is None:
            raise
        raise fault from error
