"""Lifecycle rules: what the bucket deletes by itself.

No rule is about direct uploads that were never completed, because they have keys of originals, and
a rule cannot tell them from originals that a row refers to. ``media_cleanup`` deletes them.

Source: Amazon S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MULTIPART_ID = "shift-media-abort-multipart"
NONCURRENT_ID = "shift-media-expire-noncurrent"

MULTIPART_DAYS = 2
"""Days until the parts of an unfinished multipart upload are deleted; they cost as objects do."""


def lifecycle_configuration(noncurrent_days: int = 0) -> dict[str, Any]:
    """Build the lifecycle rules; none of them expires what the site has not deleted.

    In a versioned bucket a deleted object stays as a non-current version. With
    ``noncurrent_days`` it is removed so many days later; 0 adds no rule for it.
    """
    multipart = {
        "ID": MULTIPART_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": MULTIPART_DAYS},
    }
    noncurrent = {
        "ID": NONCURRENT_ID,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
        # The markers of deletions that are left without a version.
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    return {"Rules": [multipart, *([noncurrent] if noncurrent_days else [])]}


def expires_noncurrent(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if a rule removes non-current versions of all objects."""
    return any(
        rule.get("Status") == "Enabled"
        and "NoncurrentVersionExpiration" in rule
        and not any((rule.get("Filter") or {}).values())
        and not rule.get("Prefix")
        for rule in rules
    )
