"""The requests of S3's protocol for an upload in parts, as far as @uppy/aws-s3 sends them.

That plugin has each request signed, and sends it to the URL that it gets. Parts go to the bucket.
The other requests come here, so that the app asks the storage which parts there are, and completes
an upload only if they are all of the announced size. A ticket in the query replaces the signature:
it is a secret of the page to which it was issued, so that the requests need no CSRF token.

Source: CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload and
AbortMultipartUpload in the Amazon S3 API reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from shift_media.core.errors import Busy, OutOfResources, StorageError
from shift_media.direct import parts, tickets
from shift_media.direct.tickets import Ticket
from shift_media.http import HEADERS, NO_STORE, without_transactions
from shift_media.validators import InvalidMedia

logger = logging.getLogger("shift_media")

_XML: Final = "application/xml"


@login_not_required
@without_transactions
@csrf_exempt
def upload_s3(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Answer one request of S3's protocol for the upload of the ticket in the query."""
    action = _ACTIONS.get(str(request.method))
    if action is None:
        response = HttpResponse(status=405, headers={"Allow": ", ".join(_ACTIONS)})
    else:
        response = _answered(action, request)
    response["X-Content-Type-Options"] = HEADERS["X-Content-Type-Options"]
    response["Cache-Control"] = NO_STORE
    return response


Action = Callable[[HttpRequest, Ticket], HttpResponse]


def _answered(action: Action, request: HttpRequest) -> HttpResponse:
    try:
        ticket = tickets.verify(request.GET.get("ticket", ""), request)
        if not ticket.part_size:
            raise InvalidMedia("upload_refused", "The ticket is not one of an upload in parts.")
        return action(request, ticket)
    except parts.PartsRefused as error:
        return _error(error.status, error.code, str(error))
    except PermissionDenied:
        return _error(403, "AccessDenied", "The bytes of a part go to the bucket.")
    except InvalidMedia as error:
        return _error(400, str(error.code), error.sentence)
    except (Busy, OutOfResources, StorageError) as error:
        logger.warning("A direct upload failed: %s: %s", error.code, error)
        return _error(503, error.code, error.public)


def _list_parts(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Answer as ListParts, with the parts that need not be sent again."""
    part = "<Part><PartNumber>{0}</PartNumber><ETag>{0}</ETag></Part>"
    listed = (part.format(number) for number in parts.stored_numbers(ticket))
    return _document("ListPartsResult", "".join(listed))


def _create_or_complete(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Answer as CreateMultipartUpload, or complete the upload whose id is in the query.

    The upload was begun when the ticket was issued, and the parts that the client names are not
    read: those that are stored count.
    """
    if "uploadId" not in request.GET:
        return _document("InitiateMultipartUploadResult", "<UploadId>1</UploadId>")
    parts.complete(ticket)
    key = escape(ticket.key)
    facts = f"<Location>{key}</Location><Key>{key}</Key>"
    return _document("CompleteMultipartUploadResult", facts)


def _put_part(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Store a part where the app takes the bytes."""
    number = request.GET.get("number", "")
    parts.receive_part(request, ticket, number)
    return HttpResponse(headers={"ETag": f'"{int(number)}"'})


def _abort(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    parts.abort(ticket)
    return HttpResponse(status=204)


_ACTIONS: Final[dict[str, Action]] = {
    "GET": _list_parts,
    "POST": _create_or_complete,
    "PUT": _put_part,
    "DELETE": _abort,
}


def _document(name: str, content: str) -> HttpResponse:
    return HttpResponse(f"<{name}>{content}</{name}>", content_type=_XML)


def _error(status: int, code: str, message: str) -> HttpResponse:
    content = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return HttpResponse(content, content_type=_XML, status=status)
