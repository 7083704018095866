"""Responses of the view: stored files, resizes, redirects and errors."""

from __future__ import annotations

import hashlib
import io
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shift_media import http, metrics
from shift_media.core.documents import build_disposition
from shift_media.core.errors import (
    BadSignature,
    Busy,
    InvalidKey,
    InvalidSpec,
    MediaError,
    NotStored,
    OutOfResources,
    SourceError,
    StorageError,
)
from shift_media.core.formats import BY_EXTENSION, RENDITION_TYPES, SAFE_TYPE
from shift_media.core.keys import Key, RenditionKey

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

STATUS: dict[type[MediaError], int] = {
    InvalidKey: 404,
    BadSignature: 404,
    InvalidSpec: 404,  # LimitExceeded too
    NotStored: 404,
    SourceError: 422,
    Busy: 503,
    StorageError: 503,
    OutOfResources: 503,
}
"""The HTTP status of each error; a subclass has its parent's."""

RETRY_SECONDS = 5
"""Least seconds after which a client may try again, in the ``Retry-After`` header of a 503."""

Headers = Mapping[str, str]


def respond_with_file(
    request: HttpRequest,
    key: Key,
    storage: MediaStorage,
    caching: str,
    common: Headers = http.HEADERS,
) -> HttpResponseBase:
    """Respond with a stored file.

    Raises `NotStored` if it is not there, or is to be saved under a name that was not signed.
    """
    stat = storage.stat(str(key))
    if stat is None:
        raise NotStored(f"{str(key)!r} is not stored.")
    content_type, headers = describe_file(request, key, storage)
    body = http.ResponseBody(
        file=cast(BinaryIO, storage.fetch(str(key))),
        size=stat.size,
        content_type=content_type,
        etag=f'"{int(stat.modified.timestamp() * 1e6):x}-{stat.size:x}"',
        modified=stat.modified,
        headers={"Cache-Control": caching, **headers},
        common=common,
    )
    return http.respond(request, body)


def respond_by_server(
    request: HttpRequest,
    key: Key,
    storage: MediaStorage,
    path: str,
    caching: str,
    common: Headers = http.HEADERS,
) -> HttpResponse:
    """Let the web server send a stored file; it answers ranges and conditions by itself.

    ``path`` is that of `MediaStorage.accel_path`. Raises `NotStored` if the file is not there.
    """
    if storage.stat(str(key)) is None:
        raise NotStored(f"{str(key)!r} is not stored.")
    content_type, headers = describe_file(request, key, storage)
    if _may_be_refused(request):
        # nginx sends this Cache-Control with its 412 or 416, too, which no cache may keep.
        caching = f"{caching.partition(',')[0]}, no-cache"
    headers = {**common, **headers, "Cache-Control": caching, storage.accel_header: path}
    return HttpResponse(content_type=content_type, headers=headers)


def _may_be_refused(request: HttpRequest) -> bool:
    """Return True if a web server may answer a request for a stored file with 412 or 416."""
    has_condition = "HTTP_IF_MATCH" in request.META or "HTTP_IF_UNMODIFIED_SINCE" in request.META
    return has_condition or not request.META.get("HTTP_RANGE", "bytes=0-").startswith("bytes=0-")


def describe_file(
    request: HttpRequest, key: Key, storage: MediaStorage
) -> tuple[str, dict[str, str]]:
    """Return the content type of a stored file, and a Content-Disposition where it needs one."""
    content_type, inline = _served_type(key)
    name = find_download_name(request, key, storage)
    if name is None and inline:
        return content_type, {}
    name = name or storage.read_download_name(str(key))
    return content_type, {"Content-Disposition": build_disposition(name, str(key))}


def find_download_name(request: HttpRequest, key: Key, storage: MediaStorage) -> str | None:
    """Return the name of a download, which the site has signed; None to show the file."""
    name = request.GET.get("download")
    if name is not None and not storage.may_download(str(key), request.GET):
        raise NotStored("The name of a download was not signed by this site.")
    return name


def respond_with_bytes(
    request: HttpRequest,
    content: bytes,
    content_type: str,
    caching: str,
    common: Headers = http.HEADERS,
) -> HttpResponseBase:
    """Respond with bytes in memory: a resize, a playlist, or a drawn picture."""
    body = http.ResponseBody(
        file=io.BytesIO(content),
        size=len(content),
        content_type=content_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        headers={"Cache-Control": caching},
        common=common,
    )
    return http.respond(request, body)


def redirect(url: str, common: Headers = http.HEADERS) -> HttpResponse:
    """Redirect to a stored file by 302, because browsers would keep a 301 for ever."""
    return uncached(HttpResponse(status=302, headers={"Location": url}), common)


def error_response(error: MediaError, common: Headers = http.HEADERS) -> HttpResponse:
    """Return the answer for an error; raise an error that is not one of the view's."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        raise error
    metrics.report("failures", code=type(error).code)
    if status == 404:
        # One and the same answer for all reasons, so that none of them can be guessed.
        code, message = NotStored.code, NotStored.public
    else:
        code, message = error.code, error.public
        logger.warning("Media request failed: %s: %s", error.code, error)
    response = JsonResponse({"code": code, "message": message}, status=status)
    if status == 503:
        wanted = error.retry_seconds if isinstance(error, OutOfResources) else 0
        response["Retry-After"] = str(max(RETRY_SECONDS, math.ceil(wanted)))
    return uncached(response, common)


def uncached(response: HttpResponse, common: Headers = http.HEADERS) -> HttpResponse:
    """Add the headers of every answer, and forbid caches to keep this one."""
    for name, value in common.items():
        response[name] = value
    response["Cache-Control"] = http.NO_STORE
    return response


def _served_type(key: Key) -> tuple[str, bool]:
    """Return the content type that a stored file is served as, and whether browsers show it."""
    extension = str(key).rpartition(".")[2]
    format = BY_EXTENSION.get(extension)
    is_own = isinstance(key, RenditionKey) and extension in RENDITION_TYPES  # captions, too
    if format is not None and not is_own:
        return format.served_type, format.inline
    return RENDITION_TYPES.get(extension, SAFE_TYPE), extension in RENDITION_TYPES
