"""The view that a missing resize leads to: check, make once, send back.

On local disk it also answers with the files themselves.
"""

from __future__ import annotations

import hashlib
import io
import logging
from typing import TYPE_CHECKING, BinaryIO, cast

from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shift_media import http
from shift_media.core.errors import (
    BadSignature,
    Busy,
    InvalidKey,
    InvalidSpec,
    MediaError,
    NotStored,
    SourceError,
    StorageError,
)
from shift_media.core.formats import BY_EXTENSION, RENDITION_TYPES, SAFE_TYPE
from shift_media.core.keys import Key, OriginalKey, RenditionKey, parse_key
from shift_media.resizes import service
from shift_media.storages import by_alias, default_media_storage

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

STATUS: dict[type[MediaError], int] = {
    InvalidKey: 404,
    BadSignature: 404,
    InvalidSpec: 404,  # over the limits too
    NotStored: 404,
    SourceError: 422,
    Busy: 503,
    StorageError: 503,
}
"""The one table from errors to HTTP statuses; a subclass has its parent's."""

RETRY_SECONDS = 5
_METHODS = ("GET", "HEAD")


@login_not_required
@non_atomic_requests
def resize(request: HttpRequest, key: str, storage: str | None = None) -> HttpResponseBase:
    """Answer for a key below the include: 200, 302, 404, 405, 416, 422 or 503.

    ``storage`` is an alias of ``STORAGES``, given by the include.
    """
    if request.method not in _METHODS:
        return _plain(HttpResponse(status=405, headers={"Allow": ", ".join(_METHODS)}))
    store = cast("MediaStorage", default_media_storage if storage is None else by_alias(storage))
    try:
        return _answer(request, key, store)
    except MediaError as error:
        return _failure(error)


def _answer(request: HttpRequest, key: str, storage: MediaStorage) -> HttpResponseBase:
    parsed = parse_key(key)
    _check_spelling(request, key)
    if storage.serves_files and isinstance(parsed, OriginalKey | RenditionKey):
        return _file(request, parsed, storage)
    delivered = service.deliver(key, storage)
    if storage.delivery == "redirect" and not delivered.found and not delivered.lost:
        return _redirect(storage.derived_url(str(delivered.key)))
    return _bytes(request, delivered)


def _check_spelling(request: HttpRequest, key: str) -> None:
    """Refuse a path that became the key only by decoding, where the server tells the raw path."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        raw = cast("bytes", scope.get("raw_path") or b"").decode("latin-1")
    else:
        raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or ""
    if raw and not raw.partition("?")[0].endswith(f"/{key}"):
        raise InvalidKey(f"{raw[:300]!r} is not the one spelling of its key.")


def _file(
    request: HttpRequest, key: OriginalKey | RenditionKey, storage: MediaStorage
) -> HttpResponseBase:
    """Answer with an original or a rendition as it is stored."""
    private = isinstance(key, OriginalKey) and storage.originals == "private"
    if private and not storage.may_read(str(key), request.GET):
        raise NotStored("A private original was asked for without a valid signature.")
    stat = storage.stat(str(key))
    if stat is None:
        raise NotStored(f"{str(key)!r} is not stored.")
    headers = {"Cache-Control": "private, no-store" if private else http.IMMUTABLE}
    content_type, inline = _type(key)
    if not inline:
        name = str(key).rpartition("/")[2]  # plain ASCII by the grammar
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    body = http.ResponseBody(
        file=cast(BinaryIO, storage.fetch(str(key))),
        size=stat.size,
        content_type=content_type,
        etag=f'"{int(stat.modified.timestamp() * 1e6):x}-{stat.size:x}"',
        modified=stat.modified,
        headers=headers,
    )
    return http.respond(request, body)


def _bytes(request: HttpRequest, delivered: service.Delivery) -> HttpResponseBase:
    content = delivered.content
    body = http.ResponseBody(
        file=io.BytesIO(content),
        size=len(content),
        content_type=delivered.content_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        headers={"Cache-Control": http.NO_STORE if delivered.lost else http.IMMUTABLE},
    )
    return http.respond(request, body)


def _redirect(url: str) -> HttpResponse:
    """Send back to where it is stored now: never 301, which browsers would keep for ever."""
    return _plain(HttpResponse(status=302, headers={"Location": url}))


def _failure(error: MediaError) -> HttpResponse:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        raise error
    if status == 404:  # One and the same answer, whatever was wrong.
        code, message = NotStored.code, NotStored.public
    else:
        code, message = error.code, error.public
        logger.warning("Media request failed: %s: %s", error.code, error)
    response = JsonResponse({"code": code, "message": message}, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return _plain(response)


def _plain(response: HttpResponse) -> HttpResponse:
    """Finish an answer without a file: nobody may keep it."""
    for name, value in http.HEADERS.items():
        response[name] = value
    response["Cache-Control"] = http.NO_STORE
    return response


def _type(key: Key) -> tuple[str, bool]:
    """Tell the content type of a stored file, and whether a browser may show it in place."""
    extension = str(key).rpartition(".")[2]
    format = BY_EXTENSION.get(extension)
    if format is not None:
        return format.served_type, format.inline
    return RENDITION_TYPES.get(extension, SAFE_TYPE), extension in RENDITION_TYPES
