"""A TTL cache that the processes of a host share, and all hosts where a Django cache is shared."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from shift_media.concurrency.shared import (
    cache_failures,
    digest,
    host_folder,
    logger,
    made_folder,
    shared_cache,
)

_MOST_IN_PROCESS = 10_000


class TTLCache:
    """TTLCache of one kind, forgotten after ``seconds``."""

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
        made_folder(folder)
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
