"""Short-lived notes that the processes of a host share, and all hosts where the cache is shared.

They say what was made a moment ago and what has failed, so that neither is done again. Losing a
note costs a resize made twice, never a wrong answer.
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
_PAUSE = 10
"""Seconds that a shared cache is left alone after a failure, each of which may be a timeout."""

_down_until: dict[str, float] = {}


def host_folder() -> Path | None:
    """Return the folder that this user's processes on this host share, made 0700 when missing.

    None, with a warning in the log, where there is no such folder that is ours alone.
    """
    uid = os.getuid() if hasattr(os, "getuid") else 0
    folder = settings.LOCK_DIR or Path(tempfile.gettempdir()) / f"shift_media-{uid}"
    try:
        facts = made_folder(folder)
    except OSError as error:
        _warn_once(f"No lock folder: {error}. Resizes may be made twice.")
        return None
    private = os.name == "nt" or (facts.st_uid == uid and not facts.st_mode & 0o077)
    if not stat.S_ISDIR(facts.st_mode) or not private:
        _warn_once(
            f"The lock folder {folder} is not a folder of this user alone (mode 0700). Set "
            'SHIFT_MEDIA["LOCK_DIR"] to one that is. Resizes may be made twice.'
        )
        return None
    return folder


def made_folder(folder: Path) -> os.stat_result:
    """Make a folder where it is missing, which it hardly ever is."""
    try:
        return folder.lstat()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.lstat()


@lru_cache
def _warn_once(message: str) -> None:
    logger.warning(message)


def shared_cache() -> BaseCache | None:
    """Return the cache that all hosts share; None where it lives in one process, or failed."""
    if settings.CACHE is None or time.monotonic() < _down_until.get(settings.CACHE, 0):
        return None
    cache = caches[settings.CACHE]
    backend = f"{type(cache).__module__}.{type(cache).__qualname__}"
    return None if backend.endswith(_LOCAL_CACHES) else cache


def digest(*parts: str) -> str:
    """Name a note or a lock after what it is about, in 40 safe characters."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


@contextlib.contextmanager
def cache_failures() -> Iterator[None]:
    """Go on without the shared cache when it fails: each cache client raises errors of its own."""
    try:
        yield
    except MediaError:
        raise
    except Exception as error:
        _down_until[settings.CACHE or ""] = time.monotonic() + _PAUSE
        logger.warning(
            "The shared cache failed, and is left alone for %d s: %s: %s",
            _PAUSE,
            type(error).__name__,
            error,
        )


def _try_again(*, setting: str, **kwargs: object) -> None:
    if setting in ("CACHES", "SHIFT_MEDIA"):
        _down_until.clear()


setting_changed.connect(_try_again, dispatch_uid="shift_media.concurrency.shared")
