"""Measurement and log lines of the requests to S3, by the events of botocore.

The events are emitted for each call of the API, not for each attempt, so that a duration contains
retries and their pauses.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from shift_media import metrics

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

logger = logging.getLogger("shift_media.s3")

_START = "shift_media_start"


def observe(client: S3Client) -> None:
    """Report each call of a client, and log it at the level DEBUG."""
    events = client.meta.events
    events.register("before-call.s3", _begin)
    events.register("after-call.s3", _end)
    events.register("after-call-error.s3", _fail)


def _begin(context: dict[str, Any], **_: Any) -> None:
    context[_START] = time.perf_counter()


def _end(model: Any, http_response: Any, context: dict[str, Any], **_: Any) -> None:
    _report(model.name, str(http_response.status_code), context)


def _fail(
    event_name: str, exception: Exception, context: dict[str, Any] | None = None, **_: Any
) -> None:
    _report(event_name.rpartition(".")[2], "0", context or {}, type(exception).__name__)


def _report(operation: str, status: str, context: dict[str, Any], error: str = "") -> None:
    seconds = time.perf_counter() - context.get(_START, time.perf_counter())
    metrics.report("s3_requests", seconds, operation=operation, status=status)
    # No key: a log that all developers may read names no private file.
    logger.debug("S3 %s: %s in %.0f ms", operation, error or status, seconds * 1000)
