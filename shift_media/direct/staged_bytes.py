"""The bytes of a staged file, in one version: the one that is inspected is the one that is stored.

A picture, and each small file, is fetched by one request and held here. A larger file is hashed as
it arrives, and then read by ranges.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import dataclass
from typing import Any, Final, cast

from django.core.files.base import File

from shift_media.conf import settings
from shift_media.core.documents import may_be
from shift_media.core.errors import NotStored, StorageError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.direct.tickets import Ticket
from shift_media.fields.pending import held_by_pending
from shift_media.storages.ranges import RangedFile
from shift_media.storages.server_copy import ServerCopy, SourceChanged
from shift_media.storages.validation import format_of_key
from shift_media.validators import InvalidMedia

logger = logging.getLogger("shift_media")

_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 2 << 20
_HELD: Final = 16 << 20
"""The largest file that is held here, unless it is a picture."""


@dataclass(slots=True)
class StagedBytes:
    """A staged file, and what is known of it.

    Attributes:
        file: the bytes, seekable and at their beginning.
        ticket: what was announced.
        version: of the bytes, to be copied by the storage; None if it copies nothing by itself.
        is_read_by_ranges: whether each jump in the file is a request.
        may_wait: whether a task may hash and store it.
    """

    file: File[Any]
    ticket: Ticket
    version: ServerCopy | None
    is_read_by_ranges: bool = False
    may_wait: bool = False
    _sha256: str = ""

    @property
    def sha256(self) -> str:
        """The SHA-256 in hex, for which a file that might have waited is read now."""
        if not self._sha256:
            with cast("ServerCopy", self.version).open() as stream:
                self._sha256 = _compare(stream, self.ticket)
        return self._sha256


def open_staged(ticket: Ticket) -> StagedBytes:
    """Return the staged bytes of a ticket; raise `InvalidMedia` if they are not as announced."""
    storage, key = ticket.storage, ticket.key
    version = storage.begin_copy(storage, key, link=True)
    if version is not None:
        size: int | None = version.size
    else:
        stat = storage.stat(key)
        size = stat.size if stat else None
    if not size:
        raise InvalidMedia("upload_missing", f"{key!r} is missing or was used.")
    if size != ticket.size:
        detail = f"{key!r} has {size} bytes, not the announced {ticket.size}."
        raise InvalidMedia("upload_differs", detail)
    return _open(ticket, version)


def _open(ticket: Ticket, version: ServerCopy | None) -> StagedBytes:
    if version is None:
        return _compared(StagedBytes(ticket.storage.open(ticket.key), ticket, None))
    if not _is_held(ticket):
        return _open_large(ticket, version)
    opened = version.open()
    if opened.seekable():  # It is on this machine.
        return _compared(StagedBytes(File(opened, ticket.key), ticket, version))
    with opened:
        spool = File(_spooled(opened), ticket.key)
    return _compared(StagedBytes(spool, ticket, version))


def _open_large(ticket: Ticket, version: ServerCopy) -> StagedBytes:
    ranges = _StagedRanges(ticket.size, version.open_range)
    file = File(cast("Any", ranges), ticket.key)
    waits = settings.TASKS is not None and ticket.size > settings.UPLOAD_TASK_ABOVE
    staged = StagedBytes(file, ticket, version, is_read_by_ranges=True, may_wait=waits)
    if waits:
        if held_by_pending([ticket.key]):
            raise InvalidMedia("upload_missing", f"{ticket.key!r} was used: a task has it.")
        _check_type(file.read(HEAD_BYTES), ticket)
        file.seek(0)
    else:
        staged.sha256  # noqa: B018 (compares the bytes with the ticket)
    return staged


def _is_held(ticket: Ticket) -> bool:
    format = format_of_key(ticket.key)
    return ticket.size <= _HELD or format.kind == "image" or format.scalable


class _StagedRanges(RangedFile):
    """Staged bytes that are read by ranges; the storage may fail at each of them."""

    def _read_at(self, position: int, length: int) -> bytes:
        try:
            return super()._read_at(position, length)
        except SourceChanged as error:
            raise InvalidMedia("upload_differs", str(error)) from error
        except (StorageError, NotStored, OSError) as error:
            logger.exception("A direct upload cannot be read.")
            raise InvalidMedia("upload_unread", str(error)) from error


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that closes itself with its last user."""

    def __del__(self) -> None:
        self.close()


def _spooled(stream: Any) -> Any:
    spool = _Spool(max_size=_IN_MEMORY)
    while chunk := stream.read(_CHUNK):
        spool.write(chunk)
    spool.seek(0)
    return spool


def _compared(staged: StagedBytes) -> StagedBytes:
    """Compare a file with its ticket, and leave it at its beginning; close it if it differs."""
    try:
        staged._sha256 = _compare(staged.file, staged.ticket)
        staged.file.seek(0)
    except BaseException:
        staged.file.close()
        raise
    return staged


def _compare(stream: Any, ticket: Ticket) -> str:
    """Compare bytes with their ticket by reading all of them; return their SHA-256.

    The ticket of an upload in parts has none. The storage has compared each part when it came.
    """
    digest, size, head = hashlib.sha256(), 0, b""
    while chunk := stream.read(_CHUNK):
        head = head or chunk[:HEAD_BYTES]
        size += len(chunk)
        digest.update(chunk)
    sha256 = digest.hexdigest()
    if size != ticket.size or ticket.sha256 not in ("", sha256):
        detail = f"{ticket.key!r} does not have the announced SHA-256."
        raise InvalidMedia("upload_differs", detail)
    _check_type(head, ticket)
    return sha256


def _check_type(head: bytes, ticket: Ticket) -> None:
    format = detect(head)
    if not may_be(format, ticket.content_type):
        raise InvalidMedia(
            "upload_differs",
            f"{ticket.key!r} is {format.content_type}, but {ticket.content_type} was announced.",
        )
