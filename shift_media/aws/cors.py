"""CORS rules: which pages may read media by script, and upload into the bucket directly.

Source: Amazon S3 User Guide, "Elements of a CORS configuration".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

READ_ID, UPLOAD_ID = "shift-media-read", "shift-media-direct-upload"
RULE_IDS = (READ_ID, UPLOAD_ID)
"""The rules that are ours."""

MAX_AGE = 3600
"""Seconds for which a browser keeps the answer to its preflight."""

_READ_METHODS = ("GET", "HEAD")
_READ_HEADERS = ("range",)
_EXPOSED = ("Content-Range", "ETag")
_UPLOAD_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "if-none-match",
    "x-amz-*",
)
"""What `MediaStorage.presigned_upload` has a browser send."""


def cors_configuration(origins: Sequence[str] = ()) -> dict[str, Any]:
    """Build the CORS configuration.

    Anybody's page may read, as with the app's own answers: a canvas, a ``crossorigin`` image, a
    player of HLS. The pages of ``origins``, such as ``"https://www.example.com"``, may also send
    what the app has signed for them. Their rule stands first and allows reading too: Ceph goes by
    the first rule that has the origin, AWS by the first that has origin and method.

    Raises `ValueError` for what is no origin.
    """
    rules: list[dict[str, Any]] = []
    if origins:
        rules.append(
            {
                "ID": UPLOAD_ID,
                "AllowedMethods": ["PUT", *_READ_METHODS],
                "AllowedOrigins": [_check_origin(origin) for origin in origins],
                "AllowedHeaders": [*_UPLOAD_HEADERS, *_READ_HEADERS],
                "ExposeHeaders": list(_EXPOSED),
                "MaxAgeSeconds": MAX_AGE,
            }
        )
    rules.append(
        {
            "ID": READ_ID,
            "AllowedMethods": list(_READ_METHODS),
            "AllowedOrigins": ["*"],
            "AllowedHeaders": list(_READ_HEADERS),
            "ExposeHeaders": list(_EXPOSED),
            "MaxAgeSeconds": MAX_AGE,
        }
    )
    return {"CORSRules": rules}


def _check_origin(origin: str) -> str:
    parts = urlsplit(origin)
    rest = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.netloc or rest or "*" in origin:
        raise ValueError(
            f"{origin!r} is no origin: write the scheme and host of the pages that upload, such "
            'as "https://www.example.com".'
        )
    return origin
