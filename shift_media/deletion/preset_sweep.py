"""Removal of all stored resizes of some presets, which are made again when they are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shift_media.conf import settings
from shift_media.conf.presets import read_effects, spec_options
from shift_media.core.errors import InvalidKey, InvalidSpec
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.keys import ResizeKey, parse_key
from shift_media.core.spec import Spec
from shift_media.deletion.shards import list_shards
from shift_media.deletion.sweep_report import ObjectCount
from shift_media.storages import Entry, MediaStorage

Definition = Mapping[str, Any]
"""The options of a preset, as in the settings."""


class PresetSpecs:
    """The specs that some presets give, whichever original they are for.

    That is: in each format if a preset names none, of twice the sides too, as ``resize_img`` makes
    them for dense screens, and with the focal point or the crop of any original.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._specs = {spec for each in definitions for spec in _specs(each)}

    def __contains__(self, spec: Spec) -> bool:
        exact = replace(spec, poster=None)
        # What a preset gives itself, the stored focal point or crop never replaces.
        return exact in self._specs or _without_framing(exact) in self._specs


def _specs(definition: Definition) -> Iterator[Spec]:
    """Yield the specs of one preset, in each format that it may have."""
    effects = read_effects(definition)
    given = {"format": None, **spec_options(definition)}
    formats = [given["format"]] if given["format"] else list(RESIZE_FORMATS)
    digest = None if effects is None else effects.digest
    for format in formats:
        # An option that a format lacks, or sides that are too large, give no resizes.
        with contextlib.suppress(InvalidSpec):
            options = {**given, "format": format}
            spec = Spec.make(qualities=settings.QUALITY, digest=digest, **options)
            yield spec
            width, height = (side and 2 * side for side in (spec.width, spec.height))
            yield replace(spec, width=width, height=height)


def _without_framing(spec: Spec) -> Spec:
    return replace(spec, focal=None, crop=None) if spec.mode == "fill" else spec


class PresetSweep:
    """One pass over a storage that removes the resizes of some presets.

    Args:
        storage: the storage.
        removed: the presets, each by its options.
        kept: the presets whose resizes stay, even if one of the others gives the same.
        dry_run: count, and remove nothing.
        on_progress: called after each shard with the number of finished shards and the count.
    """

    def __init__(
        self,
        storage: MediaStorage,
        removed: Iterable[Definition],
        *,
        kept: Iterable[Definition] = (),
        dry_run: bool = False,
        on_progress: Callable[[int, ObjectCount], None] = lambda done, count: None,
    ) -> None:
        self.storage = storage
        self.dry_run = dry_run
        self.on_progress = on_progress
        self._removed, self._kept = PresetSpecs(removed), PresetSpecs(kept)
        self.count, self.shared = ObjectCount(), ObjectCount()

    def run(self) -> ObjectCount:
        """Remove the resizes shard by shard, and return their number and bytes.

        Those that a kept preset gives too are counted as ``shared``.
        """
        for done, entries in enumerate(list_shards(self.storage), 1):
            found = [entry for entry in entries if self._is_removed(entry)]
            if found and not self.dry_run:
                self.storage.delete_many([entry.key for entry in found])
            self.count.add(found)
            self.on_progress(done, self.count)
        return self.count

    def _is_removed(self, entry: Entry) -> bool:
        spec = spec_of(entry.key)
        if spec is None or spec not in self._removed:
            return False
        if spec in self._kept:
            self.shared.add([entry])
            return False
        return True


def count_specs(
    storage: MediaStorage, on_progress: Callable[[int], None] = lambda done: None
) -> dict[Spec, ObjectCount]:
    """Return the stored resizes by their specs without focal point, crop and poster."""
    counts: dict[Spec, ObjectCount] = {}
    for done, entries in enumerate(list_shards(storage), 1):
        for entry in entries:
            if (spec := spec_of(entry.key)) is not None:
                shape = _without_framing(replace(spec, poster=None))
                counts.setdefault(shape, ObjectCount()).add([entry])
        on_progress(done)
    return counts


def spec_of(key: str) -> Spec | None:
    """Return the spec of a stored resize; None for other files."""
    try:
        parsed = parse_key(key)
    except InvalidKey:
        return None
    return parsed.spec if isinstance(parsed, ResizeKey) else None
