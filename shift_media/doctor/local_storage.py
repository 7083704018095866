"""A local storage: its folder, the space there, and its URL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.template.defaultfilters import filesizeformat

from shift_media import checks
from shift_media.doctor.findings import Finding, error, ok, warning
from shift_media.storages import LocalMediaStorage, MediaStorage, identify, unwrapped

LEAST_BYTES, LEAST_PERCENT = 100 << 20, 5
"""Below the first nothing good can come; below the second it is time to look for more."""


def check_local(storage: MediaStorage) -> Iterator[Finding]:
    """Look at the folder, the space and the URL; nothing to say of another storage."""
    local = unwrapped(storage)
    if not isinstance(local, LocalMediaStorage):
        return
    folder = Path(str(local.location))
    yield _folder(folder)
    yield _space(folder)
    yield _url(local, identify(local))


def _folder(folder: Path) -> Finding:
    there = _nearest(folder)
    mend = f"Let the site's user write there: chown it, or set another location. {_who()}".strip()
    if not there.is_dir():
        return error("local-folder", f"{there} is there, and is no folder.", mend)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as problem:
        return error("local-folder", f"{folder} cannot be written to: {problem}.", mend)
    if there != folder:
        return ok("local-folder", f"{folder} is made with the first upload.")
    return ok("local-folder", f"{folder} can be written to. {_who()}")


def _who() -> str:
    if not hasattr(os, "getuid"):
        return ""
    return f"This command runs as user {os.getuid()}: the site must run as the same."


def _space(folder: Path) -> Finding:
    usage = shutil.disk_usage(_nearest(folder))
    percent = 100 * usage.free / usage.total
    free = filesizeformat(usage.free).replace("\xa0", " ")
    seen = f"{free} are free, {percent:.0f} % of the disk."
    mend = "Make room, or move the folder to a larger disk and change location."
    if usage.free < LEAST_BYTES:
        return error("local-space", seen, mend)
    if percent < LEAST_PERCENT:
        return warning("local-space", seen, mend)
    return ok("local-space", seen)


def _url(storage: LocalMediaStorage, alias: str) -> Finding:
    if checks.leads_to_view(storage, alias):
        return ok("local-url", f"{storage.base_url} leads to shift_media.urls.")
    mend = f"Include them there: {checks.include_for(storage, alias)}"
    return error("local-url", f"{storage.base_url!r} leads to no view of this storage.", mend)


def _nearest(folder: Path) -> Path:
    """Find the folder itself, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
