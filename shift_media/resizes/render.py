"""Making resizes of one original: one reading, one decode, each stored as soon as it is made.

Whoever calls this has seen to it that nobody else makes the same, and has a turn of the budget.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core import errors
from shift_media.core.errors import EmptyCrop, InvalidSpec, MediaError, SourceError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import MezzanineKey, ResizeKey
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import Result
from shift_media.resizes import mezzanines
from shift_media.signals import resize_created
from shift_media.storages.streams import SeekableStream

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

Derived = ResizeKey | MezzanineKey

_failed = TTLCache("failed", seconds=600)
"""Originals and keys of which nothing can be made, with the code of the error."""


def raise_remembered(key: ResizeKey) -> None:
    """Raise the error that a resize, or all of its original, failed with a moment ago."""
    code = _failed.read(key.source) or _failed.read(str(key))
    if code is not None:
        kind = errors.BY_CODE.get(code, SourceError)
        raise kind(f"It failed a moment ago, and is not tried again for now: {code}.")


def make(
    keys: Sequence[ResizeKey], storage: MediaStorage
) -> Iterator[tuple[ResizeKey, bytes | MediaError]]:
    """Make and store resizes of one original; give each with its bytes, or with what failed."""
    left = dict.fromkeys(keys)
    try:
        for key, made in _results(keys, storage):
            del left[key]
            yield key, _stored(key, made, storage)
    except MediaError as error:
        for key in left:
            yield key, _remembered(key, error)


def _results(
    keys: Sequence[ResizeKey], storage: MediaStorage
) -> Iterator[tuple[ResizeKey, Result | MediaError]]:
    """Make resizes of a mezzanine, where there is one that is enough, else of the original."""
    smaller = mezzanines.of(keys, storage)
    left = dict.fromkeys(keys)
    if smaller is not None:
        for key, made in smaller.results(keys):
            del left[key]
            yield key, made
    if not left:
        return
    with _opened(keys[0].source, storage) as (source, size):
        specs: dict[Derived, Spec] = {key: key.spec for key in left}
        if smaller is not None and smaller.is_to_be_made(source):
            specs[smaller.key] = smaller.spec
        if isinstance(source, SeekableStream):
            wanted = engine.needed_bytes(source, *specs.values(), limits=settings.source_limits)
            source.require(wanted)
        for each, result in _of_original(source, specs):
            if isinstance(each, ResizeKey):
                yield each, result
            elif smaller is not None:
                smaller.store(result, size)


def _of_original(
    source: BinaryIO, specs: Mapping[Derived, Spec]
) -> Iterator[tuple[Derived, Result | MediaError]]:
    """Make what an original is to give; what is wrong with one spec is no matter to the others."""
    good = dict(specs)
    try:
        results = _made(source, list(good.values()))
    except (EmptyCrop, InvalidSpec):
        for key, spec in specs.items():
            try:
                _make_many(source, [spec])  # plans it, and makes nothing yet
            except (EmptyCrop, InvalidSpec) as error:
                del good[key]
                yield key, error
        results = _made(source, list(good.values()))
    yield from zip(good, results, strict=True)


def _made(source: BinaryIO, specs: Sequence[Spec]) -> Iterator[Result]:
    """Make many at once; one alone in the way that is best for one."""
    if len(specs) != 1:
        return _make_many(source, specs)
    return iter(
        [
            engine.make(
                source,
                specs[0],
                limits=settings.source_limits,
                output=settings.limits,
                decoder=settings.ENGINE,
            )
        ]
    )


def _make_many(source: BinaryIO, specs: Sequence[Spec]) -> Iterator[Result]:
    return engine.make_many(
        source,
        specs,
        limits=settings.source_limits,
        output=settings.limits,
        decoder=settings.ENGINE,
    )


def _stored(
    key: ResizeKey, made: Result | MediaError, storage: MediaStorage
) -> bytes | MediaError:
    """Store what was made, unless somebody else has."""
    if isinstance(made, MediaError):
        return _remembered(key, made)
    try:
        stored = storage.put(
            str(key),
            io.BytesIO(made.content),
            content_type=BY_EXTENSION[key.spec.format].content_type,
            size=len(made.content),
        )
    except MediaError as error:
        return error
    if stored:
        resize_created.send(
            sender=storage.__class__,  # what a lazy storage stands for
            key=str(key),
            storage=storage,
            width=made.width,
            height=made.height,
            size=len(made.content),
        )
    return made.content


def _remembered(key: ResizeKey, error: MediaError) -> MediaError:
    """Note a failure: one of the original for all its resizes, one of the spec for this one."""
    if isinstance(error, SourceError | InvalidSpec):
        logger.info("No resize of %s: %s: %s", key.source, error.code, error)
        of_spec = isinstance(error, EmptyCrop | InvalidSpec)
        _failed.write(str(key) if of_spec else key.source, error.code)
    return error


@contextmanager
def _opened(key: str, storage: MediaStorage) -> Iterator[tuple[BinaryIO, int]]:
    """Open an original as a seekable file, and tell how many bytes it has."""
    with storage.fetch(key) as source:
        if source.seekable():
            yield cast("BinaryIO", source), source.size
        else:
            with SeekableStream(cast("BinaryIO", source), source.size) as arriving:
                yield cast("BinaryIO", arriving), source.size
