"""Removal of objects that no row needs: orphans, resizes of retired keys, unused mezzanines.

A storage is listed in shards, by the first two digits of the ids. Several shards are listed at
once, and only those are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from shift_media.conf import settings
from shift_media.core.errors import InvalidKey, MediaError
from shift_media.core.keys import MezzanineKey, OriginalKey, ResizeKey, owner_of_name, parse_key
from shift_media.deletion.holding import held_keys
from shift_media.deletion.references import default_keys, referenced_keys, referenced_names
from shift_media.storages import Entry, MediaStorage

SHARDS = tuple(f"{number:02x}" for number in range(256))
"""Prefixes that together list every id: two hexadecimal digits."""

MOST_ORPHANS = 10
"""Orphans that a sweep removes in any case, if other originals of the storage have rows."""

MOST_SHARE = 0.05
"""Share of the originals that a sweep removes without being forced to."""

LISTINGS = 8
"""Shards listed at once. A listing takes no processor time here: it waits for the storage."""


@dataclass(slots=True)
class ObjectCount:
    """The number and the bytes of objects of one kind."""

    objects: int = 0
    bytes: int = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Count some entries more."""
        for entry in entries:
            self.objects += 1
            self.bytes += entry.size


@dataclass(slots=True)
class SweepReport:
    """The objects of a sweep, counted by what was done with them.

    Attributes:
        listed: all objects of the storage.
        foreign: those whose key is not one of shift_media; left alone.
        young: those without a row that are too young to be removed.
        orphaned: originals without a row, with everything in their directories; removed.
        retired: resizes that none of the signing keys signed; removed.
        resigned: resizes that an older signing key signed; copied to their new names.
        mezzanines: mezzanines of a storage that uses none any more; removed.
        originals: the number of originals, or of directories of one.
        referenced: the number of those that a row refers to.
        orphans: the number of those that no row refers to, and that are old enough to be removed.
    """

    listed: ObjectCount = field(default_factory=ObjectCount)
    foreign: ObjectCount = field(default_factory=ObjectCount)
    young: ObjectCount = field(default_factory=ObjectCount)
    orphaned: ObjectCount = field(default_factory=ObjectCount)
    retired: ObjectCount = field(default_factory=ObjectCount)
    resigned: ObjectCount = field(default_factory=ObjectCount)
    mezzanines: ObjectCount = field(default_factory=ObjectCount)
    originals: int = 0
    referenced: int = 0
    orphans: int = 0

    def check(self) -> None:
        """Raise `SuspiciousSweep` if the sweep would remove more than orphans explain."""
        if not self.orphans:
            return
        share = self.orphans / self.originals
        if self.referenced and (self.orphans <= MOST_ORPHANS or share <= MOST_SHARE):
            return
        raise SuspiciousSweep(
            f"{self.orphans} of {self.originals} originals ({share:.0%}) have no row that this "
            "site can see, so nothing was removed. Another site, such as staging beside "
            "production, may use the same storage, or their rows are in a database or a tenant "
            'that this site does not know (see SHIFT_MEDIA["TENANTS"]). If they are orphans, run '
            "the command again with --force."
        )


@dataclass(slots=True)
class Directory:
    """The directory of an original, with all objects in it."""

    original: OriginalKey
    entries: list[Entry] = field(default_factory=list)

    @property
    def last_modified(self) -> datetime:
        """The time of the last write into the directory."""
        return max(entry.modified for entry in self.entries)


class SuspiciousSweep(MediaError):
    """A sweep that would remove so much that a mistake is likelier than orphans."""

    code = "suspicious_sweep"


class Sweep:
    """One pass over a storage.

    Args:
        storage: the storage to sweep.
        older_than: nothing that was written later is removed, because it may be an upload whose
            row is not committed yet.
        resign: copy resizes that an older signing key signed to their new names.
        dry_run: count, and change nothing.
        on_progress: called after each shard with the number of finished shards and the report.
    """

    def __init__(
        self,
        storage: MediaStorage,
        older_than: datetime,
        *,
        resign: bool = False,
        dry_run: bool = False,
        on_progress: Callable[[int, SweepReport], None] = lambda done, report: None,
    ) -> None:
        self.storage = storage
        self.older_than = older_than
        self.resign = resign
        self.dry_run = dry_run
        self.on_progress = on_progress
        self.report = SweepReport()
        self._unused: list[tuple[ObjectCount, Entry]] = []

    def run(self) -> SweepReport:
        """Sweep shard by shard, and return the report."""
        for done, entries in enumerate(self._listings(), 1):
            if entries:
                self._sweep_shard(entries)
            self.on_progress(done, self.report)
        return self.report

    def _listings(self) -> Iterator[list[Entry]]:
        """Yield the entries of each shard in order; the next `LISTINGS` are listed meanwhile."""
        with ThreadPoolExecutor(LISTINGS) as pool:
            ahead: deque[Future[list[Entry]]] = deque()
            for shard in SHARDS:
                ahead.append(pool.submit(lambda prefix: list(self.storage.entries(prefix)), shard))
                if len(ahead) == LISTINGS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

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
