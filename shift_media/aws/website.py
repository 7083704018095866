"""The website configuration: what is missing in the bucket is asked of the app."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

MISSING = ("404", "403")
"""S3 says 404 for a missing key only to callers who may list the bucket, and 403 to others."""

REDIRECT_CODES = ("307", "302")
"""Never 301, which browsers keep for ever; 307 is kept by no cache unless it is told to."""


def website_configuration(app_url: str, code: str = REDIRECT_CODES[0]) -> dict[str, Any]:
    """Build the website configuration whose rules redirect missing keys to the app.

    Args:
        app_url: where ``shift_media.urls`` is included: ``"https://www.example.com/media/"``.
        code: HTTP status of the redirect, ``"307"`` or ``"302"``.

    Raises `ValueError` for another code, or a URL without scheme and host.

    Source: Amazon S3 API, PutBucketWebsite.
    """
    if code not in REDIRECT_CODES:
        raise ValueError(
            f"{code!r} is no code for the redirect: use {' or '.join(REDIRECT_CODES)}."
        )
    parts = urlsplit(app_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise ValueError(
            f"{app_url!r} is not where the app is: write its URL with the path of the include, "
            'such as "https://www.example.com/media/".'
        )
    redirect = {
        "Protocol": parts.scheme,
        "HostName": parts.netloc,
        "HttpRedirectCode": code,
    }
    prefix = parts.path.strip("/")
    if prefix:
        redirect["ReplaceKeyPrefixWith"] = f"{prefix}/"
    return {
        # The API demands an index document; no key of ours is one.
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [
            {"Condition": {"HttpErrorCodeReturnedEquals": status}, "Redirect": redirect}
            for status in MISSING
        ],
    }
