"""The website configuration: requests for missing keys are redirected to the app."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

MISSING_STATUSES = ("404", "403")
"""S3 answers 404 for a missing key only to callers who may list the bucket, and 403 to others."""

REDIRECT_CODES = ("307", "302")
"""Never 301, which browsers cache for ever. No cache stores a 307 without explicit headers."""

_REGIONS_WITH_DASH = frozenset(
    "us-east-1 us-west-1 us-west-2 eu-west-1 ap-southeast-1 ap-southeast-2 ap-northeast-1"
    " sa-east-1 us-gov-west-1".split()
)


def website_configuration(
    app_url: str, code: str = REDIRECT_CODES[0], key_prefix: str = ""
) -> dict[str, Any]:
    """Build the website configuration whose rules redirect missing keys to the app.

    Args:
        app_url: Where ``shift_media.urls`` is included: ``"https://www.example.com/media/"``.
        code: HTTP status of the redirect, ``"307"`` or ``"302"``.
        key_prefix: What stands before every key, ``"shop/"``, where sites share the bucket. The
            redirect has the path of the include in its place.

    Raises `ValueError` for another code, a URL without scheme and host, or one without a path if
    there is a prefix.

    Source: Amazon S3 API, PutBucketWebsite.
    """
    if code not in REDIRECT_CODES:
        raise ValueError(
            f"{code!r} is not a status for the redirect: use {' or '.join(REDIRECT_CODES)}."
        )
    redirect = _redirect(app_url, code, key_prefix)
    condition = {"KeyPrefixEquals": key_prefix} if key_prefix else {}
    return {
        # The API requires an index document, and no key of ours has this name.
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [
            {
                "Condition": {**condition, "HttpErrorCodeReturnedEquals": status},
                "Redirect": redirect,
            }
            for status in MISSING_STATUSES
        ],
    }


def _redirect(app_url: str, code: str, key_prefix: str) -> dict[str, str]:
    parts = split_app_url(app_url)
    redirect = {
        "Protocol": parts.scheme,
        "HostName": parts.netloc,
        "HttpRedirectCode": code,
    }
    path = parts.path.strip("/")
    if path:
        redirect["ReplaceKeyPrefixWith"] = f"{path}/"
    elif key_prefix:
        raise ValueError(
            f"The app is at {app_url}, without a path, and all keys begin with {key_prefix}: not "
            "all servers can remove that in a redirect. Include shift_media.urls under a path, "
            f"such as {app_url.rstrip('/')}/media/."
        )
    return redirect


def split_app_url(app_url: str) -> SplitResult:
    """Split the URL of the include.

    Raises `ValueError` for a URL without scheme and host, or with credentials, query or fragment.
    """
    parts = urlsplit(app_url)
    surplus = "@" in parts.netloc or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.netloc or surplus:
        raise ValueError(
            f"{app_url!r} is not the URL of the app. Write where shift_media.urls is included, "
            'such as "https://www.example.com/media/".'
        )
    return parts


def website_host(bucket: str, region: str) -> str:
    """Return the host name of a bucket's website endpoint.

    Source: AWS General Reference, "Amazon S3 website endpoints". Older regions have a dash before
    their name, newer ones a dot.
    """
    separator = "-" if region in _REGIONS_WITH_DASH else "."
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{bucket}.s3-website{separator}{region}.{suffix}"
