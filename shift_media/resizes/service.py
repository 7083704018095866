"""Delivery of resizes: verify the key, look for the stored resize, else make it.

`deliver` goes through `stored.find` and `making.make_once` (single flight, then the limiter) to
`render.render` (fetch the original, run the engine, store the result). The order is fixed: nothing
touches the storage, a cache or the database before the key has proved to be canonical, signed and
within the limits. `deliver_many` does the same for many keys, and makes the resizes of one
original from one reading of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, cast

from shift_media.conf import settings
from shift_media.core.errors import BadSignature, MediaError
from shift_media.core.faults import translated_faults
from shift_media.core.keys import Key, ResizeKey, parse_resize_key
from shift_media.imaging.engine import EFFORTS, Effort
from shift_media.resizes.making import make_batch, make_once, recently_made
from shift_media.resizes.stored import StoredResize, find, find_keys
from shift_media.storages import default_media_storage

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

BATCH_SIZE = 24
"""Resizes made from one reading of an original.

A batch must take far less time than passes between the two deletions of an original, because the
second one deletes the resizes that were made meanwhile.
"""


def ensure(key: str, storage: MediaStorage | None = None) -> bool:
    """Make the resize of a signed key unless it is stored; return whether this call made it.

    Args:
        key: the signed key of a resize.
        storage: where its original is; by default the site's media storage.

    Raises a `MediaError`: `InvalidKey`, `BadSignature`, `LimitExceeded`, `NotStored` (there is no
    original), `SourceError` (the original cannot be resized), or `Busy`, `StorageError` and
    `OutOfResources`, after which a caller may try again later.
    """
    return deliver(key, storage, with_content=False).made


class Outcome(NamedTuple):
    """The outcome of one resize of many; one that was stored before has neither value.

    Attributes:
        made: whether the call made it.
        error: why it could not be made.
    """

    made: bool = False
    error: MediaError | None = None


def ensure_many(
    keys: Iterable[str], storage: MediaStorage | None = None, *, effort: Effort = "slow"
) -> dict[str, Outcome]:
    """Make the resizes of signed keys, of any originals, unless they are stored.

    Resizes of one original are made from one reading of it: six widths in two formats take about
    half the time of twelve calls of `ensure`. Returns the outcome of each key, in the order of
    ``keys``. What `ensure` would raise is the ``error`` of its outcome and stops no other resize.

    With the ``effort`` "slow", encoders search longer for smaller files, because no visitor waits;
    "fast" is that of `ensure` and of the view. A resize that is stored stays as it is. Raises
    `ValueError` for another effort.
    """
    if effort not in EFFORTS:
        raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, not {effort!r}.")
    ordered = list(keys)
    outcomes = {
        key: Outcome(error=result) if isinstance(result, MediaError) else Outcome(result.made)
        for key, result in deliver_many(ordered, storage, effort)
    }
    return {key: outcomes[key] for key in ordered}


def verify(key: str | Key) -> ResizeKey:
    """Return a key parsed, which must be canonical, signed and within the limits; no I/O.

    Raises `InvalidKey`, `BadSignature` or `LimitExceeded`.
    """
    parsed = key if isinstance(key, ResizeKey) else parse_resize_key(str(key))
    if not settings.resize_signer.verify(parsed.payload, parsed.signature):
        raise BadSignature(
            f"The signature of {str(key)!r} belongs to none of the {len(settings.SIGNING_KEYS)} "
            "signing keys."
        )
    settings.limits.check(parsed.spec.width, parsed.spec.height)
    return parsed


def deliver(
    key: str | Key, storage: MediaStorage | None = None, *, with_content: bool = True
) -> StoredResize:
    """Return the resize of a signed key, made now unless it is stored.

    With ``with_content=False`` the bytes of a stored resize are not read. Raises a `MediaError`,
    as `ensure` does.
    """
    return deliver_verified(verify(key), _default_to_site(storage), with_content=with_content)


def deliver_verified(
    key: ResizeKey, storage: MediaStorage, *, with_content: bool = True
) -> StoredResize:
    """Return a resize whose key was verified, as `deliver` does."""
    with translated_faults():
        return find(key, storage, with_content=with_content) or make_once(key, storage)


def deliver_many(
    keys: Iterable[str], storage: MediaStorage | None = None, effort: Effort = "slow"
) -> Generator[tuple[str, StoredResize | MediaError], None, None]:
    """Yield each distinct signed key with its resize, made now unless it is stored, or its error.

    Keys of one original come together. The bytes of stored resizes are not read.
    """
    storage = _default_to_site(storage)
    groups: dict[str, list[ResizeKey]] = {}
    for key in dict.fromkeys(keys):
        try:
            parsed = verify(key)
        except MediaError as error:
            yield key, error
        else:
            groups.setdefault(parsed.source, []).append(parsed)
    for group in groups.values():
        rest = iter(group)
        while batch := list(islice(rest, BATCH_SIZE)):
            for parsed, result in _deliver_batch(batch, storage, effort):
                yield str(parsed), result


def _deliver_batch(
    keys: Sequence[ResizeKey], storage: MediaStorage, effort: Effort
) -> Iterator[tuple[ResizeKey, StoredResize | MediaError]]:
    try:
        stored = find_keys(keys, storage)
    except MediaError as error:
        yield from ((key, error) for key in keys)
        return
    for key in keys:
        if str(key) in stored:
            yield key, StoredResize(key, b"", was_stored=True)
    yield from make_batch([key for key in keys if str(key) not in stored], storage, effort)


def mark_deleted(key: str) -> None:
    """Record that a resize was deleted on purpose, so that it does not count as a lost write."""
    recently_made.delete(key)


def _default_to_site(storage: MediaStorage | None) -> MediaStorage:
    return cast("MediaStorage", default_media_storage) if storage is None else storage
