"""A TTL cache that the processes of a host share, and all hosts where a Django cache is shared.

Entries say what was made a moment ago and what has failed. Losing one costs a resize made twice,
never a wrong answer. docs/decisions/ttl-cache.rst says why this is not one of Django's caches.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from shift_media.concurrency.shared import (
    digest,
    ensure_folder,
    host_folder,
    shared_cache,
    suppress_cache_errors,
    warn_unusable,
)

_MAX_IN_PROCESS = 10_000
"""Entries held in memory where there is no folder; all are dropped when there are more."""


class TTLCache:
    """Short texts by key, each kept for ``seconds``.

    An entry is a file in the host's folder, or in memory where there is none, and also an entry of
    the shared Django cache where there is one.

    Args:
        kind: the name of the folder, which keeps these entries apart from those of other kinds.
        seconds: how long an entry is kept.
    """

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind = kind
        self.seconds = seconds
        self._memory: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def set(self, key: str, text: str) -> None:
        """Store a text under a key."""
        name, folder = digest(self.kind, key), self._folder
        if folder is None or not self._write_file(folder / name, text):
            self._set_in_memory(name, text)
        cache = shared_cache()
        if cache is not None:
            with suppress_cache_errors():
                cache.set(self._cache_key(name), text, int(self.seconds))

    def get(self, key: str) -> str | None:
        """Return the text under a key, or None if there is none or it has expired."""
        name = digest(self.kind, key)
        text = self._read_file(name) or self._get_from_memory(name)
        cache = shared_cache() if text is None else None
        if cache is not None:
            with suppress_cache_errors():
                shared: str | None = cache.get(self._cache_key(name))
                return shared
        return text

    def delete(self, key: str) -> None:
        """Delete what is stored under a key; a missing key is no error."""
        name = digest(self.kind, key)
        with self._lock:
            self._memory.pop(name, None)
        folder = self._folder
        if folder is not None:
            with contextlib.suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        cache = shared_cache()
        if cache is not None:
            with suppress_cache_errors():
                cache.delete(self._cache_key(name))

    def _cache_key(self, name: str) -> str:
        return f"shift_media:{self.kind}:{name}"

    @property
    def _folder(self) -> Path | None:
        # Looked up on each call: the folder may be removed, and SHIFT_MEDIA["LOCK_DIR"] changed.
        folder = host_folder()
        if folder is None:
            return None
        try:
            ensure_folder(folder / self.kind)
        except OSError as error:
            warn_unusable(folder, error)
            return None
        return folder / self.kind

    def _write_file(self, path: Path, text: str) -> bool:
        # Written beside and renamed, so that no reader sees a part. Each thread has its own draft.
        draft = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
        try:
            self._sweep(path.parent)
            draft.write_text(text)
            draft.replace(path)
        except OSError as error:
            warn_unusable(path.parent.parent, error)
            with contextlib.suppress(OSError):
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
        """Remove expired files, at most once in the time that an entry is kept."""
        mark, now = folder / ".swept", time.time()
        if mark.exists() and now - mark.stat().st_mtime < self.seconds:
            return
        mark.touch()
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # Another process sweeps at the same time.
                if path != mark and now - path.stat().st_mtime > self.seconds:
                    path.unlink()

    def _set_in_memory(self, name: str, text: str) -> None:
        with self._lock:
            if len(self._memory) >= _MAX_IN_PROCESS:
                self._memory.clear()
            self._memory[name] = (time.monotonic(), text)

    def _get_from_memory(self, name: str) -> str | None:
        with self._lock:
            stored_at, text = self._memory.get(name, (float("-inf"), ""))
        return text if time.monotonic() - stored_at <= self.seconds else None
