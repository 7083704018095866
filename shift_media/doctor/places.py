"""The originals whose metadata says where a picture was taken, counted by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from django.core.exceptions import SuspiciousOperation

from shift_media.core.errors import MediaError
from shift_media.doctor.findings import Finding, ok, skipped, warning
from shift_media.doctor.integrity import WORKERS, IntegrityCheck, OriginalRow
from shift_media.imaging.exif_facts import read_exif_facts
from shift_media.storages import MediaStorage
from shift_media.storages.streams import SeekableStream
from shift_media.storages.validation import format_of_key

_HEAD_BYTES = 1 << 16
"""Bytes that must arrive: a storage that fails is not one whose pictures have no EXIF."""

_FIX = (
    "Write strip=True in the field, which holds for new uploads. The action of MediaAdmin that "
    "removes metadata does it for stored ones. Or keep originals private, and show resizes, which "
    "never have metadata."
)


@dataclass(slots=True)
class PlaceCounts:
    """The numbers of pictures by field: all that were read, and those with a place.

    ``unread`` is how many could not be read.
    """

    read: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    unread: int = 0


def find_places(check: IntegrityCheck) -> Iterator[PlaceCounts]:
    """Look at the pictures of a check's rows, and yield the counts after some of them."""
    counts, storage = PlaceCounts(), check.storage
    pictures = (one for one in check.originals() if format_of_key(one.key).kind == "image")
    with ThreadPoolExecutor(WORKERS) as pool:
        rows = islice(pictures, check.limit)
        while some := list(islice(rows, 8 * WORKERS)):
            for original, found in zip(
                some, pool.map(lambda one: _has_place(storage, one), some), strict=True
            ):
                check.position = original.position
                counts.read[original.field] += found is not None
                counts.placed[original.field] += found is True
                counts.unread += found is None
            yield counts


def _has_place(storage: MediaStorage, original: OriginalRow) -> bool | None:
    """Return whether a picture has a GPS position; None if it could not be read."""
    try:
        with storage.fetch(original.key) as source:
            stream = SeekableStream(cast("Any", source), source.size)
            try:
                stream.require(min(source.size, _HEAD_BYTES))
                facts = read_exif_facts(cast("Any", stream), format_of_key(original.key))
            finally:
                stream.close()
    except (MediaError, OSError, SuspiciousOperation):
        return None
    return facts.gps is not None


def describe_places(counts: PlaceCounts) -> Iterator[Finding]:
    """Yield a finding for each field, and one if pictures could not be read."""
    for name, number in sorted(counts.read.items()):
        placed = counts.placed[name]
        seen = f"{name}: {placed} of {number} originals say where the picture was taken."
        yield warning("metadata-place", seen, _FIX) if placed else ok("metadata-place", seen)
    if counts.unread:
        seen = f"{counts.unread} originals could not be read."
        yield warning("metadata-place", seen, "media_doctor --verify names them.")
    elif not counts.read:
        yield skipped("metadata-place", "No row refers to a picture in this storage.")
