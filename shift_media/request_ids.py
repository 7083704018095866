"""One id for all log lines of a request, from the web server to the requests to S3.

The id is that of the ``X-Request-ID`` or ``traceparent`` header, where a proxy sends one, else a
new one. `RequestIdFilter` writes it into log records, and an error response names it.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"

_ATTRIBUTE = "shift_media_request_id"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_ALLOWED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
"""W3C Trace Context, 3.2: version, trace-id, parent-id, flags."""

_LEAST_ERROR = 400

_current: ContextVar[str] = ContextVar(_ATTRIBUTE, default="")


def current_id() -> str:
    """Return the id of the request that this thread or task answers, or ``""``."""
    return _current.get()


def find_id(request: HttpRequest) -> str:
    """Return the id that a proxy sent, if it is short and harmless in a log, or a new one."""
    given = request.headers.get(HEADER, "")
    if _ALLOWED.fullmatch(given):
        return given
    trace = _TRACE.fullmatch(request.headers.get("traceparent", ""))
    return trace[1] if trace else secrets.token_hex(16)


def identified(view: View) -> View:
    """Add one id to the log records of a view, and to the response to a failed request."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = find_id(request)
        setattr(request, _ATTRIBUTE, found)
        token = _current.set(found)
        try:
            response = view(request, *args, **kwargs)
        finally:
            _current.reset(token)
        if response.status_code >= _LEAST_ERROR:
            response[HEADER] = found
        return response

    return cast("View", wrapped)


class RequestIdFilter(logging.Filter):
    """Adds ``request_id`` to log records: the id of the request, or ``-`` outside of one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id, unless a filter of the site did; return True."""
        if not hasattr(record, "request_id"):
            # Django logs a failed request after the view, with the request.
            of_request = getattr(getattr(record, "request", None), _ATTRIBUTE, "")
            record.request_id = of_request or current_id() or "-"
        return True
