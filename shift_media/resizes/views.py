"""The view that a request for a missing resize leads to: verify, make once, send back.

A storage on local disk has its originals and renditions answered here too.
"""

from __future__ import annotations

import hashlib
import io
import logging
from typing import TYPE_CHECKING, BinaryIO, cast

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from shift_media import http
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
from shift_media.core.keys import Key, OriginalKey, RenditionKey, parse_key
from shift_media.resizes import service
from shift_media.resizes.placeholders import find_placeholder
from shift_media.resizes.stored import StoredResize
from shift_media.storages import default_media_storage, get_storage

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
"""Seconds after which a client may try again, in the ``Retry-After`` header of a 503."""

_METHODS = ("GET", "HEAD")


@login_not_required
@csrf_exempt  # It changes nothing that a client names, so that a POST is a 405 as any other.
@http.without_transactions
@http.unaltered_by_middleware
def resize(request: HttpRequest, key: str, storage: str | None = None) -> HttpResponseBase:
    """Answer a request for a key below the include: 200, 206, 302, 304, 404, 405, 416, 422 or 503.

    ``storage`` is an alias of ``STORAGES``, given by the include.
    """
    if request.method not in _METHODS:
        return _uncached(HttpResponse(status=405, headers={"Allow": ", ".join(_METHODS)}))
    found = default_media_storage if storage is None else get_storage(storage)
    media_storage = cast("MediaStorage", found)
    try:
        return _respond(request, key, media_storage)
    except NotStored as error:
        return _placeholder_response(request, key, media_storage) or error_response(error)
    except MediaError as error:
        return error_response(error)


def _respond(request: HttpRequest, key: str, storage: MediaStorage) -> HttpResponseBase:
    parsed = parse_key(key)
    _check_spelling(request, key)
    if storage.serves_files and isinstance(parsed, OriginalKey | RenditionKey):
        return _file_response(request, parsed, storage)
    delivered = service.deliver(key, storage)
    # A redirect to what the public URL lacks would come back here for ever: what was stored
    # already (a cached redirect, a race), or was made and lost, is answered with the bytes.
    is_new = not delivered.was_stored and not delivered.was_lost
    if storage.delivery == "redirect" and is_new:
        return _redirect(storage.derived_url(str(delivered.key)))
    return _content_response(request, delivered)


def _check_spelling(request: HttpRequest, key: str) -> None:
    """Refuse a path that is the key only after decoding, if the server passes the raw path on.

    Otherwise one resize would have many URLs, each of which a CDN would keep.
    """
    scope = getattr(request, "scope", None)
    if scope is not None:
        raw = cast("bytes", scope.get("raw_path") or b"").decode("latin-1")
    else:
        raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or ""
    if raw and not raw.partition("?")[0].endswith(f"/{key}"):
        raise InvalidKey(f"{raw[:300]!r} is not the canonical path of its key.")


def _file_response(
    request: HttpRequest, key: OriginalKey | RenditionKey, storage: MediaStorage
) -> HttpResponseBase:
    """Answer with a stored original or rendition."""
    private = isinstance(key, OriginalKey) and storage.originals == "private"
    if private and not storage.may_read(str(key), request.GET):
        raise NotStored("A private original was asked for without a valid signature.")
    stat = storage.stat(str(key))
    if stat is None:
        raise NotStored(f"{str(key)!r} is not stored.")
    headers = {"Cache-Control": "private, no-store" if private else http.IMMUTABLE}
    content_type, inline = _served_type(key)
    name = request.GET.get("download")
    if name is not None and not storage.may_download(str(key), request.GET):
        raise NotStored("The name of a download was not signed by this site.")
    if name is not None or not inline:
        name = name or storage.read_download_name(str(key))
        headers["Content-Disposition"] = build_disposition(name, str(key))
    body = http.ResponseBody(
        file=cast(BinaryIO, storage.fetch(str(key))),
        size=stat.size,
        content_type=content_type,
        etag=f'"{int(stat.modified.timestamp() * 1e6):x}-{stat.size:x}"',
        modified=stat.modified,
        headers=headers,
    )
    return http.respond(request, body)


def _content_response(request: HttpRequest, resize: StoredResize) -> HttpResponseBase:
    """Answer with the bytes of a resize."""
    content = resize.content
    body = http.ResponseBody(
        file=io.BytesIO(content),
        size=len(content),
        content_type=resize.content_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        headers={"Cache-Control": http.NO_STORE if resize.was_lost else http.IMMUTABLE},
    )
    return http.respond(request, body)


def _placeholder_response(
    request: HttpRequest, key: str, storage: MediaStorage
) -> HttpResponseBase | None:
    """Answer with a drawn picture in development, if the setting asks for it."""
    drawn = find_placeholder(parse_key(key), storage, request.GET)
    if drawn is None:
        return None
    body = http.ResponseBody(
        file=io.BytesIO(drawn.content),
        size=len(drawn.content),
        content_type=drawn.content_type,
        etag=f'"{hashlib.sha256(drawn.content).hexdigest()[:32]}"',
        headers={"Cache-Control": http.NO_STORE},
    )
    return http.respond(request, body)


def _redirect(url: str) -> HttpResponse:
    """Redirect to the stored resize by 302, because browsers would keep a 301 for ever."""
    return _uncached(HttpResponse(status=302, headers={"Location": url}))


def error_response(error: MediaError) -> HttpResponse:
    """Return the answer for an error; raise an error that is not one of the view's."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        raise error
    if status == 404:
        # One and the same answer for all reasons, so that none of them can be guessed.
        code, message = NotStored.code, NotStored.public
    else:
        code, message = error.code, error.public
        logger.warning("Media request failed: %s: %s", error.code, error)
    response = JsonResponse({"code": code, "message": message}, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return _uncached(response)


def _uncached(response: HttpResponse) -> HttpResponse:
    """Add the headers of every answer, and forbid caches to keep this one."""
    for name, value in http.HEADERS.items():
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
