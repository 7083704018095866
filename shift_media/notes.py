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
import threading
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
_MOST_IN_PROCESS = 10_000
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
        facts = _made_folder(folder)
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


def _made_folder(folder: Path) -> os.stat_result:
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


class Notes:
    """Notes of one kind, forgotten after ``seconds``."""

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind = kind
        self.seconds = seconds
        self._memory: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def write(self, about: str, text: str) -> None:
        """Remember a text about a key."""
        name, folder = digest(self.kind, about), self._folder
        if folder is None or not self._write_file(folder / name, text):
            self._remember(name, text)
        cache = shared_cache()
        if cache is not None:
            with cache_failures():
                cache.set(f"shift_media:{self.kind}:{name}", text, int(self.seconds))

    def read(self, about: str) -> str | None:
        """Recall the text about a key, or None when there is none that is young enough."""
        name = digest(self.kind, about)
        text = self._read_file(name) or self._recall(name)
        cache = shared_cache() if text is None else None
        if cache is not None:
            with cache_failures():
                found: str | None = cache.get(f"shift_media:{self.kind}:{name}")
                return found
        return text

    def forget(self, about: str) -> None:
        """Drop what is remembered about a key."""
        name = digest(self.kind, about)
        with self._lock:
            self._memory.pop(name, None)
        folder = self._folder
        if folder is not None:
            with contextlib.suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        cache = shared_cache()
        if cache is not None:
            with cache_failures():
                cache.delete(f"shift_media:{self.kind}:{name}")

    @property
    def _folder(self) -> Path | None:
        folder = host_folder()
        if folder is None:
            return None
        folder = folder / self.kind
        _made_folder(folder)
        return folder

    def _write_file(self, path: Path, text: str) -> bool:
        draft = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
        try:
            self._sweep(path.parent)
            draft.write_text(text)
            draft.replace(path)
        except OSError as error:
            logger.warning("A note could not be written: %s", error)
            draft.unlink(missing_ok=True)
            return False
        return True

    def _read_file(self, name: str) -> str | None:
        folder = self._folder
        if folder is None:
            return None
        path = folder / name
        try:
            if time.time() - path.stat().st_mtime > self.seconds:
                return None
            return path.read_text()
        except OSError:
            return None

    def _sweep(self, folder: Path) -> None:
        """Remove what is too old, at most once in the time that a note lives."""
        mark, now = folder / ".swept", time.time()
        if mark.exists() and now - mark.stat().st_mtime < self.seconds:
            return
        mark.touch()
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                if path != mark and now - path.stat().st_mtime > self.seconds:
                    path.unlink()

    def _remember(self, name: str, text: str) -> None:
        with self._lock:
            if len(self._memory) >= _MOST_IN_PROCESS:
                self._memory.clear()
            self._memory[name] = (time.monotonic(), text)

    def _recall(self, name: str) -> str | None:
        with self._lock:
            written, text = self._memory.get(name, (float("-inf"), ""))
        return text if time.monotonic() - written <= self.seconds else None


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


setting_changed.connect(_try_again, dispatch_uid="shift_media.notes")
