"""The metrics of the app, and the one function that it reports them to.

No metrics library is imported here. ``SHIFT_MEDIA["METRICS"]`` names a function that is called
with the name of a metric, a value and its labels: ``shift_media.contrib.prometheus.report``, or
one of the site's own. Values of labels are from small fixed sets: no key and no text of a user.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast

from django.http import HttpResponseBase

from shift_media.conf import settings
from shift_media.core.errors import MediaError

logger = logging.getLogger("shift_media.metrics")

Result = TypeVar("Result")
View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class Metric(NamedTuple):
    """A metric: a counter adds up, a level goes up and down, a duration is in seconds."""

    name: str
    kind: Literal["counter", "level", "duration"]
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("responses", "duration", "Responses to requests for keys, by status.", ("status",)),
    Metric("failures", "counter", "Requests that ended with an error, by its code.", ("code",)),
    Metric(
        "renders",
        "duration",
        "Decoding of an original and encoding of its resizes, by its format and the outcome: "
        "ok or the code of an error.",
        ("format", "outcome"),
    ),
    Metric("resizes", "counter", "Resizes that were made and stored, by format.", ("format",)),
    Metric("resized_bytes", "counter", "Bytes of the resizes that were stored.", ("format",)),
    Metric("renders_running", "level", "Threads that hold a slot of the limiter."),
    Metric("renders_waiting", "level", "Threads that wait for a slot of the limiter."),
    Metric("queue", "duration", "Wait for a slot of the limiter."),
    Metric("worker_starts", "counter", "Worker processes that were started."),
    Metric(
        "s3_requests",
        "duration",
        "Requests to S3, by operation and HTTP status; status 0 if there was no answer.",
        ("operation", "status"),
    ),
    Metric("uploads", "counter", "Uploads whose row was committed."),
    Metric("deletions", "counter", "Originals that were deleted with what is derived from them."),
    Metric("jobs", "counter", "Video jobs that were submitted, completed or failed.", ("event",)),
)
"""Every metric that the app reports."""


def report(name: str, value: float = 1, **labels: str) -> None:
    """Report a value of a metric of `METRICS`; an error of the receiver is logged."""
    receiver = settings.metrics
    if receiver is None:
        return
    try:
        receiver(name, value, labels)
    except Exception:
        logger.exception("The function for metrics failed: %s.", settings.METRICS)


@contextmanager
def timed(name: str, **labels: str) -> Iterator[dict[str, str]]:
    """Report how long a block took, with labels that it may add to the given ones.

    If the metric has an outcome, it is ``ok``, or the code of the `MediaError` that was raised.
    """
    labels.setdefault("outcome", "ok")
    start = time.perf_counter()
    try:
        yield labels
    except MediaError as error:
        labels["outcome"] = type(error).code  # not the code of this one, which may be any text
        raise
    except Exception:
        labels["outcome"] = "crash"
        raise
    finally:
        known = {label: labels[label] for label in _LABELS[name] if label in labels}
        report(name, time.perf_counter() - start, **known)


def timed_results(name: str, results: Iterable[Result], **labels: str) -> Iterator[Result]:
    """Yield results, and report how long they took to come, without what is done between them."""
    iterator, seconds, start = iter(results), 0.0, 0.0
    labels["outcome"] = "ok"
    try:
        while True:
            start = time.perf_counter()
            result = next(iterator, _END)
            seconds += time.perf_counter() - start
            start = 0.0
            if result is _END:
                return
            yield cast("Result", result)
    except Exception as error:
        labels["outcome"] = type(error).code if isinstance(error, MediaError) else "crash"
        raise
    finally:
        seconds += time.perf_counter() - start if start else 0.0
        report(name, seconds, **labels)


def measured(view: View) -> View:
    """Report how long a view took, with the status of its response."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> HttpResponseBase:
        with timed("responses", status="500") as labels:
            response = view(*args, **kwargs)
            labels["status"] = str(response.status_code)
        return response

    return cast("View", wrapped)


_END: Final = object()
_LABELS: Final = {metric.name: metric.labels for metric in METRICS}
