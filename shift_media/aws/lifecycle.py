"""Lifecycle rules: what the bucket removes by itself.

Source: Amazon S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

from typing import Any

MULTIPART_ID, UPLOADS_ID = "shift-media-abort-multipart", "shift-media-direct-upload-leftovers"
RULE_IDS = (MULTIPART_ID, UPLOADS_ID)
"""The rules that are ours."""

UPLOADS_PREFIX = "uploads/"
"""Where direct uploads lie until they are complete: no id begins so, thus no key does."""

MULTIPART_DAYS = 2
"""Days after which the parts of an upload go that nobody completed: they cost as objects do."""
UPLOADS_DAYS = 2
"""Days after which a direct upload goes whose form was never sent."""


def lifecycle_configuration(uploads_prefix: str = UPLOADS_PREFIX) -> dict[str, Any]:
    """Build the lifecycle rules; originals, resizes and renditions are never touched by them.

    Raises `ValueError` for a prefix that other objects may have too.
    """
    if not uploads_prefix.endswith("/") or uploads_prefix.startswith("/"):
        raise ValueError(
            f"{uploads_prefix!r} would expire more than direct uploads: write a folder, such as "
            f'"{UPLOADS_PREFIX}".'
        )
    return {
        "Rules": [
            {
                "ID": MULTIPART_ID,
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": MULTIPART_DAYS},
            },
            {
                "ID": UPLOADS_ID,
                "Status": "Enabled",
                "Filter": {"Prefix": uploads_prefix},
                "Expiration": {"Days": UPLOADS_DAYS},
            },
        ]
    }
