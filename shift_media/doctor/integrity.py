"""Verification of every original against the SHA-256 that was stored when it was uploaded.

Rows are read a page at a time in the order of their keys. Keys begin with a random id, so any part
of them is a fair sample, and a run can go on where another one stopped.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage
from django.db import models, router

from shift_media.core.errors import MediaError, NotStored, StorageError
from shift_media.core.metadata import Metadata
from shift_media.deletion.references import all_rows
from shift_media.registry import RegisteredField, all_media_fields
from shift_media.resizes.legacy import is_legacy_name
from shift_media.staging import PendingUpload
from shift_media.storages import MediaStorage, Source
from shift_media.storages.naming import is_same_storage

WORKERS = 8
"""Originals that are read at once, because most of the time is spent waiting for the storage."""

_PAGE = 500  # rows in one query
_CHUNK = 1 << 20  # bytes


class IntegrityState(StrEnum):
    """The state of an original compared with its upload."""

    SAME = "same"
    ALTERED = "altered"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """Neither the row nor the stored object has its SHA-256."""
    LEGACY = "legacy"
    """Its name was there before the media field, so it is in another storage."""


DAMAGED = (IntegrityState.ALTERED, IntegrityState.MISSING, IntegrityState.UNREADABLE)
"""The states of which a finding is made."""

Result = tuple[IntegrityState, str, int]
"""A state, the detail for a finding, and the number of bytes that were read."""


@dataclass(frozen=True, slots=True)
class OriginalRow:
    """A row's original; ``sha256`` is empty if the row does not store one."""

    field: str
    pk: Any
    key: str
    sha256: str

    @property
    def position(self) -> str:
        """The position after which a later run goes on: ``app.Model.field:key``."""
        return f"{self.field}:{self.key}"


@dataclass(slots=True)
class IntegrityCounts:
    """The number of originals in each state, and of the bytes that were read."""

    by_state: dict[IntegrityState, int] = field(
        default_factory=lambda: dict.fromkeys(IntegrityState, 0)
    )
    bytes: int = 0

    @property
    def done(self) -> int:
        """The number of rows that were looked at."""
        return sum(self.by_state.values())

    @property
    def originals(self) -> int:
        """The number of originals that were verified, without names that are not keys."""
        return self.done - self.by_state[IntegrityState.LEGACY]


class IntegrityCheck:
    """One run over the originals in a storage.

    Args:
        storage: The storage.
        after: The `position` at which another run ended.
        limit: The most originals to verify; None for all.
        on_finding: Called with each original that is altered, missing or unreadable, its state
            and the detail.

    Attributes:
        counts: The counts so far.
        position: The position of the last original; empty before the first one.

    Raises `ValueError` for an ``after`` that is not a position in this storage.
    """

    def __init__(
        self,
        storage: MediaStorage,
        *,
        after: str = "",
        limit: int | None = None,
        on_finding: Callable[
            [OriginalRow, IntegrityState, str], None
        ] = lambda original, state, detail: None,
    ) -> None:
        self.storage = storage
        self.limit = limit
        self.on_finding = on_finding
        self.counts = IntegrityCounts()
        self.position = ""
        self._stop = threading.Event()
        self._label, _, self._key = after.partition(":")
        labels = [str(media_field) for media_field in fields_stored_in(storage)]
        if after and (self._label not in labels or not self._key):
            known = ", ".join(labels) or "none"
            raise ValueError(f"{after!r} is not FIELD:KEY with FIELD one of {known}.")

    def count(self) -> int:
        """Return the number of originals that `run` verifies."""
        total = sum(rows.count() for _, rows in self._querysets())
        return total if self.limit is None else min(total, self.limit)

    def run(self) -> Generator[IntegrityCounts]:
        """Verify the originals in order, and yield the counts after each of them.

        Threads read ahead. Closing the generator stops them.
        """
        with ThreadPoolExecutor(WORKERS) as pool:
            ahead: deque[tuple[OriginalRow, Future[Result]]] = deque()
            try:
                for original in islice(self.originals(), self.limit):
                    future = pool.submit(verify_original, self.storage, original, self._stop)
                    ahead.append((original, future))
                    if len(ahead) >= 2 * WORKERS:
                        yield self._count(*ahead.popleft())
                while ahead:
                    yield self._count(*ahead.popleft())
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _count(self, original: OriginalRow, future: Future[Result]) -> IntegrityCounts:
        state, detail, size = future.result()
        lost = state in (IntegrityState.MISSING, IntegrityState.UNREADABLE)
        if lost and not _is_referred_to(original):
            # The row was deleted or its file replaced meanwhile, and the original with it.
            state = IntegrityState.SAME
        if lost and _is_pending(original):
            state = IntegrityState.UNKNOWN  # A task is still to store it.
        self.counts.by_state[state] += 1
        self.counts.bytes += size
        self.position = original.position
        if state in DAMAGED:
            self.on_finding(original, state, detail)
        return self.counts

    def originals(self) -> Iterator[OriginalRow]:
        """Yield the originals in the order in which they are verified."""
        for media_field, rows in self._querysets():
            name, last = media_field.name, ""
            while page := list(_rows_after(rows, name, last)[:_PAGE]):
                yield from (_original(media_field, row) for row in page)
                last = getattr(page[-1], name).name

    def _querysets(self) -> Iterator[tuple[RegisteredField, models.QuerySet[Any]]]:
        started = not self._label
        for media_field in fields_stored_in(self.storage):
            is_first = str(media_field) == self._label
            started = started or is_first
            if started:
                rows = _rows(media_field)
                yield (
                    media_field,
                    _rows_after(rows, media_field.name, self._key if is_first else ""),
                )


def fields_stored_in(storage: Storage) -> list[RegisteredField]:
    """Return the media fields whose originals are in a storage."""
    fields = all_media_fields()
    return [field for field in fields if is_same_storage(field.storage, storage)]


def verify_original(
    storage: MediaStorage, original: OriginalRow, stop: threading.Event | None = None
) -> Result:
    """Read an original and compare its SHA-256 with the stored one.

    Returns early, with the state `SAME`, once ``stop`` is set.
    """
    if is_legacy_name(original.key):
        return IntegrityState.LEGACY, "", 0
    try:
        expected = original.sha256 or _sha256_of_object(storage, original.key)
        if not expected:
            return IntegrityState.UNKNOWN, "", 0
        with storage.fetch(original.key) as source:
            return _compare(source, expected, stop or threading.Event())
    except NotStored as error:
        return IntegrityState.MISSING, str(error), 0
    except (MediaError, OSError, SuspiciousOperation) as error:
        return IntegrityState.UNREADABLE, str(error), 0


def _compare(source: Source, expected: str, stop: threading.Event) -> Result:
    digest = hashlib.sha256()
    try:
        while (chunk := source.read(_CHUNK)) and not stop.is_set():
            digest.update(chunk)
    except StorageError as error:
        if source.tell() < source.size:
            raise
        # All bytes arrived, but the storage itself stores another SHA-256 for them.
        return IntegrityState.ALTERED, str(error), source.size
    if stop.is_set() or digest.hexdigest() == expected:
        return IntegrityState.SAME, "", source.size
    detail = f"Its SHA-256 is {digest.hexdigest()[:12]}…, but {expected[:12]}… was uploaded."
    return IntegrityState.ALTERED, detail, source.size


def _sha256_of_object(storage: MediaStorage, key: str) -> str:
    """Return the SHA-256 that is stored with an object. Raises `NotStored` if there is none."""
    stat = storage.stat(key)
    if stat is None:
        # A bucket may also answer so for a key that it does not let the site see. Then reading
        # it raises another error.
        storage.fetch(key).close()
        return ""
    return stat.sha256


def _rows(media_field: RegisteredField) -> models.QuerySet[Any]:
    model = media_field.model
    # Not a manager of the model's, which may hide rows.
    rows: models.QuerySet[Any] = models.QuerySet(model=model, using=router.db_for_read(model))
    return rows.only("pk", *filter(None, [media_field.name, media_field.metadata_field]))


def _rows_after(rows: models.QuerySet[Any], name: str, key: str) -> models.QuerySet[Any]:
    return rows.filter(**{f"{name}__gt": key}).order_by(name)


def _original(media_field: RegisteredField, row: models.Model) -> OriginalRow:
    key = str(getattr(row, media_field.name).name)
    data = getattr(row, media_field.metadata_field) if media_field.metadata_field else None
    metadata = Metadata.from_json(data, key)
    return OriginalRow(str(media_field), row.pk, key, metadata.sha256 if metadata else "")


def _is_pending(original: OriginalRow) -> bool:
    return any(rows.filter(key=original.key).exists() for rows in all_rows(PendingUpload))


def _is_referred_to(original: OriginalRow) -> bool:
    for media_field in all_media_fields():
        if str(media_field) == original.field:
            # Not on a replica, which may still have rows that were deleted.
            rows = _rows(media_field).using(router.db_for_write(media_field.model))
            return rows.filter(**{media_field.name: original.key}).exists()
    return False
