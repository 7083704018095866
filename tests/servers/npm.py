"""Packages from npm, in the versions that the tests use: fetched once, kept below ``var``."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tarfile
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent.parent

PACKAGES = {
    "filepond": ("filepond@4.32.12", "dist/filepond.min.js"),
    "hls.js": ("hls.js@1.7.4", "dist/hls.min.js"),
    "htmx": ("htmx.org@4.0.1", "dist/htmx.min.js"),
    "react": ("react@19.3.1", "cjs/react.production.js"),
    "react-dom": ("react-dom@19.3.1", "cjs/react-dom-client.production.js"),
    "scheduler": ("scheduler@0.28.0", "cjs/scheduler.production.js"),
    "shaka-player": ("shaka-player@5.2.12", "dist/shaka-player.compiled.js"),
    "typescript": ("typescript@5.9.3", "bin/tsc"),
    # With @uppy/core 6.0.1, @uppy/aws-s3 6.1.0 and @uppy/xhr-upload 6.0.0 in its script.
    "uppy": ("uppy@6.0.1", "dist/uppy.min.js"),
}
"""The version of each package, which npm verifies, and its script."""

_SECONDS = 120


@functools.cache
def find(name: str) -> Path | None:
    """Return the path of a package's script; None if npm is missing or could not fetch it."""
    package, script = PACKAGES[name]
    folder = ROOT / "var" / "npm" / package
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "package" / script
    with FileLock(f"{folder}.lock", timeout=2 * _SECONDS):
        return path if path.exists() or _fetch(package, folder) else None


def _fetch(package: str, folder: Path) -> bool:
    npm = shutil.which("npm")
    if npm is None:
        return False
    command = [npm, "pack", "--silent", "--ignore-scripts", package]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    except (subprocess.SubprocessError, OSError, ValueError, tarfile.TarError):
        return False
    finally:
        for archive in folder.glob("*.tgz"):
            archive.unlink()
    return True
