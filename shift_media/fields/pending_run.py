"""The run of a pending upload: read the staged file, copy it, and tell its rows."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

from django.db import models, transaction

from shift_media.core.errors import AlreadyStored, MediaError, NotStored, StorageError
from shift_media.core.metadata import ANALYSING, FAILED, Metadata
from shift_media.deletion.references import all_rows
from shift_media.fields.analysis import is_analysed_later
from shift_media.fields.announcing import announce_stored
from shift_media.fields.jobs import submit_job
from shift_media.fields.pending import database_of, retire_staged
from shift_media.registry import find_field
from shift_media.signals import after_commit
from shift_media.staging import PendingUpload
from shift_media.storages.server_copy import CopyUnsupported, ServerCopy, SourceChanged
from shift_media.storages.transfer_files import HashedReader

logger = logging.getLogger("shift_media")

_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 5  # to find the staged file


class _Refused(MediaError):
    """A staged file that can never be stored: it is gone, or another one."""

    code = "pending_refused"


def run_due(rows: models.QuerySet[PendingUpload]) -> None:
    """Store pending files of one database."""
    for key in list(rows.values_list("key", flat=True)):
        store_pending(key, rows.db)


def store_pending(key: str, using: str) -> str:
    """Check and store a pending file.

    Returns ``stored``, ``failed``, ``gone`` if no row refers to it any more, ``retried`` if the
    storage failed, or ``busy`` if another worker has it or it was stored before.
    """
    pending = PendingUpload.objects.using(database_of(using)).filter(key=key).first()
    if pending is None or not pending.claim():
        return "busy"
    field: Any = find_field(pending.source)
    rows = None if field is None else _rows_of(field, key)
    if rows is None:
        pending.delete()  # The staged file is an orphan now, which the sweep removes.
        return "gone"
    try:
        known = getattr(rows[0], field.name).metadata
        sha256 = _store(pending, field.storage, known)
    except _Refused as error:
        logger.error("%s cannot be stored: %s", key, error)
        _settle(pending, field, rows, state=FAILED)
        return "failed"
    except (MediaError, OSError) as error:
        logger.warning("%s is stored later: %s", key, error)
        pending.retry_later(error)
        return "retried"
    _settle(pending, field, rows, sha256=sha256)
    return "stored"


def _rows_of(field: Any, key: str) -> models.QuerySet[Any] | None:
    """Return the rows that refer to a key, in the first database that has some."""
    for rows in all_rows(field.model):
        found = rows.filter(**{field.name: key})
        if found.exists():
            return found
    return None


def _store(pending: PendingUpload, storage: Any, known: Metadata) -> str:
    """Check the staged file, store the version that was checked, and return its SHA-256."""
    copy = storage.begin_copy(storage, pending.staged, link=True)
    stat = None if copy is not None else storage.stat(pending.staged)
    found = copy or stat
    if found is None or found.size != pending.size:
        return _earlier_digest(pending, storage, is_missing=found is None)
    facts = {"content_type": known.content_type, "download_name": known.original_name}
    if copy is None:
        return _read_and_write(pending, storage, facts)
    try:
        sha256 = _hash(copy)
        _compare(pending, sha256)
        _copy(copy, pending, storage, {**facts, "sha256": sha256})
    except SourceChanged as error:
        raise _Refused(str(error)) from error
    return sha256


def _earlier_digest(pending: PendingUpload, storage: Any, *, is_missing: bool) -> str:
    """Return the SHA-256 of what an earlier attempt has stored before it died; else raise."""
    stat = storage.stat(pending.key)
    if stat is not None and stat.sha256:
        return str(stat.sha256)
    detail = f"{pending.staged!r} is missing, or has another size than {pending.size}."
    if is_missing and pending.attempts < _ATTEMPTS:
        raise NotStored(detail)  # The storage may not have let the app see it.
    raise _Refused(detail)


def _compare(pending: PendingUpload, sha256: str) -> None:
    if pending.sha256 not in ("", sha256):
        raise _Refused(f"{pending.staged!r} does not have the announced SHA-256.")


def _hash(copy: ServerCopy) -> str:
    digest = hashlib.sha256()
    with copy.open() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _copy(copy: ServerCopy, pending: PendingUpload, storage: Any, facts: dict[str, Any]) -> None:
    try:
        written = copy.write(pending.key, **facts)
    except CopyUnsupported:
        with copy.open() as stream:
            written = storage.put_original(pending.key, stream, size=copy.size, **facts)
    stat = storage.stat(pending.key)
    if stat is None or stat.size != pending.size:
        raise StorageError(f"The copy {pending.key!r} is missing, or was cut short.")
    if not written and stat.sha256 not in ("", facts["sha256"]):
        raise AlreadyStored(f"Another file is stored under {pending.key!r}.")


def _read_and_write(pending: PendingUpload, storage: Any, facts: dict[str, Any]) -> str:
    """Store the file by reading it once, where the storage makes no copies."""
    with storage.fetch(pending.staged) as stream:
        content = HashedReader(stream)
        written = storage.put_original(pending.key, content, size=pending.size, **facts)
    if not written:
        storage.delete(pending.key)  # Of an attempt that died: it is written again.
        raise StorageError(f"{pending.key!r} was stored by an earlier attempt.")
    try:
        _compare(pending, content.hexdigest())
    except _Refused:
        storage.delete(pending.key)
        raise
    return content.hexdigest()


def _settle(
    pending: PendingUpload,
    field: Any,
    rows: models.QuerySet[Any],
    *,
    state: str = "",
    sha256: str = "",
) -> None:
    """Write the outcome into the rows, and do what waits for a stored file."""
    using = rows.db
    facts = {"state": state} if state else {"sha256": sha256}
    if not state and is_analysed_later(pending.key, field):
        facts["state"] = ANALYSING
    with transaction.atomic(using):
        for row in rows.select_for_update():
            known = dict(getattr(row, field.metadata_field) or {})
            known.pop("state", None)
            rows.filter(pk=row.pk).update(**{field.metadata_field: {**known, **facts}})
        pending.delete()
        stored = rows.first()
        if not state and stored is not None:
            submit_job(stored, field, using)
            announce_stored(stored, field, using)
            after_commit(retire_staged, field.storage, pending.staged, using=using)
