"""The folder that the processes of a host share, and the cache that all hosts share.

Either may be missing or fail. Then a resize may be made twice, and no answer is wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.core.cache import BaseCache, caches
from django.core.signals import setting_changed

from shift_media.conf import settings
from shift_media.core.errors import MediaError

logger = logging.getLogger("shift_media")

_LOCAL_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")

_PAUSE_SECONDS = 10
"""Seconds without calls to a shared cache that failed, because each call may be a timeout."""

_down_until: dict[str, float] = {}
"""The monotonic time until which a cache is not called, by its alias."""


def host_folder() -> Path | None:
    """Return the folder that this user's processes on this host share; create it if missing.

    Returns None, and logs a warning, if the folder does not belong to this user alone (mode 0700):
    in a folder that others can write to, they could hold locks and plant files.
    """
    uid = os.getuid() if hasattr(os, "getuid") else 0
    folder = settings.LOCK_DIR or Path(tempfile.gettempdir()) / f"shift_media-{uid}"
    try:
        status = ensure_folder(folder)
    except OSError as error:
        warn_unusable(folder, error)
        return None
    private = os.name == "nt" or (status.st_uid == uid and not status.st_mode & 0o077)
    if not stat.S_ISDIR(status.st_mode) or not private:
        _warn_once(
            f"The lock folder {folder} is not a folder of this user alone (mode 0700). Set "
            'SHIFT_MEDIA["LOCK_DIR"] to one that is. Resizes may be made twice.'
        )
        return None
    return folder


def warn_unusable(folder: Path, error: Exception) -> None:
    """Log that the lock folder cannot be used, once in this process for each kind of error."""
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    _warn_once(
        f"The lock folder {folder} cannot be used: {reason}. Resizes may be made twice. Set "
        'SHIFT_MEDIA["LOCK_DIR"] to a folder on a local disk that this user can write to.'
    )


def ensure_folder(folder: Path) -> os.stat_result:
    """Return the status of a folder, without following links; create it if missing."""
    try:
        return folder.lstat()  # one system call in the usual case
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.lstat()


@lru_cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def shared_cache() -> BaseCache | None:
    """Return the cache that all hosts share; None if it lives in one process or failed lately."""
    if settings.CACHE is None or time.monotonic() < _down_until.get(settings.CACHE, 0):
        return None
    cache = caches[settings.CACHE]
    backend = f"{type(cache).__module__}.{type(cache).__qualname__}"
    return None if backend.endswith(_LOCAL_CACHES) else cache


def digest(*parts: str) -> str:
    """Return a name of 40 hex digits for a lock or a cache entry, fit for files and caches."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


@contextlib.contextmanager
def suppress_cache_errors() -> Iterator[None]:
    """Log an error of the shared cache and stop using it for `_PAUSE_SECONDS`.

    All exceptions count, because each cache client raises its own.
    """
    try:
        yield
    except MediaError:
        raise
    except Exception as error:
        _down_until[settings.CACHE or ""] = time.monotonic() + _PAUSE_SECONDS
        logger.warning(
            "The shared cache failed and is not used for %d s: %s: %s",
            _PAUSE_SECONDS,
            type(error).__name__,
            error,
        )


def _forget_failures(*, setting: str, **kwargs: object) -> None:
    if setting in ("CACHES", "SHIFT_MEDIA"):
        _down_until.clear()


setting_changed.connect(_forget_failures, dispatch_uid="shift_media.concurrency.shared")
