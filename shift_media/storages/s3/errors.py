"""What an answer of S3 means, in one table.

Sources: "Error responses" in the Amazon S3 API reference, and what Ceph RGW and SeaweedFS answer.
A HEAD has no body, so its code is the status.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from shift_media.core.errors import MediaError, StorageBusy, StorageError
from shift_media.storages.base import missing

logger = logging.getLogger("shift_media.storages")

_MISSING = frozenset(("404", "NoSuchKey", "NotFound"))
_BUSY = frozenset(
    "503 429 SlowDown ServiceUnavailable Throttling ThrottlingException RequestThrottled"
    " RequestLimitExceeded TooManyRequests BandwidthLimitExceeded Busy".split()
)
_BUSY_STATUS = frozenset((429, 503))

Response = Mapping[str, Any]


def status_of(response: Response) -> int:
    """Read the HTTP status of an error response of botocore's."""
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(response: Response) -> str:
    """Read the S3 error code."""
    return str(response.get("Error", {}).get("Code", ""))


def was_retried(response: Response) -> bool:
    """Tell whether the answer is to a repeated request, whose first may have had its effect."""
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def is_missing(response: Response) -> bool:
    """Tell whether nothing lies under the key. A missing bucket is another thing."""
    return code_of(response) in _MISSING


def is_unknown(response: Response) -> bool:
    """Tell whether a HEAD was refused: without ListBucket, S3 says so of missing keys too."""
    return status_of(response) == 403


def refusal(response: Response, key: str) -> MediaError:
    """Turn an error response into an error of ours."""
    code, status = code_of(response), status_of(response)
    detail = f"S3 answered {status} {code} for {key!r}."
    if code in _BUSY or status in _BUSY_STATUS:
        return StorageBusy(detail)
    return StorageError(detail)


def read_refusal(response: Response, key: str) -> MediaError:
    """Turn the error response to a GET into an error of ours.

    AccessDenied is what S3 says of a missing key to a caller without ListBucket.
    """
    if is_missing(response):
        return missing(key)
    if code_of(response) == "AccessDenied":
        logger.warning(
            "S3 denied reading %r, which is taken as missing. Where the key exists, the policy of "
            "the site's own user lacks s3:GetObject; with s3:ListBucket S3 would answer 404.",
            key,
        )
        return missing(key)
    return refusal(response, key)
