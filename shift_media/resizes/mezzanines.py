"""Mezzanines: smaller versions of originals that smaller resizes are made from.

One is made with the first resize that it could have served, from the same reading, and lies in the
original's directory. It is a help and never needed: whatever is wrong with it, the original is
read instead, and for some minutes it is neither looked for nor made.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.errors import InvalidSpec, MediaError, NotStored, SourceError, StorageError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.geometry import Size
from shift_media.core.keys import MezzanineKey, OriginalKey, ResizeKey
from shift_media.core.spec import Limits, Spec
from shift_media.imaging import engine, mezzanine
from shift_media.imaging.engine import Result
from shift_media.imaging.probe import probe

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

_MADE, _NONE = "made", "none"
_tried = TTLCache("mezzanine", seconds=600)
"""Whether one was made a moment ago, or there is to be none for now."""


class _Options(TypedDict):
    output: Limits
    decoder: engine.Decoder


def of(keys: Sequence[ResizeKey], storage: MediaStorage) -> Mezzanine | None:
    """Give the mezzanine that may serve all these resizes of one original; None: there is none."""
    key = mezzanine.mezzanine_key(keys[0].original)
    limits, side = settings.limits, mezzanine.SIDE
    if key is None or not storage.mezzanine or limits.side < side or limits.area < side * side:
        return None
    if not all(mezzanine.supports(each.original, each.spec) for each in keys):
        return None
    return Mezzanine(key, storage)


class Mezzanine:
    """The mezzanine of one original while some of its resizes are made."""

    def __init__(self, key: MezzanineKey, storage: MediaStorage) -> None:
        self.key = key
        self.spec = mezzanine.mezzanine_spec(key.original)
        self._storage = storage
        self._note = _tried.read(str(key))
        self._size: Size | None = None
        """The upright original's, once its mezzanine is being made."""

    @property
    def original(self) -> OriginalKey:
        """The key of the original."""
        return self.key.original

    # Using it.

    def results(self, keys: Sequence[ResizeKey]) -> Iterator[tuple[ResizeKey, Result]]:
        """Make those resizes that it is large enough for, where it is stored and whole."""
        if self._note == _NONE:
            return
        try:
            found = self._fetch()
            if found is None:
                return
            content, size = found
            wanted = self._wanted(keys, size)
            specs, options = list(wanted.values()), _options()
            if len(specs) == 1:
                results = iter([engine.make(io.BytesIO(content), specs[0], **options)])
            else:
                results = engine.make_many(io.BytesIO(content), specs, **options)
            yield from zip(wanted, results, strict=True)
        except NotStored:
            return
        except (SourceError, StorageError, InvalidSpec) as error:
            logger.warning("The mezzanine %s is of no use: %s", self.key, error)
            self._leave_alone()

    def _wanted(self, keys: Sequence[ResizeKey], size: Size) -> dict[ResizeKey, Spec]:
        """Rewrite the specs of those that it is large enough for."""
        smaller = geometry.output_size(self.spec, *size)
        specs = {k: mezzanine.substitute_spec(self.original, k.spec, size, smaller) for k in keys}
        return {key: spec for key, spec in specs.items() if spec is not None}

    def _fetch(self) -> tuple[bytes, Size] | None:
        """Read it whole; one that is damaged is deleted."""
        with self._storage.fetch(str(self.key)) as source:
            packed = source.read() if source.size <= mezzanine.MAX_BYTES else b""
        found = mezzanine.unpack(packed)
        if found is None:
            logger.warning("The mezzanine %s is damaged: the original is read.", self.key)
            self._leave_alone()
            self._storage.delete(str(self.key))
        return found

    # Making it.

    def is_to_be_made(self, source: BinaryIO) -> bool:
        """Tell whether it is to be made of an open original; others leave it to this caller then.

        Once in ten minutes at most, whatever becomes of it: not for who asks for many resizes,
        not where its writes are lost, and not by two at a time.
        """
        if self._note is not None:
            return False
        self._leave_alone()
        try:
            facts = probe(source, settings.source_limits)
        except SourceError:
            return False
        if not mezzanine.is_worthwhile(facts.width, facts.height, facts.frames):
            return False
        self._size = (facts.width, facts.height)
        return True

    def store(self, made: Result | MediaError, original_bytes: int) -> None:
        """Store it, unless it would be more to read than the original; failing is no harm."""
        if isinstance(made, MediaError) or self._size is None:
            return
        packed = mezzanine.pack(made.content, self._size)
        if len(packed) >= original_bytes:
            return
        try:
            self._put(packed)
        except MediaError as error:
            logger.warning("The mezzanine %s was not stored: %s", self.key, error)
        else:
            _tried.write(str(self.key), _MADE)

    def _put(self, packed: bytes) -> None:
        self._storage.put(
            str(self.key),
            io.BytesIO(packed),
            content_type=BY_EXTENSION[self.key.extension].content_type,
            size=len(packed),
        )
        # A deletion removes the original first and then lists: what was written before that is
        # listed, and what was written after it is seen here.
        if self._storage.stat(str(self.original)) is None:
            self._storage.delete(str(self.key))

    def _leave_alone(self) -> None:
        self._note = _NONE
        _tried.write(str(self.key), _NONE)


def _options() -> _Options:
    return {"output": settings.limits, "decoder": settings.ENGINE}
