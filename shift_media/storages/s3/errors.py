"""The meaning of S3's error responses, in one place.

Sources: "Error responses" in the Amazon S3 API reference, and the responses of Ceph RGW and
SeaweedFS. The response to a HEAD has no body, so its error code is the status.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from urllib3.exceptions import HTTPError

from shift_media.aws.problems import CODES, describe, explain
from shift_media.core.errors import (
    MediaError,
    SourceTruncated,
    StorageBusy,
    StorageError,
    drop_locals,
)
from shift_media.storages.base import missing

logger = logging.getLogger("shift_media.storages")

_MISSING = frozenset(("404", "NoSuchKey", "NotFound"))
_BUSY = frozenset(
    "503 429 SlowDown ServiceUnavailable Throttling ThrottlingException RequestThrottled"
    " RequestLimitExceeded TooManyRequests BandwidthLimitExceeded Busy".split()
)
_BUSY_STATUS = frozenset((429, 503))

Response = Mapping[str, Any]


def get_status(response: Response) -> int:
    """Return the HTTP status of an error response of botocore's; 0 if it has none."""
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def get_error_code(response: Response) -> str:
    """Return the S3 error code; ``""`` if there is none."""
    return str(response.get("Error", {}).get("Code", ""))


def was_retried(response: Response) -> bool:
    """Return True if the request was repeated, so that an earlier attempt may have succeeded."""
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def is_missing(response: Response) -> bool:
    """Return True if nothing is stored under the key; False for a missing bucket."""
    return get_error_code(response) in _MISSING


def is_forbidden(response: Response) -> bool:
    """Return True for a 403, which S3 also gives for a missing key without ListBucket."""
    return get_status(response) == 403


def as_media_error(response: Response, key: str) -> MediaError:
    """Return the `MediaError` for an error response."""
    code, status = get_error_code(response), get_status(response)
    detail = f"S3 answered {status} {code} for {key!r}. {CODES.get(code, '')}".rstrip()
    if code in _BUSY or status in _BUSY_STATUS:
        return StorageBusy(detail)
    return StorageError(detail)


def as_read_error(response: Response, key: str) -> MediaError:
    """Return the `MediaError` for an error response to a GET.

    AccessDenied counts as missing: S3 answers so for a missing key if the caller may not list.
    """
    if is_missing(response):
        return missing(key)
    if get_error_code(response) == "AccessDenied":
        logger.warning(
            "S3 denied reading %r, which is treated as missing. If the key exists, the site's "
            "user needs s3:GetObject; with s3:ListBucket S3 answers 404 for missing keys.",
            key,
        )
        return missing(key)
    return as_media_error(response, key)


@contextlib.contextmanager
def translate_errors(
    key: str, convert: Callable[[Response, str], MediaError] = as_media_error
) -> Iterator[None]:
    """Turn errors of botocore, urllib3 and the socket into a `MediaError`."""
    try:
        yield
    except MediaError:
        raise
    except ClientError as error:
        drop_locals(error)
        raise convert(error.response, key) from error
    except (IncompleteReadError, ResponseStreamingError) as error:
        drop_locals(error)
        raise SourceTruncated(f"The response for {key!r} was cut short: {error}") from error
    # botocore follows a redirect to another region without end if it does not name the region.
    except (BotoCoreError, HTTPError, OSError, RecursionError) as error:
        drop_locals(error)
        detail = f"S3 failed for {key!r}: {describe(error)}. {explain(error)}"
        raise StorageError(detail.rstrip()) from error
