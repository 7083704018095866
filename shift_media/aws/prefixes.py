"""Names of rules that belong to one prefix of a bucket.

A site may have a bucket of its own, or a prefix in a bucket that several sites share. Policies,
CORS rules and lifecycle rules belong to the whole bucket, so those of a prefix have names of
their own: the command of one site replaces its own rules and keeps those of the others.
"""

from __future__ import annotations

import hashlib
import re

_SHOWN = 20  # characters of the prefix that are in a name
_LONGEST_LABEL = 52  # with "shift-media-" before it, CloudFront's shortest limit of 64
_DIGEST = 8  # hexadecimal digits, which tell prefixes apart whose names look alike


def ending(prefix: str) -> str:
    """Return the end of a name: ``"-shop-f4f86bd3"`` for ``"shop/"``, and ``""`` for ``""``."""
    if not prefix:
        return ""
    shown = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")[:_SHOWN].strip("-")
    return f"-{shown}-{hashlib.sha256(prefix.encode()).hexdigest()[:_DIGEST]}"


def camel_ending(prefix: str) -> str:
    """Return the end of a statement's id, which has only letters and digits: ``"Shopf4f86bd3"``.

    Source: IAM User Guide, "IAM JSON policy elements: Sid".
    """
    parts = ending(prefix).removeprefix("-").split("-")
    return "".join([*(part.capitalize() for part in parts[:-1]), parts[-1]])


def label(bucket: str, prefix: str) -> str:
    """Return what names a bucket, or a prefix in it, in a resource of another service."""
    end = ending(prefix)
    return f"{bucket[: _LONGEST_LABEL - len(end)]}{end}" if end else bucket
