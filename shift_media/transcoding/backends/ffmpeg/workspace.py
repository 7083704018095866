"""Private folders, one for each run: removed at its end, or swept if the worker was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "shift_media-transcode-"
_LOCK = ".lock"


class Workspace:
    """A folder of mode 0700 that is locked as long as this process lives.

    The kernel releases the lock of a killed worker, so the next workspace finds what it left.
    """

    def __init__(self, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir())
        # One process at a time makes or sweeps folders. Otherwise another process could sweep a
        # folder between its creation and its lock.
        with _new_lock(base / f"{PREFIX}{_user()}.lock"):
            _sweep(base)
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # 0700
            self._lock = _new_lock(self.folder / _LOCK)
            self._lock.acquire()

    def close(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()


def _new_lock(path: Path) -> FileLock:
    # Not thread-local, because a run may be closed by another thread than the one that began it.
    return FileLock(path, mode=0o600, thread_local=False)


def _sweep(base: Path) -> None:
    """Remove the folders of this user whose workers have died."""
    for folder in base.glob(f"{PREFIX}*"):
        # Folders of other users are left alone, and so are links.
        with contextlib.suppress(OSError, Timeout):
            if not folder.is_dir() or folder.is_symlink() or not _is_ours(folder):
                continue
            with _new_lock(folder / _LOCK).acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return folder.stat().st_uid == _user()


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0  # as os.stat says on Windows
