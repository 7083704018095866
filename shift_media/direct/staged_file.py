"""Staged files: direct uploads, as files that forms, serializers and fields accept."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict

from shift_media.core.errors import NotStored, StorageError
from shift_media.direct import tickets
from shift_media.direct.middleware import current_request
from shift_media.direct.staged_bytes import StagedBytes, open_staged
from shift_media.direct.tickets import Ticket
from shift_media.fields.pending import database_of, retire_staged
from shift_media.staging import UsedTicket
from shift_media.storages.naming import is_same_storage
from shift_media.storages.server_copy import ServerCopy, SourceChanged
from shift_media.validators import InvalidMedia
from shift_media.widgets import SUFFIX

logger = logging.getLogger("shift_media")


def files(request: HttpRequest) -> MultiValueDict[str, Any]:
    """Return the files of a request, with those that were uploaded directly before it.

    Inputs of `shift_media.widgets` do without, on a site with `DirectUploadMiddleware`.
    ``PhotoForm(request.POST, files(request))``: for each ``image-upload`` with a ticket there is a
    file ``image``, unless the request has one. An invalid ticket becomes an error of the form's
    field.
    """
    all_files: MultiValueDict[str, Any] = request.FILES.copy()
    for name, token in request.POST.items():
        input_name = name.removesuffix(SUFFIX)
        if input_name != name and token and input_name not in all_files:
            all_files[input_name] = StagedFile(str(token), request)
    return all_files


def file_of_ticket(token: str) -> StagedFile:
    """Return the file of a ticket, whose user must be that of the current request."""
    return StagedFile(token, current_request())


class StagedFile(File):  # type: ignore[type-arg]  # Django has no generics at run time
    """A file that was uploaded directly, and is fetched when it is first read.

    Reading it raises `InvalidMedia` if the ticket is invalid, or if the bytes differ from those
    that the ticket describes. Making it raises nothing, so that the error becomes one of the form.

    Args:
        token: the ticket, as the client sent it.
        request: a request of the user for whom the ticket was issued. Without one the ticket is
            refused, because it may be another user's.
    """

    def __init__(self, token: str, request: HttpRequest | None) -> None:
        self.ticket: Ticket | None = None
        self._error: InvalidMedia | None = None
        try:
            self.ticket = _verify(token, request)
        except InvalidMedia as error:
            self._error = error
        self.name = self.ticket.name if self.ticket else "file"

    @property
    def size(self) -> int:
        """The announced size in bytes, with which that of the bytes is compared."""
        return self.ticket.size if self.ticket else 1

    @property
    def known_sha256(self) -> str:
        """The SHA-256 of the bytes, which were hashed when they were compared."""
        return self._bytes.sha256

    @property
    def is_read_by_ranges(self) -> bool:
        """True if the file is large and in a bucket, so that each jump in it is a request."""
        return self._bytes.is_read_by_ranges

    @property
    def may_wait(self) -> bool:
        """True if the file is so large that a task may hash it, and store it."""
        return self._bytes.may_wait

    @property
    def staged_key(self) -> str:
        """The key of the staged bytes."""
        return self.ticket.key if self.ticket else ""

    @property
    def announced_sha256(self) -> str:
        """The SHA-256 that the client has announced; ``""`` for an upload in parts."""
        return self.ticket.sha256 if self.ticket else ""

    def server_copy(self, storage: Storage) -> ServerCopy | None:
        """Return a copy of the bytes that were read, which a storage makes by itself, or None."""
        if self.ticket is None or not is_same_storage(storage, self.ticket.storage):
            return None
        return self._bytes.version

    @cached_property
    def file(self) -> File[Any]:  # type: ignore[override]
        """The bytes, once they have been compared with the ticket."""
        return self._bytes.file

    @cached_property
    def _bytes(self) -> StagedBytes:
        if self.ticket is None:
            error = self._error or InvalidMedia("upload_refused")
            if error.code == "upload_unsupported":
                logger.error("%s", error)  # A mistake of the site: its user can do nothing.
            raise error
        return _fetch(self.ticket)

    def __del__(self) -> None:
        # Django closes the files that came with a request, but not this one.
        opened: StagedBytes | None = self.__dict__.get("_bytes")
        if opened is not None:
            opened.file.close()

    def use_ticket(self, using: str) -> None:
        """Note that a row is written with the ticket, in the transaction that writes it.

        Raises `InvalidMedia` if another row was. If a transaction with another row is under way,
        the database waits for it.
        """
        if self.ticket is None:
            return
        expires = datetime.fromtimestamp(self.ticket.expires, UTC)
        database = database_of(using, UsedTicket)
        try:
            with transaction.atomic(database):
                UsedTicket.objects.using(database).create(staged=self.ticket.key, expires=expires)
        except IntegrityError as error:
            detail = f"{self.ticket.key!r} was used for another row."
            raise InvalidMedia("upload_missing", detail) from error

    def on_stored(self) -> None:
        """Replace the staged bytes with an empty object, after they were stored elsewhere.

        If the object were only deleted, the presigned URL could write it again.
        """
        if self.ticket is not None:
            retire_staged(self.ticket.storage, self.ticket.key)


def _verify(token: str, request: HttpRequest | None) -> Ticket:
    if request is not None:
        return tickets.verify(token, request)
    raise InvalidMedia(
        "upload_unsupported",
        "The ticket of a direct upload was refused, because the request that sent it is not "
        'known. Add "shift_media.direct.middleware.DirectUploadMiddleware" to MIDDLEWARE, or pass '
        "shift_media.direct.files(request) to the form, or the request to the serializer.",
    )


def _fetch(ticket: Ticket) -> StagedBytes:
    """Return the staged bytes of a ticket; raise `InvalidMedia` if they are not as announced.

    A storage that fails is an error of the form too: the ticket stays valid, and the user can send
    the same form again.
    """
    try:
        return open_staged(ticket)
    except NotStored as error:
        raise InvalidMedia("upload_missing", str(error)) from error
    except SourceChanged as error:
        raise InvalidMedia("upload_differs", str(error)) from error
    except (StorageError, OSError) as error:
        logger.exception("The direct upload %r cannot be read.", ticket.key)
        raise InvalidMedia("upload_unread", f"{ticket.key!r} cannot be read: {error}") from error
