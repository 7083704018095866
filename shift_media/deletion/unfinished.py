"""Removal of uploads in parts that were begun and never completed."""

from __future__ import annotations

from datetime import datetime

from shift_media.deletion.sweep import owner_of
from shift_media.storages import MediaStorage


def abort_unfinished(storage: MediaStorage, older_than: datetime, *, dry_run: bool = False) -> int:
    """Abort uploads in parts that were begun before a time, and return how many.

    Uploads of the app itself are among them, if its process died. Those to keys that are not of
    this app are left alone.
    """
    uploads = storage.multipart
    if uploads is None:
        return 0
    aborted = 0
    for upload in uploads.unfinished():
        if upload.begun >= older_than or owner_of(upload.key) is None:
            continue
        if not dry_run:
            uploads.abort(upload.key, upload.upload_id)
        aborted += 1
    return aborted
