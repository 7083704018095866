"""HTTP responses with a file's bytes: ranges, conditional requests and safe headers."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, BinaryIO, NoReturn, Protocol, TypeVar, cast

from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.db.transaction import non_atomic_requests
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

IMMUTABLE = "public, max-age=31536000, immutable"
NO_STORE = "no-store"

HEADERS: Mapping[str, str] = {
    # A canvas and a `crossorigin` image on another origin may use the pictures.
    "Access-Control-Allow-Origin": "*",
    # What a script of another origin needs to know of a range, a version and a failure.
    "Access-Control-Expose-Headers": "Content-Range, ETag, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""Headers of every response about public files."""

PRIVATE_HEADERS: Mapping[str, str] = {
    "Cross-Origin-Resource-Policy": "same-site",
    "X-Content-Type-Options": HEADERS["X-Content-Type-Options"],
    "Content-Security-Policy": HEADERS["Content-Security-Policy"],
}
"""Headers of every response about private files, which no other site may use."""

BLOCK = 1 << 18
"""Bytes of a file that are read and sent at a time."""

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """A file to respond with.

    Attributes:
        file: an open file, which the response closes.
        size: in bytes.
        content_type: of the whole file.
        etag: a strong entity tag, in quotes.
        modified: the time of the last change, for ``Last-Modified``.
        headers: further headers.
        common: the headers of every response, `HEADERS` or `PRIVATE_HEADERS`.
    """

    file: BinaryIO
    size: int
    content_type: str
    etag: str
    modified: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    common: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def respond(request: HttpRequest, body: ResponseBody) -> HttpResponseBase:
    """Return a response with a body or the range of it that was asked for.

    The status is 200, 206, 304, 412 or 416.
    """
    modified = int(body.modified.timestamp()) if body.modified else None
    if modified is None:
        # RFC 9110, 13.1.4: to be ignored without a modification date. Django's functions, and
        # with them ConditionalGetMiddleware, would answer with 412.
        request.META.pop("HTTP_IF_UNMODIFIED_SINCE", None)
    conditional = get_conditional_response(request, etag=body.etag, last_modified=modified)
    if conditional is not None:
        body.file.close()
        return _add_headers(conditional, body)
    try:
        byte_range = _requested_range(request, body)
    except _OutOfRange:
        body.file.close()
        refused = HttpResponse(status=416, headers={"Content-Range": f"bytes */{body.size}"})
        return _add_headers(refused, body)
    start, end = byte_range or (0, body.size)
    response = _body_response(request, body, start, end)
    response["Content-Type"] = body.content_type
    response["Content-Length"] = str(end - start)
    if byte_range is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{body.size}"
    return _add_headers(response, body)


def _body_response(
    request: HttpRequest, body: ResponseBody, start: int, end: int
) -> HttpResponseBase:
    if request.method == "HEAD":
        body.file.close()
        return HttpResponse()
    if isinstance(body.file, io.BytesIO):
        # In memory already: under ASGI a plain response needs no thread to iterate over it.
        return HttpResponse(body.file.getbuffer()[start:end])
    if start:
        body.file.seek(start)
    is_whole = (start, end) == (0, body.size)
    # A server may send a file that has a descriptor by itself, and uWSGI does so from the
    # beginning of the file, wherever it stands. So a range never has one.
    file = body.file if is_whole else _ByteRange(body.file, end - start)
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_AsyncBlocks(file))
    return _FileResponse(file)


def _add_headers(response: HttpResponseBase, body: ResponseBody) -> HttpResponseBase:
    headers = response.headers
    headers["ETag"] = body.etag
    headers["Accept-Ranges"] = "bytes"
    if body.modified is not None:
        headers["Last-Modified"] = http_date(body.modified.timestamp())
    for name, value in (*body.common.items(), *body.headers.items()):
        headers[name] = value
    if response.status_code >= 400:
        headers["Cache-Control"] = NO_STORE  # 412 and 416 say nothing about other requests.
    return response


class _OutOfRange(Exception):
    """No byte of the requested range exists."""


def _requested_range(request: HttpRequest, body: ResponseBody) -> tuple[int, int] | None:
    """Return the first and one past the last byte that are asked for; None for the whole file.

    Raises `_OutOfRange` if there are no such bytes. A Range header (RFC 9110, 14.2) with several
    ranges, or that is malformed, is ignored, as that section allows: several ranges of one file
    can ask for more bytes than the file has. A HEAD with a range is answered as a GET without the
    content, as nginx and S3 do.
    """
    match = _RANGE.fullmatch(request.META.get("HTTP_RANGE", ""))
    if match is None or not _range_is_current(request, body):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if int(suffix) == 0:
            raise _OutOfRange
        return (max(0, body.size - int(suffix)), body.size) if body.size else None
    start, end = int(first), min(int(last) + 1 if last else body.size, body.size)
    if last and int(last) < start:
        return None
    if start >= body.size:
        raise _OutOfRange
    return start, end


def _range_is_current(request: HttpRequest, body: ResponseBody) -> bool:
    """Return False if ``If-Range`` names another version of the file than the current one."""
    validators = [body.etag]
    if body.modified is not None:
        validators.append(http_date(body.modified.timestamp()))
    return request.META.get("HTTP_IF_RANGE", body.etag) in validators


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class _FileResponse(FileResponse):
    block_size = BLOCK


class _AsyncBlocks:
    """The blocks of a file, which threads read, because the event loop must not wait for a disk.

    Django would read a plain file to its end before it sends the first byte under ASGI.
    """

    def __init__(self, file: _Readable) -> None:
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while block := await asyncio.to_thread(self._file.read, BLOCK):
                yield block
        finally:
            self._file.close()

    def close(self) -> None:
        self._file.close()


class _ByteRange:
    """The next ``length`` bytes of a file, as a file that `FileResponse` can read and close."""

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


def unaltered_by_middleware(view: View) -> View:
    """Keep Django's middleware from changing the responses of a view for single visitors.

    Such a response is the same for every visitor and may be kept by shared caches for a year, so
    it must not have a cookie or a ``Vary: Cookie``, be encoded or be redirected. Middleware that
    runs before the view may have prepared any of these on the request.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # GZipMiddleware: an encoded range is not the range that was asked for.
        request.META.pop("HTTP_ACCEPT_ENCODING", None)
        # CsrfViewMiddleware replaces a malformed cookie.
        request.META.pop("CSRF_COOKIE_NEEDS_UPDATE", None)
        # UpdateCacheMiddleware would keep a copy of each picture for each query string.
        request._cache_update_cache = False  # type: ignore[attr-defined]
        _detach_session(request)
        _detach_messages(request)
        response = view(request, *args, **kwargs)
        if response.status_code == 404:
            # LocaleMiddleware would redirect to a pattern of i18n_patterns that matches any path.
            request.urlconf = "shift_media.urls"  # It has no i18n_patterns.
        return response

    return cast(View, wrapped)


def _detach_session(request: HttpRequest) -> None:
    """Make SessionMiddleware treat a request as one without a session.

    It then neither saves the session, which needs the database, nor sets its cookie. The session
    stays readable, because other middleware may look up the user after the view.
    """
    session: Any = getattr(request, "session", None)
    if session is not None:
        session.is_empty = _raise_attribute_error


def _raise_attribute_error() -> NoReturn:
    # SessionMiddleware catches this error for requests that have no session.
    raise AttributeError("This request has no session that is saved.")


def _detach_messages(request: HttpRequest) -> None:
    """Keep MessageMiddleware from storing the messages of this request, which needs a cookie."""
    messages: Any = getattr(request, "_messages", None)
    if messages is not None:
        messages.used = messages.added_new = False


def without_transactions(view: View) -> View:
    """Open no transaction around a view, whichever databases have ``ATOMIC_REQUESTS``.

    Django's decorator names one alias. A media request needs no database, so it must not fail
    because one of them is down.
    """
    for alias in connections:
        view = non_atomic_requests(using=alias)(view)
    return view
