"""Answers about private files: signature, then permission, then the bytes or the way to them.

Nothing touches the storage, a cache or the database before the URL has proved to be signed for
this file and not to have expired. Then ``SHIFT_MEDIA["MAY_READ"]`` is asked, and only then the
storage. What a client may not read looks like what does not exist.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from shift_media import http
from shift_media.conf import settings
from shift_media.core.errors import InvalidKey, NotStored, StorageError
from shift_media.core.keys import (
    Key,
    MezzanineKey,
    OriginalKey,
    RenditionKey,
    ResizeKey,
    parse_key,
)
from shift_media.core.private_urls import find_folder, names_others, read_query
from shift_media.resizes import responses, service
from shift_media.resizes.stored import StoredResize
from shift_media.storages.private_paths import find_permit
from shift_media.video.playlists import replace_names

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

MayRead = Callable[[HttpRequest, str], bool]

NEVER = "private, no-store"

REDIRECT_SECONDS = 540
"""The longest time in seconds for which browsers keep a redirect to the bucket.

Temporary credentials of AWS are renewed ten minutes before their end at the latest, and with them
ends each URL that they signed.
"""

_REFUSALS = (PermissionDenied, Http404, ObjectDoesNotExist)
"""Exceptions by which ``MAY_READ`` refuses a reader, such as the ``DoesNotExist`` of a model."""

_LONGEST_LIST = 4 << 20
"""Bytes of the longest playlist that is answered; one of a film of ten hours has a tenth."""


class NotPermitted(NotStored):
    """The URL is forged, has expired or is another file's, or its reader has no permission."""


def is_private(key: Key, storage: MediaStorage) -> bool:
    """Return True for a file that the app answers only to readers who may have it."""
    if storage.derived == "private":
        return True
    return storage.serves_files and storage.originals == "private" and isinstance(key, OriginalKey)


def respond(request: HttpRequest, key: Key, storage: MediaStorage, token: str) -> HttpResponseBase:
    """Respond with a private file, or redirect to the bucket. Raises a `MediaError`."""
    if isinstance(key, MezzanineKey):
        raise NotPermitted("A mezzanine is for the app alone.")
    seconds = _find_seconds(request, key, storage, token)
    if isinstance(key, ResizeKey):
        service.verify(key)
    _ask_permission(request, key)
    caching = f"private, max-age={seconds}, immutable"
    if isinstance(key, OriginalKey) or settings.MAY_READ is not None:
        caching = NEVER
    if isinstance(key, ResizeKey):
        return _resize_response(request, key, storage, caching, seconds)
    if names_others(key) and not storage.serves_files:
        return _list_response(request, cast(RenditionKey, key), storage, caching, seconds)
    return _stored_response(request, key, storage, caching, seconds)


def _find_seconds(request: HttpRequest, key: Key, storage: MediaStorage, token: str) -> int:
    """Return for how many seconds the URL is still valid. Raises `NotPermitted`."""
    if isinstance(key, OriginalKey):
        if token or not storage.may_read(str(key), request.GET):
            raise NotPermitted("A private original was asked for without a valid signature.")
        permit = read_query(request.GET)  # None in a storage with signatures of its own
    else:
        permit = find_permit(key, request.GET, token)
        if permit is None:
            raise NotPermitted("A private file was asked for without a valid signature.")
    return max(1, permit.expires - int(time.time())) if permit else storage.url_expire


def _ask_permission(request: HttpRequest, key: Key) -> None:
    """Ask the function of the site. Raises `NotPermitted`."""
    if settings.MAY_READ is None:
        return
    may_read = cast(MayRead, import_string(settings.MAY_READ))
    try:
        permitted = may_read(request, str(key))
    except _REFUSALS as error:
        raise NotPermitted(f'SHIFT_MEDIA["MAY_READ"] raised {type(error).__name__}.') from error
    if permitted is not True:
        raise NotPermitted(f'SHIFT_MEDIA["MAY_READ"] returned {permitted!r}, not True.')


def _resize_response(
    request: HttpRequest, key: ResizeKey, storage: MediaStorage, caching: str, seconds: int
) -> HttpResponseBase:
    sends_bytes = storage.delivery == "content" and storage.accel_path(str(key)) is None
    delivered = service.deliver_verified(key, storage, with_content=sends_bytes)
    if delivered.was_lost:
        caching = http.NO_STORE
    if delivered.was_lost or sends_bytes:
        return _bytes_response(request, delivered, caching)
    return _stored_response(request, key, storage, caching, seconds)


def _bytes_response(request: HttpRequest, resize: StoredResize, caching: str) -> HttpResponseBase:
    return responses.respond_with_bytes(
        request, resize.content, resize.content_type, caching, http.PRIVATE_HEADERS
    )


def _stored_response(
    request: HttpRequest,
    key: Key,
    storage: MediaStorage,
    caching: str,
    seconds: int,
) -> HttpResponseBase:
    """Answer by the web server, by the bucket, or with the bytes, as the storage is set up."""
    path = storage.accel_path(str(key))
    if path is not None:
        return responses.respond_by_server(
            request, key, storage, path, caching, http.PRIVATE_HEADERS
        )
    url = storage.presigned_url(
        str(key),
        seconds=seconds,
        method=str(request.method),
        caching=caching,
        name=responses.find_download_name(request, key, storage) or "",
    )
    if url is not None:
        response = responses.redirect(url, http.PRIVATE_HEADERS)
        response["Cache-Control"] = NEVER if caching == NEVER else _redirect_caching(seconds)
        return response
    if not storage.serves_files:
        request.META.pop("HTTP_RANGE", None)  # What it fetches is read from the beginning.
    return responses.respond_with_file(request, key, storage, caching, http.PRIVATE_HEADERS)


def _list_response(
    request: HttpRequest, key: RenditionKey, storage: MediaStorage, caching: str, seconds: int
) -> HttpResponseBase:
    """Answer with a file that names others, because names are relative to its own URL.

    In a playlist each segment gets a URL of the bucket, so that it costs no request to the app.
    """
    with storage.fetch(str(key)) as source:
        if source.size > _LONGEST_LIST:
            raise StorageError(f"{str(key)!r} has {source.size} bytes, too many for a playlist.")
        content = source.read()
    if key.file.endswith(".m3u8"):
        name_in_bucket = partial(_name_in_bucket, key, storage, caching, seconds)
        content = replace_names(content.decode(), name_in_bucket).encode()
        caching = NEVER if caching == NEVER else _redirect_caching(seconds)
    content_type, _ = responses.describe_file(request, key, storage)
    return responses.respond_with_bytes(
        request, content, content_type, caching, http.PRIVATE_HEADERS
    )


def _name_in_bucket(
    playlist: RenditionKey, storage: MediaStorage, caching: str, seconds: int, name: str
) -> str:
    """Return the URL of a file that a playlist names; the name itself for another playlist."""
    key = posixpath.normpath(posixpath.join(posixpath.dirname(str(playlist)), name))
    try:
        parsed = parse_key(key)
    except InvalidKey:
        return name
    if names_others(parsed) or find_folder(parsed) != find_folder(playlist):
        return name
    return storage.presigned_url(key, seconds=seconds, caching=caching) or name


def _redirect_caching(seconds: int) -> str:
    return f"private, max-age={min(seconds, REDIRECT_SECONDS)}"
