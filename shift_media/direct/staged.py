"""What was uploaded directly, as the file that a form, a serializer or a field takes."""

from __future__ import annotations

import hashlib
import io
import logging
from functools import cached_property
from typing import Any, Final

from django.core.files.base import File
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict

from shift_media.core.errors import MediaError
from shift_media.core.formats import HEAD_BYTES, SAFE_TYPE, detect
from shift_media.direct import tickets
from shift_media.direct.tickets import Ticket
from shift_media.validators import InvalidMedia

logger = logging.getLogger("shift_media")

SUFFIX: Final = "-upload"
"""What follows the name of a file input in the name of the one that holds its ticket."""

_CHUNK = 1 << 20


def files(request: HttpRequest) -> MultiValueDict[str, Any]:
    """Give the files of a request, and those that were uploaded directly before it.

    ``PhotoForm(request.POST, files(request))``: for each ``image-upload`` that holds a ticket
    there is a file ``image``, unless one came with the request. What is wrong with a ticket is an
    error of the form's field.
    """
    found: MultiValueDict[str, Any] = request.FILES.copy()
    for name, token in request.POST.items():
        target = name.removesuffix(SUFFIX)
        if target != name and token and target not in found:
            found[target] = StagedFile(str(token), request)
    return found


class StagedFile(File):  # type: ignore[type-arg]  # Django has no generics at run time
    """A file that its ticket says was uploaded: read, and compared with it, when it is looked at.

    Args:
        token: as the client sent it.
        request: whose user must be the ticket's.

    Raises `InvalidMedia` when it is read, not when it is made.
    """

    def __init__(self, token: str, request: HttpRequest) -> None:
        self.ticket: Ticket | None = None
        self._refused: InvalidMedia | None = None
        try:
            self.ticket = tickets.read(token, request)
        except InvalidMedia as error:
            self._refused = error
        self.name = self.ticket.name if self.ticket else "file"

    @property
    def size(self) -> int:
        """The size that was announced, and that the bytes are held to."""
        return self.ticket.size if self.ticket else 1

    @cached_property
    def file(self) -> File[Any]:  # type: ignore[override]
        """The bytes, held to the ticket."""
        if self.ticket is None:
            raise self._refused or InvalidMedia("upload_refused")
        return _fetched(self.ticket)

    def __del__(self) -> None:
        # No request closes it, as one does with what came with itself.
        opened: File[Any] | None = self.__dict__.get("file")
        if opened is not None:
            opened.close()

    def on_stored(self) -> None:
        """Put an empty object in place of the bytes, which lie elsewhere now.

        With nothing in its place the presigned URL would write it again.
        """
        if self.ticket is None:
            return
        storage, key = self.ticket.storage, self.ticket.key
        try:
            storage.delete(key)
            storage.put(key, io.BytesIO(), content_type=SAFE_TYPE, size=0)
        except (MediaError, OSError) as error:
            logger.warning("%s stays until media_cleanup removes it: %s", key, error)


def _fetched(ticket: Ticket) -> File[Any]:
    stat = ticket.storage.stat(ticket.key)
    if stat is None or stat.size == 0:
        raise InvalidMedia("upload_missing", f"Nothing, or no more, lies under {ticket.key!r}.")
    if stat.size != ticket.size:
        raise InvalidMedia("upload_differs", f"{stat.size} bytes came, not {ticket.size}.")
    file = ticket.storage.open(ticket.key)
    try:
        check(file, ticket)
    except BaseException:
        file.close()
        raise
    return file


def check(file: File[Any], ticket: Ticket) -> None:
    """Read a file to its end and hold it to the ticket; leave it at its beginning."""
    digest, size, head = hashlib.sha256(), 0, b""
    while chunk := file.read(_CHUNK):
        head = head or chunk[:HEAD_BYTES]
        size += len(chunk)
        digest.update(chunk)
    if size != ticket.size or digest.hexdigest() != ticket.sha256:
        raise InvalidMedia("upload_differs", f"{ticket.key!r} has another SHA-256.")
    seen = detect(head).content_type
    if seen != ticket.content_type:
        raise InvalidMedia("upload_differs", f"It is {seen}, not {ticket.content_type}.")
    file.seek(0)
