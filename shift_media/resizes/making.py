"""Missing resizes, each made once: single flight, then a slot of the limiter, then rendering."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from django.core.signals import setting_changed

from shift_media.concurrency.limiter import Limiter
from shift_media.concurrency.single_flight import SingleFlight
from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core.errors import Busy, MediaError
from shift_media.core.keys import ResizeKey
from shift_media.imaging.engine import Effort
from shift_media.resizes import failures, render
from shift_media.resizes.stored import StoredResize, find

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

recently_made = TTLCache("made", seconds=60)
"""Keys made a moment ago: when one of them is missing again, the storage loses writes."""

single_flight: SingleFlight[StoredResize] = SingleFlight()


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """Return the limiter of this process, as the settings are."""
    return Limiter(settings.CONCURRENCY, settings.QUEUE, settings.QUEUE_SECONDS)


def _reset_limiter(*, setting: str, **kwargs: object) -> None:
    if setting == "SHIFT_MEDIA":
        limiter.cache_clear()


setting_changed.connect(_reset_limiter, dispatch_uid="shift_media.resizes.making")


def make_once(key: ResizeKey, storage: MediaStorage) -> StoredResize:
    """Make a resize, or wait for the caller that is making it. Raises a `MediaError`."""
    resize, is_maker = single_flight.run(str(key), lambda: _make_one(key, storage))
    return resize if is_maker else replace(resize, made=False)


def make_batch(
    keys: Sequence[ResizeKey], storage: MediaStorage, effort: Effort
) -> Iterator[tuple[ResizeKey, StoredResize | MediaError]]:
    """Make resizes of one original from one reading of it, and yield what became of each.

    Keys that another caller is making are left to it, and waited for at the end.
    """
    remaining = {str(key): key for key in keys}
    make = partial(_make_claimed, dict(remaining), storage, effort)
    for name, outcome in single_flight.run_unclaimed(list(remaining), make):
        if not isinstance(outcome, StoredResize | MediaError):
            raise outcome
        yield remaining.pop(name), outcome
    for key in remaining.values():
        try:
            yield key, make_once(key, storage)
        except MediaError as error:
            yield key, error


def _make_one(key: ResizeKey, storage: MediaStorage) -> StoredResize:
    ((_, outcome),) = _make(storage, [key], "fast")
    if isinstance(outcome, MediaError):
        raise outcome
    return outcome


def _make_claimed(
    keys: dict[str, ResizeKey], storage: MediaStorage, effort: Effort, claimed: list[str]
) -> Iterator[tuple[str, StoredResize | Exception]]:
    for key, outcome in _make(storage, [keys[name] for name in claimed], effort):
        yield str(key), outcome


def _make(
    storage: MediaStorage, keys: Sequence[ResizeKey], effort: Effort
) -> Iterator[tuple[ResizeKey, StoredResize | MediaError]]:
    """Make resizes of one original, whose keys this caller holds among all callers."""
    was_lost: dict[ResizeKey, bool] = {}
    for key in keys:
        made_lately = recently_made.get(str(key)) is not None
        settled = _find_settled(key, storage, made_lately)
        if settled is None:
            was_lost[key] = made_lately
        else:
            yield key, settled
    if not was_lost:
        return
    remaining = dict(was_lost)
    try:
        with limiter().slot():
            for key, result in render.render(list(was_lost), storage, effort):
                del remaining[key]
                yield key, _record(key, result, was_lost[key])
    except Busy as error:
        yield from ((key, error) for key in remaining)


def _find_settled(
    key: ResizeKey, storage: MediaStorage, made_lately: bool
) -> StoredResize | MediaError | None:
    """Return what another caller made while this one waited, or how it failed; else None.

    Only a key that was made lately is looked for again, because a first resize must not cost two
    looks.
    """
    try:
        resize = find(key, storage, with_content=True) if made_lately else None
        if resize is not None:
            return StoredResize(key, resize.content)
        failures.raise_recent(key)
    except MediaError as error:
        return error
    return None


def _record(
    key: ResizeKey, result: bytes | MediaError, was_lost: bool
) -> StoredResize | MediaError:
    if isinstance(result, MediaError):
        return result
    recently_made.set(str(key), "made")
    return StoredResize(key, result, made=True, was_lost=was_lost)
