"""Lifecycle rules: what the bucket deletes by itself.

No rule is about direct uploads that were never completed, because they have keys of originals, and
a rule cannot tell them from originals that a row refers to. ``media_cleanup`` deletes them.

Source: Amazon S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

from typing import Any

MULTIPART_ID = "shift-media-abort-multipart"
RULE_IDS = (MULTIPART_ID,)
"""The IDs of the rules that belong to shift_media."""

MULTIPART_DAYS = 2
"""Days until the parts of an unfinished multipart upload are deleted; they cost as objects do."""


def lifecycle_configuration() -> dict[str, Any]:
    """Build the lifecycle rules; none of them expires an original, a resize or a rendition."""
    return {
        "Rules": [
            {
                "ID": MULTIPART_ID,
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": MULTIPART_DAYS},
            }
        ]
    }
