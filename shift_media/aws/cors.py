"""CORS rules: which pages may read media by script, and which may upload into the bucket.

Source: Amazon S3 User Guide, "Elements of a CORS configuration".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from shift_media.aws.prefixes import ending

READ_ID, UPLOAD_ID = "shift-media-read", "shift-media-direct-upload"
PRIVATE_ID = "shift-media-private"

MAX_AGE = 3600
"""Seconds for which a browser caches the response to a preflight request."""

_READ_METHODS = ("GET", "HEAD")
_READ_HEADERS = ("range",)
_EXPOSED = ("Content-Range", "ETag")
_UPLOAD_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-md5",
    "if-none-match",
    "x-amz-*",
)
"""The headers that a browser sends with an upload that the app has signed, or a part of one."""


def rule_ids(prefix: str = "") -> tuple[str, str]:
    """Return the IDs of the rules that belong to a site: for reading, and for its uploads.

    CORS rules hold for the whole bucket. Sites that share one share the rule for reading, which
    must be the last.
    """
    return READ_ID, f"{UPLOAD_ID}{ending(prefix)}"


def cors_configuration(
    origins: Sequence[str] = (), prefix: str = "", readers: Sequence[str] = ()
) -> dict[str, Any]:
    """Build the CORS configuration.

    Pages of every origin may read media, as they may from the app itself: in a canvas, a
    ``crossorigin`` image, or an HLS player. Pages of ``origins``, such as
    ``"https://www.example.com"``, may also send uploads that the app has signed. Their rule comes
    first and allows reading as well, because Ceph applies the first rule that lists the origin,
    and AWS the first that lists origin and method.

    With ``readers`` only pages of these origins may read, by URLs that the app has presigned.

    Raises `ValueError` for an origin that is not a scheme and a host.
    """
    rules: list[dict[str, Any]] = []
    if origins:
        rules.append(
            {
                "ID": rule_ids(prefix)[1],
                "AllowedMethods": ["PUT", *_READ_METHODS],
                "AllowedOrigins": [_check_origin(origin) for origin in origins],
                "AllowedHeaders": [*_UPLOAD_HEADERS, *_READ_HEADERS],
                "ExposeHeaders": list(_EXPOSED),
                "MaxAgeSeconds": MAX_AGE,
            }
        )
    rules.append(
        {
            "ID": f"{PRIVATE_ID}{ending(prefix)}" if readers else READ_ID,
            "AllowedMethods": list(_READ_METHODS),
            "AllowedOrigins": [_check_origin(reader) for reader in readers] or ["*"],
            "AllowedHeaders": list(_READ_HEADERS),
            "ExposeHeaders": list(_EXPOSED),
            "MaxAgeSeconds": MAX_AGE,
        }
    )
    return {"CORSRules": rules}


def _check_origin(origin: str) -> str:
    parts = urlsplit(origin)
    surplus = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.netloc or surplus or "*" in origin:
        raise ValueError(
            f"{origin!r} is not an origin. Write the scheme and host of the pages that upload, "
            'such as "https://www.example.com".'
        )
    return origin
