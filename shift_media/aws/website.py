"""The website configuration: what is missing in the bucket is asked of the app."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

MISSING = ("404", "403")
"""S3 says 404 for a missing key only to callers who may list the bucket, and 403 to others."""

REDIRECT_CODES = ("307", "302")
"""Never 301, which browsers keep for ever; 307 is kept by no cache unless it is told to."""

_DASHED = frozenset(
    "us-east-1 us-west-1 us-west-2 eu-west-1 ap-southeast-1 ap-southeast-2 ap-northeast-1"
    " sa-east-1 us-gov-west-1".split()
)


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
    parts = app_parts(app_url)
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


def app_parts(app_url: str) -> SplitResult:
    """Split the URL of the include; raises `ValueError` for one without scheme and host."""
    parts = urlsplit(app_url)
    rest = "@" in parts.netloc or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.netloc or rest:
        raise ValueError(
            f"{app_url!r} is not where the app is: write its URL with the path of the include, "
            'such as "https://www.example.com/media/".'
        )
    return parts


def website_host(bucket: str, region: str) -> str:
    """Name the host of a bucket's website endpoint.

    Source: AWS General Reference, "Amazon S3 website endpoints": the older regions write a dash
    before their name, the younger ones a dot.
    """
    separator = "-" if region in _DASHED else "."
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{bucket}.s3-website{separator}{region}.{suffix}"
