"""Lifecycle rules: what the bucket removes by itself.

Direct uploads that nobody completed are none of it: they have the keys of originals, which no rule
can tell from those that a row refers to. ``media_cleanup`` removes them.

Source: Amazon S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

from typing import Any

MULTIPART_ID = "shift-media-abort-multipart"
RULE_IDS = (MULTIPART_ID,)
"""The rules that are ours."""

MULTIPART_DAYS = 2
"""Days after which the parts of an upload go that nobody completed: they cost as objects do."""


def lifecycle_configuration() -> dict[str, Any]:
    """Build the lifecycle rules; originals, resizes and renditions are never touched by them."""
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
