"""Lifecycle rules: what the bucket deletes by itself.

No rule is about direct uploads that were never completed, because they have keys of originals, and
a rule cannot tell them from originals that a row refers to. ``media_cleanup`` deletes them.

Source: Amazon S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shift_media.aws.prefixes import ending

MULTIPART_ID = "shift-media-abort-multipart"
NONCURRENT_ID = "shift-media-expire-noncurrent"

MULTIPART_DAYS = 2
"""Days until the parts of an unfinished multipart upload are deleted; they cost as objects do."""


def lifecycle_configuration(noncurrent_days: int = 0, prefix: str = "") -> dict[str, Any]:
    """Build the lifecycle rules; none of them expires what the site has not deleted.

    In a versioned bucket a deleted object stays as a non-current version. With
    ``noncurrent_days`` it is removed so many days later; 0 adds no rule for it.
    """
    multipart = {
        "ID": f"{MULTIPART_ID}{ending(prefix)}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": MULTIPART_DAYS},
    }
    noncurrent = {
        "ID": f"{NONCURRENT_ID}{ending(prefix)}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
        # The markers of deletions that are left without a version.
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    return {"Rules": [multipart, *([noncurrent] if noncurrent_days else [])]}


def expires_noncurrent(rules: Iterable[Mapping[str, Any]], prefix: str = "") -> bool:
    """Return True if a rule removes non-current versions of all objects with a prefix."""
    return any(
        rule.get("Status") == "Enabled"
        and "NoncurrentVersionExpiration" in rule
        and _holds_for(rule, prefix)
        for rule in rules
    )


def _holds_for(rule: Mapping[str, Any], prefix: str) -> bool:
    conditions = {name: value for name, value in (rule.get("Filter") or {}).items() if value}
    filtered = str(conditions.pop("Prefix", "") or rule.get("Prefix", ""))
    return not conditions and prefix.startswith(filtered)
