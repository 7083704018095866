"""Private folders, one per run: gone when it ends, and swept when whoever made one was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "shift_media-transcode-"
_LOCK = ".lock"


class Workspace:
    """A folder that nobody else can enter, held by a lock for as long as this process lives."""

    def __init__(self, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir())
        with _alone(base):
            _sweep(base)
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # 0700
            self._lock = _locked(self.folder / _LOCK)

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextlib.contextmanager
def _alone(base: Path) -> Iterator[None]:
    """Let one process at a time make or sweep folders, so that none is swept before its lock."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    held = os.open(base / f"{PREFIX}{os.geteuid()}.lock", flags, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _locked(path: Path) -> int | None:
    """Take a lock; None where somebody has it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{PREFIX}*"):
        try:
            ours = folder.is_dir() and not folder.is_symlink()
            if not ours or folder.stat().st_uid != os.geteuid():
                continue
            held = _locked(folder / _LOCK)
        except OSError:
            continue
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)
