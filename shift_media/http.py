"""HTTP answers with a file's bytes: ranges, conditional requests and safe headers."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

IMMUTABLE = "public, max-age=31536000, immutable"
NO_STORE = "no-store"

HEADERS: Mapping[str, str] = {
    # A canvas and a `crossorigin` image on another origin may use the pictures.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""Sent with every answer."""

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """Bytes to answer with.

    ``etag`` is a strong one, in quotes; ``size`` is in bytes.
    """

    file: BinaryIO
    size: int
    content_type: str
    etag: str
    modified: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def respond(request: HttpRequest, body: ResponseBody) -> HttpResponseBase:
    """Answer with a body, or with the part of it that was asked for: 200, 206, 304, 412 or 416."""
    modified = int(body.modified.timestamp()) if body.modified else None
    conditional = get_conditional_response(request, etag=body.etag, last_modified=modified)
    if conditional is not None:
        body.file.close()
        return _finish(conditional, body)
    window = _window(request, body)
    if window is None:
        body.file.close()
        refused = HttpResponse(status=416, headers={"Content-Range": f"bytes */{body.size}"})
        return _finish(refused, body)
    start, end = window
    response = _content(request, body, start, end)
    response["Content-Type"] = body.content_type
    response["Content-Length"] = str(end - start)
    if end - start < body.size:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{body.size}"
    return _finish(response, body)


def _content(request: HttpRequest, body: ResponseBody, start: int, end: int) -> HttpResponseBase:
    if request.method == "HEAD":
        body.file.close()
        return HttpResponse()
    if isinstance(body.file, io.BytesIO):  # Nothing to stream, so that ASGI need not wait for it.
        return HttpResponse(body.file.getbuffer()[start:end])
    if start:
        body.file.seek(start)
    whole = end == body.size
    return FileResponse(body.file if whole else _Slice(body.file, end - start))


def _finish(response: HttpResponseBase, body: ResponseBody) -> HttpResponseBase:
    response["ETag"] = body.etag
    response["Accept-Ranges"] = "bytes"
    if body.modified is not None:
        response["Last-Modified"] = http_date(body.modified.timestamp())
    for name, value in (*HEADERS.items(), *body.headers.items()):
        response[name] = value
    return response


def _window(request: HttpRequest, body: ResponseBody) -> tuple[int, int] | None:
    """Read the Range header (RFC 9110, 14.2): the first and one past the last byte.

    Several ranges, and what is no range, are ignored, as that section allows; None is a range
    that lies beyond the end.
    """
    whole = (0, body.size)
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", body.etag) != body.etag:
        return whole
    first, last, suffix = match.groups()
    if suffix is not None:
        return (max(0, body.size - int(suffix)), body.size) if int(suffix) else None
    start, end = int(first), min(int(last) + 1 if last else body.size, body.size)
    if start >= body.size:
        return None
    return (start, end) if start < end else whole


class _Slice:
    """The next ``length`` bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
