"""The request of the moment, by which the user of a direct upload is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from shift_media.http import NO_STORE
from shift_media.storages.server_copy import SourceChanged
from shift_media.validators import InvalidMedia

USED = "upload_missing"
"""Code of the error that a staged file is gone, or that its ticket was used."""

_current: ContextVar[HttpRequest | None] = ContextVar("shift_media_request", default=None)


def current_request() -> HttpRequest | None:
    """Return the request that is being answered; None without `DirectUploadMiddleware`."""
    return _current.get()


class DirectUploadMiddleware:
    """Let each form with an input of `shift_media.widgets` take direct uploads, the admin's too.

    A form does not know its request, and a ticket is valid only for the user to whom it was given.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the response to a request, which is kept meanwhile."""
        if iscoroutinefunction(self._get_response):
            return self._respond(request)
        token = _current.set(request)
        try:
            response: HttpResponseBase = self._get_response(request)
        finally:
            _current.reset(token)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return 409 if another request has used a ticket since the form of this one was valid."""
        if isinstance(exception, SourceChanged):
            exception = InvalidMedia(USED, str(exception))
        if not isinstance(exception, InvalidMedia) or exception.code != USED:
            return None
        headers = {"Cache-Control": NO_STORE}
        return HttpResponse(exception.sentence, "text/plain", status=409, headers=headers)

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        token = _current.set(request)
        try:
            response: HttpResponseBase = await self._get_response(request)
        finally:
            _current.reset(token)
        return response
