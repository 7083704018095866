"""Finding what a storage keeps for nobody: orphans, retired signatures, unused mezzanines.

A listing is cut into shards by the first two digits of the ids, so that several are read at once
and none has to fit in memory with the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS

from shift_media.conf import settings
from shift_media.core.errors import InvalidKey
from shift_media.core.keys import MezzanineKey, OriginalKey, ResizeKey, parse_key
from shift_media.deletion.references import is_referenced, referenced
from shift_media.storages import Entry, MediaStorage

SHARDS = tuple(f"{number:02x}" for number in range(256))
LISTINGS = 8
"""Shards listed at once: listing waits for the storage, not for this machine."""


@dataclass(slots=True)
class ObjectCount:
    """Objects of one kind: how many, and their bytes."""

    objects: int = 0
    bytes: int = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Count entries."""
        for entry in entries:
            self.objects += 1
            self.bytes += entry.size


@dataclass(slots=True)
class Findings:
    """What a sweep saw, and what it removed or would have."""

    seen: ObjectCount = field(default_factory=ObjectCount)
    foreign: ObjectCount = field(default_factory=ObjectCount)
    young: ObjectCount = field(default_factory=ObjectCount)
    orphaned: ObjectCount = field(default_factory=ObjectCount)
    retired: ObjectCount = field(default_factory=ObjectCount)
    resigned: ObjectCount = field(default_factory=ObjectCount)
    mezzanines: ObjectCount = field(default_factory=ObjectCount)


@dataclass(slots=True)
class Directory:
    """An original with all that lies in its directory."""

    original: OriginalKey
    entries: list[Entry] = field(default_factory=list)

    @property
    def youngest(self) -> datetime:
        """When something was last written here."""
        return max(entry.modified for entry in self.entries)


class Sweep:
    """One pass over a storage.

    Args:
        storage: what is swept.
        older_than: nothing that was written since is removed: it may be an upload whose row is
            not committed yet.
        resign: whether resizes that an older signing key signed are copied to their new names.
        dry_run: count, and change nothing.
        on_progress: called after each shard with the number of shards done and the findings.
    """

    def __init__(
        self,
        storage: MediaStorage,
        older_than: datetime,
        *,
        resign: bool = False,
        dry_run: bool = False,
        on_progress: Callable[[int, Findings], None] = lambda done, findings: None,
    ) -> None:
        self.storage = storage
        self.older_than = older_than
        self.resign = resign
        self.dry_run = dry_run
        self.on_progress = on_progress
        self.findings = Findings()

    def run(self) -> Findings:
        """Sweep shard by shard."""
        for done, entries in enumerate(self._listings(), 1):
            self._shard(entries)
            self.on_progress(done, self.findings)
        return self.findings

    def _listings(self) -> Iterator[list[Entry]]:
        """List the shards in order, `LISTINGS` of them ahead."""
        with ThreadPoolExecutor(LISTINGS) as pool:
            ahead: deque[Future[list[Entry]]] = deque()
            for shard in SHARDS:
                ahead.append(pool.submit(lambda prefix: list(self.storage.entries(prefix)), shard))
                if len(ahead) == LISTINGS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _shard(self, entries: Sequence[Entry]) -> None:
        self.findings.seen.add(entries)
        directories = self._directories(entries)
        kept = referenced([str(found.original) for found in directories])
        for found in directories:
            if str(found.original) in kept:
                self._resizes(found)
            else:
                self._orphan(found)

    def _directories(self, entries: Iterable[Entry]) -> list[Directory]:
        found: dict[str, Directory] = {}
        for entry in entries:
            try:
                key = parse_key(entry.key)
            except InvalidKey:
                self.findings.foreign.add([entry])
                continue
            original = key if isinstance(key, OriginalKey) else key.original
            found.setdefault(original.prefix, Directory(original)).entries.append(entry)
        return list(found.values())

    def _orphan(self, found: Directory) -> None:
        if found.youngest >= self.older_than:
            self.findings.young.add(found.entries)
            return
        # The row may have been committed since the shard was looked up.
        if is_referenced(str(found.original), DEFAULT_DB_ALIAS):
            return
        self.findings.orphaned.add(found.entries)
        if not self.dry_run:
            self.storage.delete_prefix(found.original.prefix)

    def _resizes(self, found: Directory) -> None:
        for entry in found.entries:
            key = parse_key(entry.key)
            if isinstance(key, MezzanineKey):
                self._mezzanine(entry)
            if not isinstance(key, ResizeKey):
                continue
            if not settings.resize_signer.verify(key.payload, key.signature):
                self._retired(entry)
            elif self.resign:
                self._resign(entry, key)

    def _mezzanine(self, entry: Entry) -> None:
        """Remove one that nothing is made from: its storage keeps none any more."""
        if self.storage.mezzanine or entry.modified >= self.older_than:
            return
        self.findings.mezzanines.add([entry])
        if not self.dry_run:
            self.storage.delete(entry.key)

    def _retired(self, entry: Entry) -> None:
        self.findings.retired.add([entry])
        if not self.dry_run:
            self.storage.delete(entry.key)

    def _resign(self, entry: Entry, key: ResizeKey) -> None:
        signature = settings.resize_signer.sign(key.payload)
        new = str(replace(key, signature=signature))
        if signature == key.signature or self.storage.stat(new) is not None:
            return
        self.findings.resigned.add([entry])
        if not self.dry_run:
            self.storage.copy(entry.key, new)
