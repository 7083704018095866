"""A local storage: its folder, the free space of its disk, and its URL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.template.defaultfilters import filesizeformat

from shift_media.checks import storages as storage_checks
from shift_media.doctor.findings import Finding, error, ok, warning
from shift_media.storages import LocalMediaStorage, MediaStorage, find_alias, unwrap

MIN_FREE_BYTES, MIN_FREE_PERCENT = 100 << 20, 5
"""Less free space is an error below the first, a few uploads, and a warning below the second."""


def check_local(storage: MediaStorage) -> Iterator[Finding]:
    """Check the folder, the space and the URL; yield nothing for another kind of storage."""
    local = unwrap(storage)
    if not isinstance(local, LocalMediaStorage):
        return
    folder = Path(str(local.location))
    yield _check_folder(folder)
    yield _check_space(folder)
    yield _check_url(local, find_alias(local))


def _check_folder(folder: Path) -> Finding:
    existing = _nearest_existing(folder)
    user = _user_hint()
    fix = f"Let the site's user write there: chown it, or set another location. {user}".strip()
    if not existing.is_dir():
        return error("local-folder", f"{existing} exists, but is not a folder.", fix)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as problem:
        return error("local-folder", f"{folder} cannot be written to: {problem}.", fix)
    if existing != folder:
        return ok("local-folder", f"{folder} will be created with the first upload.")
    return ok("local-folder", f"{folder} can be written to. {user}".strip())


def _user_hint() -> str:
    if not hasattr(os, "getuid"):  # Windows
        return ""
    return f"This command runs as user {os.getuid()}: the site must run as the same."


def _check_space(folder: Path) -> Finding:
    usage = shutil.disk_usage(_nearest_existing(folder))
    percent = 100 * usage.free / usage.total
    free = filesizeformat(usage.free).replace("\xa0", " ")
    seen = f"{free} are free, {percent:.0f} % of the disk."
    fix = "Delete other files, or move the folder to a larger disk and change location."
    if usage.free < MIN_FREE_BYTES:
        return error("local-space", seen, fix)
    if percent < MIN_FREE_PERCENT:
        return warning("local-space", seen, fix)
    return ok("local-space", seen)


def _check_url(storage: LocalMediaStorage, alias: str) -> Finding:
    if storage_checks.leads_to_view(storage, alias):
        return ok("local-url", f"{storage.base_url} leads to shift_media.urls.")
    fix = f"Include them there: {storage_checks.include_for(storage, alias)}"
    return error("local-url", f"{storage.base_url!r} leads to no view of this storage.", fix)


def _nearest_existing(folder: Path) -> Path:
    """Return the folder itself, or the nearest of its parents that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
