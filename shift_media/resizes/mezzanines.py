"""Mezzanines: smaller versions of originals that smaller resizes are made from.

A mezzanine is made with the first resize that it could have served, from the same reading, and is
stored in the original's directory. It saves time and is never needed: whatever is wrong with it,
the original is read instead, and for ten minutes it is neither looked for nor made.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.errors import InvalidSpec, MediaError, NotStored, SourceError, StorageError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.geometry import Size
from shift_media.core.keys import MezzanineKey, OriginalKey, ResizeKey
from shift_media.core.spec import Spec
from shift_media.imaging import mezzanine
from shift_media.imaging.engine import Effort, Result
from shift_media.imaging.probe import DEFAULT_LIMITS, probe
from shift_media.workers import isolated

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

logger = logging.getLogger("shift_media")

_MADE, _SUSPENDED = "made", "none"
_attempts = TTLCache("mezzanine", seconds=600)
"""By the mezzanine's key: it was made lately, or it is neither looked for nor made for now."""


def find(keys: Sequence[ResizeKey], storage: MediaStorage) -> Mezzanine | None:
    """Return the mezzanine that may serve all these resizes of one original, else None; no I/O."""
    key = mezzanine.mezzanine_key(keys[0].original)
    limits, side = settings.limits, mezzanine.SIDE
    if key is None or not storage.mezzanine or limits.side < side or limits.area < side * side:
        return None
    if not all(mezzanine.supports(each.original, each.spec) for each in keys):
        return None
    return Mezzanine(key, storage)


class Mezzanine:
    """The mezzanine of one original, while some of its resizes are rendered."""

    def __init__(self, key: MezzanineKey, storage: MediaStorage) -> None:
        self.key = key
        self.spec = mezzanine.mezzanine_spec(key.original)
        self._storage = storage
        self._state = _attempts.get(str(key))
        self._size: Size | None = None
        """The upright original's size, once the mezzanine is being made."""

    @property
    def original(self) -> OriginalKey:
        """The key of the original."""
        return self.key.original

    # Using it

    def render(
        self, keys: Sequence[ResizeKey], effort: Effort
    ) -> Iterator[tuple[ResizeKey, Result]]:
        """Yield those resizes that a stored, undamaged mezzanine is large enough for."""
        if self._state == _SUSPENDED:
            return
        try:
            fetched = self._fetch()
            if fetched is None:
                return
            content, size = fetched
            wanted = self._replace_specs(keys, size)
            if not wanted:
                return
            results = isolated.make_many(
                io.BytesIO(content),
                [(spec, None) for spec in wanted.values()],
                limits=DEFAULT_LIMITS,
                effort=effort,
            )
            for each, result in zip(wanted, results, strict=True):
                if isinstance(result, MediaError):
                    raise result
                yield each, result
        except NotStored:
            return
        except (SourceError, StorageError, InvalidSpec) as error:
            logger.warning("The mezzanine %s cannot be used: %s", self.key, error)
            self._suspend()

    def _replace_specs(self, keys: Sequence[ResizeKey], size: Size) -> dict[ResizeKey, Spec]:
        """Return, for the resizes that it is large enough for, the spec that refers to it."""
        smaller = geometry.output_size(self.spec, *size)
        specs = {k: mezzanine.substitute_spec(self.original, k.spec, size, smaller) for k in keys}
        return {key: spec for key, spec in specs.items() if spec is not None}

    def _fetch(self) -> tuple[bytes, Size] | None:
        """Return its bytes and the original's size; delete one that is damaged and return None."""
        with self._storage.fetch(str(self.key)) as source:
            packed = source.read() if source.size <= mezzanine.MAX_BYTES else b""
        unpacked = mezzanine.unpack(packed)
        if unpacked is None:
            logger.warning("The mezzanine %s is damaged: the original is read.", self.key)
            self._suspend()
            self._storage.delete(str(self.key))
        return unpacked

    # Making it

    def claim(self, source: BinaryIO) -> bool:
        """Return True if this caller is to make it from an open original, and keep others from it.

        It is tried once in ten minutes at most, whatever becomes of it: not again for each of many
        resizes, not again where its writes are lost, and not by two callers at a time.
        """
        if self._state is not None:
            return False
        self._suspend()
        try:
            facts = probe(source, settings.source_limits)
        except SourceError:
            return False
        if not mezzanine.is_worthwhile(facts.width, facts.height, facts.frames):
            return False
        self._size = (facts.width, facts.height)
        return True

    def store(self, result: Result | MediaError, original_bytes: int) -> None:
        """Store it, unless it has more bytes than the original; a failure is only logged."""
        if isinstance(result, MediaError) or self._size is None:
            return
        packed = mezzanine.pack(result.content, self._size)
        if len(packed) >= original_bytes:
            return
        try:
            self._put(packed)
        except MediaError as error:
            logger.warning("The mezzanine %s was not stored: %s", self.key, error)
        else:
            _attempts.set(str(self.key), _MADE)

    def _put(self, packed: bytes) -> None:
        self._storage.put(
            str(self.key),
            io.BytesIO(packed),
            content_type=BY_EXTENSION[self.key.extension].content_type,
            size=len(packed),
        )
        # A deletion removes the original first and then lists the rest: a mezzanine that was
        # written before the listing is in it, and one that was written later is noticed here.
        if self._storage.stat(str(self.original)) is None:
            self._storage.delete(str(self.key))

    def _suspend(self) -> None:
        self._state = _SUSPENDED
        _attempts.set(str(self.key), _SUSPENDED)
