"""The view that a request for a missing resize leads to: verify, make once, send back.

A storage on local disk has its originals and renditions answered here too, and a private storage
everything: see `shift_media.resizes.private_files`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from shift_media import http, metrics
from shift_media.core.errors import InvalidKey, MediaError, NotStored
from shift_media.core.keys import OriginalKey, RenditionKey, parse_key
from shift_media.request_ids import identified
from shift_media.resizes import private_files, responses, service
from shift_media.resizes.placeholders import find_placeholder
from shift_media.resizes.private_files import NotPermitted
from shift_media.resizes.stored import StoredResize
from shift_media.storages import default_media_storage, get_storage, unwrap

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

_METHODS = ("GET", "HEAD")


@login_not_required
@csrf_exempt  # It changes nothing that a client names, so that a POST is a 405 as any other.
@identified
@metrics.measured
@http.without_transactions
@http.unaltered_by_middleware
def resize(
    request: HttpRequest, key: str, storage: str | None = None, token: str = ""
) -> HttpResponseBase:
    """Answer a request for a key below the include: 200, 206, 302, 304, 404, 405, 416, 422 or 503.

    ``storage`` is an alias of ``STORAGES``, given by the include. ``token`` stands before the key
    in URLs of private playlists.
    """
    found = default_media_storage if storage is None else get_storage(storage)
    media_storage = cast("MediaStorage", unwrap(found))
    common = http.PRIVATE_HEADERS if media_storage.derived == "private" else http.HEADERS
    if request.method not in _METHODS:
        refused = HttpResponse(status=405, headers={"Allow": ", ".join(_METHODS)})
        return responses.uncached(refused, common)
    try:
        return _respond(request, key, media_storage, token)
    except NotPermitted as error:
        return responses.error_response(error, common)
    except NotStored as error:
        drawn = _placeholder_response(request, key, media_storage, common)
        return drawn or responses.error_response(error, common)
    except MediaError as error:
        return responses.error_response(error, common)


def _respond(
    request: HttpRequest, key: str, storage: MediaStorage, token: str
) -> HttpResponseBase:
    parsed = parse_key(key)
    _check_spelling(request, f"{token}/{key}" if token else key)
    if private_files.is_private(parsed, storage):
        return private_files.respond(request, parsed, storage, token)
    if token:
        raise NotPermitted("A public file was asked for with a token.")
    if storage.serves_files and isinstance(parsed, OriginalKey | RenditionKey):
        return _file_response(request, parsed, storage)
    resize = service.verify(parsed)
    path = storage.accel_path(key)
    delivered = service.deliver_verified(resize, storage, with_content=path is None)
    # A redirect to what the public URL lacks would come back here for ever: what was stored
    # already (a cached redirect, a race), or was made and lost, is answered with the bytes.
    is_new = not delivered.was_stored and not delivered.was_lost
    if storage.delivery == "redirect" and is_new:
        return responses.redirect(storage.derived_url(key))
    if path is not None and not delivered.was_lost:
        return responses.respond_by_server(request, resize, storage, path, http.IMMUTABLE)
    return _content_response(request, delivered)


def _file_response(
    request: HttpRequest, key: OriginalKey | RenditionKey, storage: MediaStorage
) -> HttpResponseBase:
    """Answer with a public file of the disk, or let the web server send it."""
    path = storage.accel_path(str(key))
    if path is not None:
        return responses.respond_by_server(request, key, storage, path, http.IMMUTABLE)
    return responses.respond_with_file(request, key, storage, http.IMMUTABLE)


def _check_spelling(request: HttpRequest, path: str) -> None:
    """Refuse a path that is the key only after decoding, if the server passes the raw path on.

    Otherwise one resize would have many URLs, each of which a CDN would keep.
    """
    scope = getattr(request, "scope", None)
    if scope is not None:
        raw = cast("bytes", scope.get("raw_path") or b"").decode("latin-1")
    else:
        raw = request.META.get("RAW_URI") or request.META.get("REQUEST_URI") or ""
    if raw and not raw.partition("?")[0].endswith(f"/{path}"):
        raise InvalidKey(f"{raw[:300]!r} is not the canonical path of its key.")


def _content_response(request: HttpRequest, resize: StoredResize) -> HttpResponseBase:
    """Answer with the bytes of a resize."""
    caching = http.NO_STORE if resize.was_lost else http.IMMUTABLE
    return responses.respond_with_bytes(request, resize.content, resize.content_type, caching)


def _placeholder_response(
    request: HttpRequest, key: str, storage: MediaStorage, common: responses.Headers
) -> HttpResponseBase | None:
    """Answer with a drawn picture in development, if the setting asks for it."""
    drawn = find_placeholder(parse_key(key), storage, request.GET)
    if drawn is None:
        return None
    return responses.respond_with_bytes(
        request, drawn.content, drawn.content_type, http.NO_STORE, common
    )
