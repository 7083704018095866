"""Every original against the SHA-256 that was kept when it was uploaded.

The rows are read a page at a time in the order of their keys, which begin with a random id: any
part of them is a fair sample, and a run goes on where another stopped.
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
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage
from django.db import models, router

from shift_media.core.errors import MediaError, NotStored, StorageError
from shift_media.core.metadata import Metadata
from shift_media.registry import all_media_fields
from shift_media.storages import MediaStorage, Source, unwrapped

if TYPE_CHECKING:
    from shift_media.fields import MediaField

READERS = 8
"""Originals read at once: reading waits for the storage, hashing for this machine."""

_PAGE = 500
_CHUNK = 1 << 20


class IntegrityState(StrEnum):
    """What an original turned out to be."""

    SAME = "same"
    ALTERED = "altered"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """There is no SHA-256 of it, neither in the row nor with the object."""


@dataclass(frozen=True, slots=True)
class Original:
    """A row's original; ``sha256`` is that of the row, empty where it keeps none."""

    field: str
    pk: Any
    key: str
    sha256: str

    @property
    def place(self) -> str:
        """Where a later run goes on: after this one."""
        return f"{self.field}:{self.key}"


@dataclass(slots=True)
class IntegrityCounts:
    """How many originals were found to be what, and how many bytes were read."""

    counts: dict[IntegrityState, int] = field(
        default_factory=lambda: dict.fromkeys(IntegrityState, 0)
    )
    bytes: int = 0

    @property
    def done(self) -> int:
        """How many were looked at."""
        return sum(self.counts.values())


class IntegrityCheck:
    """One pass over the originals of a storage.

    Args:
        storage: where they lie.
        after: a `place` that another pass ended at.
        limit: the most originals to look at; None is all.
        on_progress: called with each original that is not what it should be.
    """

    def __init__(
        self,
        storage: MediaStorage,
        *,
        after: str = "",
        limit: int | None = None,
        on_progress: Callable[
            [Original, IntegrityState, str], None
        ] = lambda original, state, detail: None,
    ) -> None:
        self.storage = storage
        self.limit = limit
        self.on_progress = on_progress
        self.tally = IntegrityCounts()
        self.place = ""
        self._stop = threading.Event()
        self._label, _, self._key = after.partition(":")
        labels = [str(one) for one in fields_of(storage)]
        if after and (self._label not in labels or not self._key):
            known = ", ".join(labels) or "none"
            raise ValueError(f"{after!r} is no place: write FIELD:KEY, FIELD one of {known}.")

    def count(self) -> int:
        """Count the originals that `run` looks at."""
        total = sum(rows.count() for _, rows in self._querysets())
        return total if self.limit is None else min(total, self.limit)

    def run(self) -> Generator[IntegrityCounts]:
        """Look at one after the other, several ahead; gives the tally after each."""
        with ThreadPoolExecutor(READERS) as pool:
            ahead: deque[tuple[Original, Future[tuple[IntegrityState, str, int]]]] = deque()
            try:
                for original in islice(self._originals(), self.limit):
                    job = pool.submit(look, self.storage, original, self._stop)
                    ahead.append((original, job))
                    if len(ahead) >= 2 * READERS:
                        yield self._take(*ahead.popleft())
                while ahead:
                    yield self._take(*ahead.popleft())
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _take(
        self, original: Original, looked: Future[tuple[IntegrityState, str, int]]
    ) -> IntegrityCounts:
        state, detail, size = looked.result()
        if state in (IntegrityState.MISSING, IntegrityState.UNREADABLE) and not _still(original):
            state = (
                IntegrityState.SAME
            )  # Its row was deleted or replaced meanwhile, and it with it.
        self.tally.counts[state] += 1
        self.tally.bytes += size
        self.place = original.place
        if state not in (IntegrityState.SAME, IntegrityState.UNKNOWN):
            self.on_progress(original, state, detail)
        return self.tally

    def _originals(self) -> Iterator[Original]:
        for media_field, rows in self._querysets():
            name, last = media_field.name, ""
            while page := list(_after(rows, name, last)[:_PAGE]):
                yield from (_original(media_field, row) for row in page)
                last = getattr(page[-1], name).name

    def _querysets(self) -> Iterator[tuple[MediaField, models.QuerySet[Any]]]:
        begun = not self._label
        for media_field in fields_of(self.storage):
            here = str(media_field) == self._label
            begun = begun or here
            if begun:
                rows = _rows(media_field)
                yield media_field, _after(rows, media_field.name, self._key if here else "")


def fields_of(storage: Storage) -> list[MediaField]:
    """List the media fields whose originals lie in a storage."""
    wanted = unwrapped(storage)
    fields = cast("list[MediaField]", list(all_media_fields()))
    return [one for one in fields if unwrapped(one.storage) is wanted]


def look(
    storage: MediaStorage, original: Original, stop: threading.Event | None = None
) -> tuple[IntegrityState, str, int]:
    """Read an original and compare it; gives its state, why, and its bytes."""
    try:
        kept = original.sha256 or _kept(storage, original.key)
        if not kept:
            return IntegrityState.UNKNOWN, "", 0
        with storage.fetch(original.key) as source:
            return _compare(source, kept, stop or threading.Event())
    except NotStored as error:
        return IntegrityState.MISSING, str(error), 0
    except (MediaError, OSError, SuspiciousOperation) as error:
        return IntegrityState.UNREADABLE, str(error), 0


def _compare(source: Source, kept: str, stop: threading.Event) -> tuple[IntegrityState, str, int]:
    digest = hashlib.sha256()
    try:
        while (part := source.read(_CHUNK)) and not stop.is_set():
            digest.update(part)
    except StorageError as error:
        if source.tell() < source.size:
            raise
        # All bytes came, and are not those of which the storage itself keeps the SHA-256.
        return IntegrityState.ALTERED, str(error), source.size
    if stop.is_set() or digest.hexdigest() == kept:
        return IntegrityState.SAME, "", source.size
    seen = f"Its SHA-256 is {digest.hexdigest()[:12]}…, and {kept[:12]}… was uploaded."
    return IntegrityState.ALTERED, seen, source.size


def _kept(storage: MediaStorage, key: str) -> str:
    stat = storage.stat(key)
    return "" if stat is None else stat.sha256


def _rows(media_field: MediaField) -> models.QuerySet[Any]:
    model = media_field.model
    rows: models.QuerySet[Any] = models.QuerySet(model=model, using=router.db_for_read(model))
    return rows.only("pk", *filter(None, [media_field.name, media_field.metadata_field]))


def _after(rows: models.QuerySet[Any], name: str, key: str) -> models.QuerySet[Any]:
    return rows.filter(**{f"{name}__gt": key}).order_by(name)


def _original(media_field: MediaField, row: models.Model) -> Original:
    key = str(getattr(row, media_field.name).name)
    data = getattr(row, media_field.metadata_field) if media_field.metadata_field else None
    known = Metadata.from_json(data, key)
    return Original(str(media_field), row.pk, key, known.sha256 if known else "")


def _still(original: Original) -> bool:
    for media_field in cast("list[MediaField]", list(all_media_fields())):
        if str(media_field) == original.field:
            return _rows(media_field).filter(**{media_field.name: original.key}).exists()
    return False
