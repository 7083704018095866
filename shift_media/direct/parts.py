"""Uploads in parts: what the view ``shift_media:upload`` answers once there is a ticket.

Each request of a client has the ticket, which names the upload, its parts and its user. Which
parts are stored is asked of the storage. So a client can go on after anything that happens to it,
and tell the app nothing wrong.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError

from shift_media.core.errors import MediaError
from shift_media.direct import tickets
from shift_media.direct.tickets import PARTS_SECONDS, SECONDS, Ticket
from shift_media.quotas import (
    abort_completion,
    begin_completion,
    release,
    release_unless_completing,
)
from shift_media.storages.multipart import (
    DifferingPart,
    MultipartUploads,
    NoSuchUpload,
    StoredPart,
)
from shift_media.validators import InvalidMedia

HEADER: Final = "X-Upload-Ticket"
PART_HEADER: Final = "X-Upload-Part"

_MD5_BYTES: Final = 16
_MOST_NAMED: Final = 1000  # missing parts in one answer


class PartsRefused(MediaError):
    """A request about parts that cannot be answered, with what the client needs to go on.

    Args:
        code: for the client's program.
        message: for its user.
        status: of the answer.
        facts: further parts of the answer.
    """

    def __init__(self, code: str, message: str, status: int = 400, **facts: Any) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.content = {"code": code, "message": message, **facts}


def begin(ticket: Ticket) -> JsonResponse:
    """Begin an upload in parts, and answer with its ticket."""
    try:
        upload_id = _multipart(ticket).begin(ticket.key, content_type=ticket.staged_type)
    except MediaError:
        release(ticket.key)  # The client has no ticket.
        raise
    token = replace(ticket, upload_id=upload_id).token
    content = {"ticket": token, "part_size": ticket.part_size, "seconds": PARTS_SECONDS}
    return JsonResponse(content, status=201)


def act(request: HttpRequest, content: Mapping[str, Any]) -> HttpResponse:
    """Answer a request about an upload that was begun: its ``action`` is one of `_ACTIONS`."""
    ticket = tickets.verify(str(content.get("ticket", "")), request)
    action = _ACTIONS.get(str(content["action"]))
    if action is None or not ticket.part_size:
        known = ", ".join(_ACTIONS)
        detail = f"The action is none of {known}, or the ticket is not one of an upload in parts."
        raise InvalidMedia("upload_refused", detail)
    return action(request, ticket, content)


def receive(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Store the part in the body of a request, if the storage leaves that to the app."""
    number = request.headers.get(PART_HEADER, "")
    return receive_part(request, ticket, number, _md5(request.headers.get("Content-MD5")))


def receive_part(request: HttpRequest, ticket: Ticket, part: str, md5: str = "") -> HttpResponse:
    """Store a part, of which the number is a text, and the MD5 empty if the client sends none."""
    number = _number(ticket, _as_int(part))
    size = _size(ticket, number)
    if _sign(ticket, number, md5) is not None:
        raise PermissionDenied
    if request.META.get("CONTENT_LENGTH") != str(size):
        raise InvalidMedia("upload_differs", "The length is not that of the part.")
    try:
        _multipart(ticket).put_part(
            ticket.key, ticket.upload_id, number, request, size=size, md5=md5
        )
    except (DifferingPart, UnreadablePostError) as error:
        raise PartsRefused("part_differs", "The part did not arrive as it was sent.") from error
    except NoSuchUpload as error:
        raise InvalidMedia("upload_missing", str(error)) from error
    return HttpResponse(status=204)


def _answer_sign(request: HttpRequest, ticket: Ticket, content: Mapping[str, Any]) -> HttpResponse:
    """Answer with the signed PUT of one part, or with the one to this view.

    For a client that cannot send headers, ``unchecked`` leaves out the MD5.
    """
    number = _number(ticket, content.get("number"))
    unchecked = content.get("unchecked") is True
    md5 = "" if unchecked else _md5(content.get("md5"))
    signed = _sign(ticket, number, md5)
    if signed is not None:
        target: dict[str, Any] = {"url": signed.url, "headers": dict(signed.headers)}
    elif unchecked:
        query = urlencode({"ticket": ticket.token, "number": number})
        target = {"url": f"{request.path}s3/?{query}", "headers": {}}
    else:
        headers = {HEADER: ticket.token, PART_HEADER: str(number), "Content-MD5": md5}
        target = {"url": request.path, "headers": headers}
    return JsonResponse({"method": "PUT", **target})


def _answer_list(request: HttpRequest, ticket: Ticket, content: Mapping[str, Any]) -> HttpResponse:
    """Answer with the numbers of the parts that are stored."""
    return JsonResponse({"part_size": ticket.part_size, "parts": stored_numbers(ticket)})


def stored_numbers(ticket: Ticket) -> list[int]:
    """Return the numbers of the parts that are stored whole."""
    missing = _missing(ticket, _stored(ticket))
    return [number for number in _numbers(ticket) if number not in missing]


def _answer_complete(
    request: HttpRequest, ticket: Ticket, content: Mapping[str, Any]
) -> HttpResponse:
    complete(ticket)
    return JsonResponse({"ticket": ticket.token})


def complete(ticket: Ticket) -> None:
    """Make one file of the parts; do nothing if that was done before."""
    if not begin_completion(ticket.key):
        raise InvalidMedia("upload_missing", f"{ticket.key!r} was used, or aborted.")
    try:
        _complete_once(ticket)
    except PartsRefused:
        abort_completion(ticket.key)
        raise


def _complete_once(ticket: Ticket) -> None:
    stored = _stored(ticket)
    missing = sorted(_missing(ticket, stored))
    if missing:
        named = missing[:_MOST_NAMED]
        raise PartsRefused("parts_missing", "Parts are missing.", 409, parts=named)
    if stored is not None:
        _complete(ticket, {number: stored[number] for number in _numbers(ticket)})
        _require_whole(ticket)


def _complete(ticket: Ticket, stored: Mapping[int, StoredPart]) -> None:
    uploads = _multipart(ticket)
    try:
        if not uploads.complete(ticket.key, ticket.upload_id, stored):
            uploads.abort(ticket.key, ticket.upload_id)
    except NoSuchUpload:
        pass  # Another request has completed it at the same time.
    except DifferingPart as error:
        raise PartsRefused("parts_missing", "A part was replaced.", 409, parts=[]) from error


def _answer_abort(
    request: HttpRequest, ticket: Ticket, content: Mapping[str, Any]
) -> HttpResponse:
    abort(ticket)
    return HttpResponse(status=204)


def abort(ticket: Ticket) -> bool:
    """Delete the parts; a completed upload stays as it is, and counts in the quota.

    With a quota, so does one that another request is completing at the moment: returns False.
    """
    is_released = release_unless_completing(ticket.key)
    if is_released:
        _multipart(ticket).abort(ticket.key, ticket.upload_id)
    return is_released


Action = Callable[[HttpRequest, Ticket, Mapping[str, Any]], HttpResponse]
_ACTIONS: Final[Mapping[str, Action]] = {
    "sign": _answer_sign,
    "list": _answer_list,
    "complete": _answer_complete,
    "abort": _answer_abort,
}


def _multipart(ticket: Ticket) -> MultipartUploads:
    uploads = ticket.storage.multipart
    if uploads is None:
        raise PartsRefused("parts_unsupported", "Send the file in one piece.")
    return uploads


def _stored(ticket: Ticket) -> Mapping[int, StoredPart] | None:
    """Return the stored parts; None if they are one file already."""
    try:
        return _multipart(ticket).parts(ticket.key, ticket.upload_id)
    except NoSuchUpload:
        _require_whole(ticket)
        return None


def _missing(ticket: Ticket, stored: Mapping[int, StoredPart] | None) -> set[int]:
    """Return the numbers of the parts that are not stored, or with another size."""
    if stored is None:
        return set()
    sizes = {number: part.size for number, part in stored.items()}
    return {number for number in _numbers(ticket) if sizes.get(number) != _size(ticket, number)}


def _require_whole(ticket: Ticket) -> None:
    """Raise `InvalidMedia` unless the completed file is stored, and was not used yet."""
    stat = ticket.storage.stat(ticket.key)
    if stat is None or stat.size != ticket.size:
        raise InvalidMedia("upload_missing", f"{ticket.key!r} is missing or was used.")


def _sign(ticket: Ticket, number: int, md5: str) -> Any:
    seconds = max(1, min(SECONDS, ticket.expires - int(time.time())))
    size = _size(ticket, number)
    return _multipart(ticket).sign(
        ticket.key, ticket.upload_id, number, size=size, md5=md5, seconds=seconds
    )


def _numbers(ticket: Ticket) -> range:
    return range(1, -(-ticket.size // ticket.part_size) + 1)


def _size(ticket: Ticket, number: int) -> int:
    return min(ticket.part_size, ticket.size - (number - 1) * ticket.part_size)


def _as_int(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) < len("100000")
    return int(text) if is_number else None


def _number(ticket: Ticket, number: object) -> int:
    numbers = _numbers(ticket)
    if type(number) is not int or number not in numbers:
        detail = f"The number of a part must be 1 to {len(numbers)}, got {number!r}."
        raise InvalidMedia("upload_refused", detail)
    return number


def _md5(text: object) -> str:
    try:
        digest = base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise InvalidMedia("upload_refused", f"md5 must be 16 bytes in base64, got {text!r}.")
    return str(text)
