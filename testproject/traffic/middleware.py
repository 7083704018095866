"""A middleware that logs requests to the app below ``/media/``."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from testproject.traffic.log import site_log

MEDIA = "/media/"


def record(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Log each request for media with its response."""
    log = site_log()

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        if request.path.startswith(MEDIA):
            log.add(
                "app",
                request.path.removeprefix(MEDIA),
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round(1000 * (time.perf_counter() - started), 1),
                location=response.get("Location", ""),
            )
        return response

    return middleware
