"""Delivery of a resize: verify, look, single flight, budget, fetch, make, store.

The order is DESIGN's: nothing touches the storage, the cache or the database before the key has
proved to be canonical, signed and within the limits.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, cast

from django.core.signals import setting_changed

from shift_media.conf import settings
from shift_media.core import engine, errors, paths
from shift_media.core.errors import (
    BadSignature,
    EmptyCrop,
    InvalidSpec,
    NotStored,
    SourceError,
    SourceTruncated,
)
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.paths import ResizeKey
from shift_media.flight import Budget, SingleFlight
from shift_media.notes import Notes
from shift_media.signals import resize_created
from shift_media.storages import default_media_storage
from shift_media.storages.arriving import Arriving

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

_made = Notes("made", seconds=60)
"""Keys made a moment ago: when one is missing again, the storage loses writes."""
_failed = Notes("failed", seconds=600)
"""Originals and keys of which nothing can be made, with the code of the error."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A resize that is stored now.

    Attributes:
        key: its key.
        content: its bytes; empty where they were not asked for.
        made: whether this call made it.
        found: whether it was stored before anybody asked.
        lost: whether it was made a moment ago and was missing again.
    """

    key: ResizeKey
    content: bytes
    made: bool = False
    found: bool = False
    lost: bool = False

    @property
    def content_type(self) -> str:
        """The content type of its format."""
        return BY_EXTENSION[self.key.spec.format].content_type


_flights: SingleFlight[Delivery] = SingleFlight()


def verify(key: str) -> ResizeKey:
    """Read a key that must be canonical, signed and within the limits; no I/O.

    Raises `InvalidKey`, `BadSignature` or `LimitExceeded`.
    """
    parsed = paths.parse_resize(key)
    if not settings.resize_signer.verify(parsed.payload, parsed.signature):
        raise BadSignature(f"{key!r} was signed by none of the {len(settings.SIGNING_KEYS)} keys.")
    settings.limits.check(parsed.spec.width, parsed.spec.height)
    return parsed


def deliver(key: str, storage: MediaStorage | None = None, *, content: bool = True) -> Delivery:
    """Have a resize stored: find it, or make it.

    ``content=False`` leaves the bytes of what is found where they are. Raises a `MediaError`; see
    `shift_media.resizes.ensure`.
    """
    parsed = verify(key)
    store = cast("MediaStorage", default_media_storage) if storage is None else storage
    found = _find(parsed, store, content)
    if found is not None:
        return found
    delivery, leading = _flights.run(key, lambda: _make_unless_made(parsed, store))
    return delivery if leading else _follower(delivery)


def forget(key: str) -> None:
    """Forget that a resize was made a moment ago: it was deleted on purpose, not lost."""
    _made.forget(key)


def _follower(delivery: Delivery) -> Delivery:
    return Delivery(delivery.key, delivery.content, found=delivery.found, lost=delivery.lost)


def _find(key: ResizeKey, storage: MediaStorage, content: bool) -> Delivery | None:
    stat = storage.stat(str(key))
    if stat is None:
        return None
    if not content:
        return Delivery(key, b"", found=True)
    try:
        with storage.fetch(str(key)) as source:
            return Delivery(key, _read(source, source.size), found=True)
    except NotStored:
        return None  # Deleted between the two requests.


def _make_unless_made(key: ResizeKey, storage: MediaStorage) -> Delivery:
    """Make a resize, alone of all processes; others may have made it while this one waited."""
    lost = _made.read(str(key)) is not None
    if lost:
        found = _find(key, storage, content=True)
        if found is not None:
            return Delivery(key, found.content)
    _raise_remembered(key)
    with _budget().turn():
        made = _make(key, storage)
    _made.write(str(key), "made")
    return Delivery(key, made, made=True, lost=lost)


def _make(key: ResizeKey, storage: MediaStorage) -> bytes:
    try:
        with _source(key, storage) as source:
            result = engine.make(
                source, key.spec, limits=settings.source_limits, output=settings.limits
            )
    except (SourceError, InvalidSpec) as error:
        _remember(key, error)
        raise
    stored = storage.put(
        str(key),
        io.BytesIO(result.content),
        content_type=BY_EXTENSION[key.spec.format].content_type,
        size=len(result.content),
    )
    if stored:
        resize_created.send(
            sender=storage.__class__,  # what a lazy storage stands for
            key=str(key),
            storage=storage,
            width=result.width,
            height=result.height,
            size=len(result.content),
        )
    return result.content


def _remember(key: ResizeKey, error: SourceError | InvalidSpec) -> None:
    """Note a failure: one of the original for all its resizes, one of the spec for this one."""
    logger.info("No resize of %s: %s: %s", key.source, error.code, error)
    of_spec = isinstance(error, EmptyCrop | InvalidSpec)
    _failed.write(str(key) if of_spec else key.source, error.code)


def _raise_remembered(key: ResizeKey) -> None:
    code = _failed.read(key.source) or _failed.read(str(key))
    if code is not None:
        kind = errors.BY_CODE.get(code, SourceError)
        raise kind(f"It failed a moment ago, and is not tried again for now: {code}.")


@contextmanager
def _source(key: ResizeKey, storage: MediaStorage) -> Iterator[BinaryIO]:
    """Open an original as a seekable file, of which all has arrived that its resize needs."""
    with storage.fetch(key.source) as source:
        if source.seekable():
            yield cast("BinaryIO", source)
            return
        with Arriving(cast("BinaryIO", source), source.size) as arriving:
            file = cast("BinaryIO", arriving)
            limits = settings.source_limits
            arriving.require(engine.enough(file, key.spec, limits=limits))
            yield file


def _read(source: object, size: int) -> bytes:
    content: bytes = cast("BinaryIO", source).read()
    _check_complete(len(content), size)
    return content


def _check_complete(arrived: int, promised: int) -> None:
    if arrived != promised:
        raise SourceTruncated(f"{arrived} of {promised} bytes arrived from the storage.")


@lru_cache(maxsize=1)
def _budget() -> Budget:
    return Budget(settings.CONCURRENCY, settings.QUEUE, settings.QUEUE_SECONDS)


def _forget_budget(*, setting: str, **kwargs: object) -> None:
    if setting == "SHIFT_MEDIA":
        _budget.cache_clear()


setting_changed.connect(_forget_budget, dispatch_uid="shift_media.delivery")
