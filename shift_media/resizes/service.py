"""Delivery of a resize: verify, look, single flight, budget, fetch, make, store.

The order is DESIGN's: nothing touches the storage, the cache or the database before the key has
proved to be canonical, signed and within the limits. Many are delivered as one is, but that those
of one original are made from one reading of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from django.core.signals import setting_changed

from shift_media.concurrency.limiter import Limiter
from shift_media.concurrency.single_flight import SingleFlight
from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core.errors import (
    BadSignature,
    Busy,
    MediaError,
    NotStored,
    SourceTruncated,
    StorageError,
)
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import OriginalKey, ResizeKey, parse_resize_key
from shift_media.resizes import render
from shift_media.storages import default_media_storage

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

MOST_AT_ONCE = 24
"""Resizes made from one reading of an original: in far less time than passes between the two
deletions of an original, of which the second finds what was made meanwhile."""

_LISTED_FROM = 4
"""Resizes of one original from which on a listing is cheaper than a look at each."""

_made = TTLCache("made", seconds=60)
"""Keys made a moment ago: when one is missing again, the storage loses writes."""


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
    parsed = parse_resize_key(key)
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
    return _fly(parsed, store)


def deliver_many(
    keys: Iterable[str], storage: MediaStorage | None = None
) -> Generator[tuple[str, Delivery | MediaError], None, None]:
    """Have many resizes stored, of any originals; give each key once with what became of it.

    Those of one original come together. The bytes of what is found are left where they are.
    """
    store = cast("MediaStorage", default_media_storage) if storage is None else storage
    groups: dict[OriginalKey, list[ResizeKey]] = {}
    for key in dict.fromkeys(keys):
        try:
            parsed = verify(key)
        except MediaError as error:
            yield key, error
        else:
            groups.setdefault(parsed.original, []).append(parsed)
    for group in groups.values():
        rest = iter(group)
        while batch := list(islice(rest, MOST_AT_ONCE)):
            for parsed, delivered in _batch(batch, store):
                yield str(parsed), delivered


def stored(keys: Sequence[ResizeKey], storage: MediaStorage) -> set[str]:
    """Tell which of some resizes of one original are stored.

    A listing costs one request for all. A video's directory may hold thousands of segments, so
    its few resizes are looked at one by one, and so they are where listing is forbidden.
    """
    wanted = set(map(str, keys))
    original = keys[0].original
    if len(keys) >= _LISTED_FROM and keys[0].source == str(original):
        try:
            return {entry.key for entry in storage.entries(original.prefix)} & wanted
        except StorageError:
            pass
    return {key for key in wanted if storage.stat(key) is not None}


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


def _fly(key: ResizeKey, storage: MediaStorage) -> Delivery:
    """Make a resize, or wait for whoever makes it."""
    delivery, leading = _flights.run(str(key), lambda: _make_one(key, storage))
    return delivery if leading else _follower(delivery)


def _make_one(key: ResizeKey, storage: MediaStorage) -> Delivery:
    ((_, outcome),) = _make_missing([key], storage)
    if isinstance(outcome, MediaError):
        raise outcome
    return outcome


def _batch(
    keys: Sequence[ResizeKey], storage: MediaStorage
) -> Iterator[tuple[ResizeKey, Delivery | MediaError]]:
    """Have resizes of one original stored: those that nobody else makes are made together."""
    try:
        there = stored(keys, storage)
    except MediaError as error:
        yield from ((key, error) for key in keys)
        return
    yield from ((key, Delivery(key, b"", found=True)) for key in keys if str(key) in there)
    left = {str(key): key for key in keys if str(key) not in there}
    flown = _flights.run_free(list(left), partial(_make_free, dict(left), storage))
    for key, outcome in flown:
        yield left.pop(key), _outcome(outcome)
    for parsed in left.values():
        try:
            yield parsed, _fly(parsed, storage)
        except MediaError as error:
            yield parsed, error


def _make_free(
    parsed: dict[str, ResizeKey], storage: MediaStorage, keys: list[str]
) -> Iterator[tuple[str, Delivery | Exception]]:
    for key, outcome in _make_missing([parsed[key] for key in keys], storage):
        yield str(key), outcome


def _outcome(outcome: Delivery | Exception) -> Delivery | MediaError:
    if isinstance(outcome, Delivery | MediaError):
        return outcome
    raise outcome


def _make_missing(
    keys: Sequence[ResizeKey], storage: MediaStorage
) -> Iterator[tuple[ResizeKey, Delivery | MediaError]]:
    """Make resizes of one original, alone of all processes."""
    lost: dict[ResizeKey, bool] = {}
    for key in keys:
        again = _made.read(str(key)) is not None
        known = _known(key, storage, again)
        if known is None:
            lost[key] = again
        else:
            yield key, known
    if not lost:
        return
    left = dict(lost)
    try:
        with _budget().slot():
            for key, made in render.make(list(lost), storage):
                del left[key]
                yield key, _delivery(key, made, lost[key])
    except Busy as error:
        yield from ((key, error) for key in left)


def _known(key: ResizeKey, storage: MediaStorage, again: bool) -> Delivery | MediaError | None:
    """Tell what became of a resize while this caller waited, or not long ago."""
    try:
        found = _find(key, storage, content=True) if again else None
        if found is not None:
            return Delivery(key, found.content)
        render.raise_remembered(key)
    except MediaError as error:
        return error
    return None


def _delivery(key: ResizeKey, made: bytes | MediaError, lost: bool) -> Delivery | MediaError:
    if isinstance(made, MediaError):
        return made
    _made.write(str(key), "made")
    return Delivery(key, made, made=True, lost=lost)


def _read(source: object, size: int) -> bytes:
    content: bytes = cast("BinaryIO", source).read()
    _check_complete(len(content), size)
    return content


def _check_complete(arrived: int, promised: int) -> None:
    if arrived != promised:
        raise SourceTruncated(f"{arrived} of {promised} bytes arrived from the storage.")


@lru_cache(maxsize=1)
def _budget() -> Limiter:
    return Limiter(settings.CONCURRENCY, settings.QUEUE, settings.QUEUE_SECONDS)


def _forget_budget(*, setting: str, **kwargs: object) -> None:
    if setting == "SHIFT_MEDIA":
        _budget.cache_clear()


setting_changed.connect(_forget_budget, dispatch_uid="shift_media.resizes.service")


def ensure(key: str, storage: MediaStorage | None = None) -> bool:
    """Make the resize of a signed key unless it is stored; returns whether this call made it.

    ``storage`` defaults to the site's media storage. Raises a `MediaError`: `InvalidKey`,
    `BadSignature`, `LimitExceeded`, `NotStored` (no original), `SourceError` (nothing to be made
    of it), `Busy` or `StorageError` (try again later).
    """
    return deliver(key, storage, content=False).made


class Outcome(NamedTuple):
    """What became of one resize of many: made now, stored before (neither), or failed."""

    made: bool = False
    error: MediaError | None = None


def ensure_many(keys: Iterable[str], storage: MediaStorage | None = None) -> dict[str, Outcome]:
    """Make the resizes of signed keys, of any originals, unless they are stored.

    Those of one original are made from one reading of it: six widths in two formats in about half
    the time that one by one takes. Gives what became of each key, in the order of ``keys``;
    of what `ensure` would raise, nothing is raised, and the others are made all the same.
    """
    asked = list(keys)
    outcomes = {
        key: Outcome(error=delivered)
        if isinstance(delivered, MediaError)
        else Outcome(delivered.made)
        for key, delivered in deliver_many(asked, storage)
    }
    return {key: outcomes[key] for key in asked}
