"""The view ``shift_media:upload``: tickets by POST, bytes by PUT if a storage cannot presign."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError

from shift_media.core.errors import MediaError, SourceTruncated
from shift_media.direct import parts, tickets
from shift_media.direct.access import with_known_user
from shift_media.direct.answers import answering_errors
from shift_media.direct.parts import HEADER
from shift_media.direct.tickets import Ticket
from shift_media.http import without_transactions
from shift_media.quotas import release
from shift_media.storages.validation import get_served_type
from shift_media.validators import InvalidMedia


@login_not_required
@without_transactions
@with_known_user
@answering_errors("POST", "PUT")
def upload(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Answer with a ticket (201), or store the bytes of one (204).

    ``storage`` comes from the include and is not used, because a ticket names its field. The view
    serves the site's own pages, with CSRF protection, and apps with tokens: it sends no CORS
    headers.
    """
    return _issue_ticket(request) if request.method == "POST" else _receive(request)


def _issue_ticket(request: HttpRequest) -> HttpResponse:
    try:
        announced = json.loads(request.body)
    except (ValueError, RecursionError, UnreadablePostError) as error:
        raise InvalidMedia("upload_refused", "The request is not JSON.") from error
    if not isinstance(announced, dict):
        raise InvalidMedia("upload_refused", "The request is not a JSON object.")
    if "action" in announced:
        return parts.act(request, announced)
    ticket = tickets.issue(request, announced)
    if ticket.part_size:
        return parts.begin(ticket)
    token = ticket.token
    try:
        presigned = _presign(ticket)
    except MediaError:
        release(ticket.key)  # The client has no ticket.
        raise
    if presigned is None:
        target: dict[str, Any] = {"url": request.path, "headers": {HEADER: token}}
    else:
        target = {"url": presigned.url, "headers": dict(presigned.headers)}
    content = {"ticket": token, "method": "PUT", **target, "seconds": tickets.SECONDS}
    return JsonResponse(content, status=201)


def _presign(ticket: Ticket) -> Any:
    """Return a presigned upload, or None if the storage cannot presign."""
    return ticket.storage.presigned_upload(
        ticket.key,
        content_type=ticket.staged_type,
        size=ticket.size,
        sha256=ticket.sha256,
        seconds=tickets.SECONDS,
    )


def _receive(request: HttpRequest) -> HttpResponse:
    """Store the bytes of a ticket.

    A second upload with the same ticket succeeds too, because its bytes are the same.
    """
    ticket = tickets.verify(request.headers.get(HEADER, ""), request)
    if ticket.part_size:
        return parts.receive(request, ticket)
    if _presign(ticket) is not None:
        raise PermissionDenied
    if request.META.get("CONTENT_LENGTH") != str(ticket.size):
        raise InvalidMedia("upload_differs", "The length is not the announced one.")
    try:
        ticket.storage.put(
            ticket.key,
            _Body(request, ticket),
            content_type=get_served_type(ticket.staged_type),
            sha256=ticket.sha256,
            size=ticket.size,
        )
    except SourceTruncated as error:
        raise InvalidMedia("upload_differs", str(error)) from error
    return HttpResponse(status=204)


class _Body:
    """The body of a request, which raises `InvalidMedia` if it differs from the ticket."""

    def __init__(self, request: HttpRequest, ticket: Ticket) -> None:
        self._request = request
        self._ticket = ticket
        self._left = ticket.size
        self._digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; at the end, compare size and SHA-256 with the ticket."""
        try:
            chunk = self._request.read(min(size, self._left + 1))
        except UnreadablePostError as error:
            raise InvalidMedia("upload_differs", "The client closed the connection.") from error
        self._left -= len(chunk)
        self._digest.update(chunk)
        if self._left < 0 or (not chunk and not self._is_complete()):
            raise InvalidMedia("upload_differs", "The bytes are not the announced ones.")
        return bytes(chunk)

    def _is_complete(self) -> bool:
        return not self._left and self._digest.hexdigest() == self._ticket.sha256
