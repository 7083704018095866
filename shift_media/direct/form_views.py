"""The view ``shift_media:upload_form``: a file by itself, for pickers that send forms.

@uppy/xhr-upload and FilePond's server API send each file as soon as it is chosen, as multipart
form data, before the form of the page is sent. The app stages the file as it stages a direct
upload, and answers with its ticket.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.core.files.base import File
from django.http import HttpRequest, HttpResponse, JsonResponse

from shift_media.core.formats import HEAD_BYTES
from shift_media.direct import parts, tickets
from shift_media.direct.access import with_known_user
from shift_media.direct.answers import answering_errors
from shift_media.direct.parts import PartsRefused
from shift_media.direct.staged_file import StagedFile
from shift_media.fields.pending import held_by_pending
from shift_media.http import without_transactions
from shift_media.quotas import release
from shift_media.storages.validation import get_served_type
from shift_media.validators import InvalidMedia

_TOKEN_BYTES: Final = 10_000


@login_not_required
@without_transactions
@with_known_user
@answering_errors("POST", "DELETE")
def upload_form(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Stage the file of a form and answer with its ticket (201), or forget one (204).

    ``?field=gallery.Photo.image`` names the field. The answer is ``{"ticket": "…"}``, or with
    ``?answer=text`` the ticket alone, as FilePond expects it. To forget a file, the ticket is the
    body of a DELETE.
    """
    if request.method == "DELETE":
        return _forget(request)
    file: Any = next(iter(request.FILES.values()), None)
    if file is None and "Upload-Length" in request.headers:
        detail = "Chunks are not taken: leave out chunkUploads, or use shiftMedia.upload."
        raise PartsRefused("chunks_unsupported", detail)
    if file is None:
        raise InvalidMedia("upload_refused", "The request contains no file.")
    if not file.size:
        raise InvalidMedia("empty")
    ticket = tickets.issue(request, _announcement(request.GET.get("field"), file))
    try:
        file.seek(0)
        ticket.storage.put(
            ticket.key,
            file,
            content_type=get_served_type(ticket.staged_type),
            sha256=ticket.sha256,
            size=ticket.size,
        )
    except BaseException:
        release(ticket.key)
        raise
    if request.GET.get("answer") == "text":
        return HttpResponse(ticket.token, content_type="text/plain", status=201)
    return JsonResponse({"ticket": ticket.token, "seconds": tickets.SECONDS}, status=201)


def _announcement(field: str | None, file: File[Any]) -> dict[str, Any]:
    digest, head = hashlib.sha256(), b""
    for chunk in file.chunks():
        head = head or chunk[:HEAD_BYTES]
        digest.update(chunk)
    return {
        "field": field,
        "name": file.name or "file",
        "head": base64.b64encode(head).decode(),
        "size": file.size,
        "sha256": digest.hexdigest(),
    }


def _forget(request: HttpRequest) -> HttpResponse:
    """Make a ticket invalid, as if its file had been stored; delete parts that were sent.

    A picker may empty itself after the form was sent. A file that a task is still to store stays.
    """
    token = request.read(_TOKEN_BYTES).decode("ascii", "replace").strip()
    ticket = tickets.verify(token, request)
    if ticket.part_size and not parts.abort(ticket) and ticket.storage.stat(ticket.key) is None:
        return HttpResponse(status=204)  # It is being completed, and expires unless it is used.
    if not held_by_pending([ticket.key]):
        StagedFile(token, request).on_stored()
    return HttpResponse(status=204)
