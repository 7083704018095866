"""Removal of objects that no row needs: orphans, unused renditions, resizes of retired keys.

A storage is listed in shards, by the first two digits of the ids. Several shards are listed at
once, and only those are in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shift_media.conf import settings
from shift_media.core.errors import InvalidKey
from shift_media.core.keys import (
    MezzanineKey,
    OriginalKey,
    RenditionKey,
    ResizeKey,
    owner_of_name,
    parse_key,
)
from shift_media.deletion.holding import held_keys
from shift_media.deletion.references import default_keys, referenced_keys, referenced_names
from shift_media.deletion.shards import SHARDS, list_shards
from shift_media.deletion.sweep_report import ObjectCount, SuspiciousSweep, SweepReport
from shift_media.storages import Entry, MediaStorage

__all__ = ["SHARDS", "ObjectCount", "SuspiciousSweep", "Sweep", "SweepReport", "UsedFolders"]

UsedFolders = Callable[[Collection[str]], set[str]]
"""Returns which of some folders of renditions, such as ``…/clip.mp4/_web/0a1b2c3d/``, are used."""

_ATTEMPT = re.compile("[0-9a-f]{8}")
"""The name of an attempt's folder."""


def _all_used(folders: Collection[str]) -> set[str]:
    return set(folders)


@dataclass(slots=True)
class Directory:
    """The directory of an original, with all objects in it."""

    original: OriginalKey
    entries: list[Entry] = field(default_factory=list)

    @property
    def last_modified(self) -> datetime:
        """The time of the last write into the directory."""
        return max(entry.modified for entry in self.entries)


class Sweep:
    """One pass over a storage.

    Args:
        storage: the storage to sweep.
        older_than: nothing that was written later is removed, because it may be an upload whose
            row is not committed yet.
        resign: copy resizes that an older signing key signed to their new names.
        dry_run: count, and change nothing.
        used_folders: returns which folders of renditions are used. This room does not know jobs,
            so without it all are.
        on_progress: called after each shard with the number of finished shards and the report.
    """

    def __init__(
        self,
        storage: MediaStorage,
        older_than: datetime,
        *,
        resign: bool = False,
        dry_run: bool = False,
        used_folders: UsedFolders = _all_used,
        on_progress: Callable[[int, SweepReport], None] = lambda done, report: None,
    ) -> None:
        self.storage = storage
        self.older_than = older_than
        self.resign = resign
        self.dry_run = dry_run
        self.used_folders = used_folders
        self.on_progress = on_progress
        self.report = SweepReport()
        self._unused: list[tuple[ObjectCount, Entry]] = []
        self._folders: dict[str, list[Entry]] = {}

    def run(self) -> SweepReport:
        """Sweep shard by shard, and return the report."""
        for done, entries in enumerate(list_shards(self.storage), 1):
            if entries:
                self._sweep_shard(entries)
            self.on_progress(done, self.report)
        return self.report

    def _sweep_shard(self, entries: Sequence[Entry]) -> None:
        self.report.listed.add(entries)
        directories = self._directories(entries)
        referenced = referenced_keys([str(directory.original) for directory in directories])
        defaults = default_keys()
        self.report.originals += len(directories)
        orphans = []
        for directory in directories:
            if str(directory.original) in referenced:
                self.report.referenced += str(directory.original) not in defaults
                self._sweep_derived(directory)
            elif directory.last_modified >= self.older_than:
                self.report.young.add(directory.entries)
            else:
                orphans.append(directory)
        if orphans:
            self._remove_orphans(orphans)
        self._find_unused_folders()
        self._delete_unused()

    def _directories(self, entries: Iterable[Entry]) -> list[Directory]:
        directories: dict[str, Directory] = {}
        for entry in entries:
            original = owner_of(entry.key)
            if original is None:
                self.report.foreign.add([entry])
                continue
            directory = directories.setdefault(original.prefix, Directory(original))
            directory.entries.append(entry)
        return list(directories.values())

    def _remove_orphans(self, directories: Sequence[Directory]) -> None:
        # Their rows may have been committed since the shard was looked up. What is held is looked
        # up first, because it is held until the transaction that writes the row.
        keys = [str(directory.original) for directory in directories]
        referenced = held_keys(keys)
        referenced |= referenced_keys(keys)
        orphans = [one for one in directories if str(one.original) not in referenced]
        for directory in orphans:
            self.report.orphans += 1
            self.report.orphaned.add(directory.entries)
        if not self.dry_run:
            prefixes = [directory.original.prefix for directory in orphans]
            for outcome in self.storage.delete_prefixes(prefixes).values():
                if isinstance(outcome, Exception):
                    raise outcome

    def _find_unused_folders(self) -> None:
        """Select the files of attempts that failed, or that a later one has replaced."""
        old = [
            folder
            for folder, entries in self._folders.items()
            if all(entry.modified < self.older_than for entry in entries)
        ]
        used = self.used_folders(old)
        unused = [folder for folder in old if folder not in used]
        self.report.folders += len(old)
        self.report.unused_folders += len(unused)
        for folder in unused:
            self._unused += [(self.report.renditions, entry) for entry in self._folders[folder]]
        self._folders = {}

    def _delete_unused(self) -> None:
        """Delete the derived files of a shard that are not used any more.

        A file that a row names stays: its column may have been an ImageField's.
        """
        named = referenced_names([entry.key for _, entry in self._unused])
        unused = [(count, entry) for count, entry in self._unused if entry.key not in named]
        for count, entry in unused:
            count.add([entry])
        if unused and not self.dry_run:
            self.storage.delete_many([entry.key for _, entry in unused])
        self._unused = []

    def _sweep_derived(self, directory: Directory) -> None:
        for entry in directory.entries:
            if owner_of_name(entry.key):
                continue
            key = parse_key(entry.key)
            if isinstance(key, RenditionKey) and (folder := attempt_folder(key)):
                self._folders.setdefault(folder, []).append(entry)
            if isinstance(key, MezzanineKey):
                self._remove_mezzanine(entry)
            if not isinstance(key, ResizeKey):
                continue
            if not settings.resize_signer.verify(key.payload, key.signature):
                self._unused.append((self.report.retired, entry))
            elif self.resign:
                self._resign(entry, key)

    def _remove_mezzanine(self, entry: Entry) -> None:
        """Remove a mezzanine of a storage that uses none any more."""
        if self.storage.mezzanine or entry.modified >= self.older_than:
            return
        self._unused.append((self.report.mezzanines, entry))

    def _resign(self, entry: Entry, key: ResizeKey) -> None:
        signature = settings.resize_signer.sign(key.payload)
        new = str(replace(key, signature=signature))
        if signature == key.signature or self.storage.stat(new) is not None:
            return
        self.report.resigned.add([entry])
        if not self.dry_run:
            self.storage.copy(entry.key, new)


def owner_of(key: str) -> OriginalKey | None:
    """Return the original to which a stored file belongs; None if it is none of this app."""
    try:
        parsed = parse_key(key)
    except InvalidKey:
        return owner_of_name(key)
    return parsed if isinstance(parsed, OriginalKey) else parsed.original


def attempt_folder(key: RenditionKey) -> str:
    """Return the folder of the attempt that made a rendition; ``""`` for one in no such folder."""
    token, _, file = key.file.partition("/")
    if not (key.profile and file and _ATTEMPT.fullmatch(token)):
        return ""
    return f"{key.original.directory}/_{key.profile}/{token}/"
