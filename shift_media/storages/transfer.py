"""Copies of originals and renditions from one media storage to another.

Keys are the same everywhere and rows name no storage, so a site moves by copying what is stored
and by changing ``STORAGES``. Each file is written once, whole, and read back; a run that was
killed is run again, and leaves out what is there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from shift_media.core.errors import InvalidKey, MediaError
from shift_media.core.keys import (
    OriginalKey,
    RenditionKey,
    ResizeKey,
    directory_owner,
    owner_of_name,
    parse_key,
)
from shift_media.storages.base import Entry, MediaStorage
from shift_media.storages.server_copy import CopyUnsupported
from shift_media.storages.transfer_files import (
    HashedReader,
    can_be_made_again,
    read_digest,
    type_of,
)
from shift_media.storages.transfer_outcomes import (
    CopyState,
    DirectoryCopy,
    FileCopy,
    TransferOptions,
)
from shift_media.storages.validation import format_of_key

SHARDS = tuple(f"{number:02x}" for number in range(256))
"""Prefixes that together list every id: two hexadecimal digits."""

_LISTINGS = 4  # shards that are listed ahead
_WAITING = 4  # directories for each worker that wait in the queue
_MOST_FAILURES = 20  # directories in a row, after which no more are tried


@dataclass(slots=True)
class _Directory:
    """One original and everything beside it, as the source lists it, and what the target has."""

    original: OriginalKey
    entries: list[Entry] = field(default_factory=list)
    present: dict[str, int] = field(default_factory=dict)


class _Differs(MediaError):
    """The target has another file, or other bytes, under a key."""

    code = "differs"


class Transfer:
    """One run from a source to a target; it may run beside a site that uses either.

    Args:
        source: the storage to read from.
        target: the storage to write to.
        options: the choices.
        stop: set it to end the run in order: files that are being copied are finished.

    Attributes:
        shards: how many of `SHARDS` were listed.
        foreign: objects of the source whose keys are not of this app; they are left alone.
        gave_up: True if too many directories failed one after another.
    """

    def __init__(
        self,
        source: MediaStorage,
        target: MediaStorage,
        options: TransferOptions,
        stop: threading.Event | None = None,
    ) -> None:
        self.source, self.target, self.options = source, target, options
        self.stop = stop or threading.Event()
        self.shards = self.foreign = 0
        self.gave_up = False
        self._failing = 0

    def outcomes(self) -> Iterator[DirectoryCopy]:
        """Copy directory after directory, and yield what was done with each."""
        running: deque[Future[DirectoryCopy]] = deque()
        with ThreadPoolExecutor(self.options.workers, "media-copy") as pool:
            try:
                for directory in self._directories():
                    running.append(pool.submit(self._copy_directory, directory))
                    if len(running) > _WAITING * self.options.workers:
                        yield self._settle(running.popleft())
                    if self.stop.is_set() or self.gave_up:
                        break
                while running:
                    if not (self.stop.is_set() and running[0].cancel()):
                        yield self._settle(running[0])
                    running.popleft()
            finally:
                for future in running:
                    future.cancel()

    def _settle(self, future: Future[DirectoryCopy]) -> DirectoryCopy:
        outcome = future.result()
        failed = any(file.state == CopyState.FAILED for file in outcome.files)
        self._failing = self._failing + 1 if failed else 0
        self.gave_up = self._failing >= _MOST_FAILURES
        return outcome

    # Listing

    def _directories(self) -> Iterator[_Directory]:
        for entries, present in self._listings():
            directories: dict[str, _Directory] = {}
            for entry in entries:
                original = directory_owner(entry.key)
                if original is None:
                    self.foreign += 1
                    continue
                prefix = original.prefix
                directories.setdefault(prefix, _Directory(original)).entries.append(entry)
            for entry in present:
                original = directory_owner(entry.key)
                if original is not None and original.prefix in directories:
                    directories[original.prefix].present[entry.key] = entry.size
            self.shards += 1
            yield from directories.values()

    def _listings(self) -> Iterator[tuple[list[Entry], list[Entry]]]:
        """Yield what source and target list of each shard; the next ones are listed meanwhile."""
        with ThreadPoolExecutor(_LISTINGS, "media-copy-list") as pool:
            ahead: deque[Future[tuple[list[Entry], list[Entry]]]] = deque()
            for shard in SHARDS:
                ahead.append(pool.submit(self._list_shard, shard))
                if len(ahead) == _LISTINGS:
                    yield ahead.popleft().result()
                if self.stop.is_set():
                    return
            while ahead:
                yield ahead.popleft().result()

    def _list_shard(self, shard: str) -> tuple[list[Entry], list[Entry]]:
        if self.stop.is_set():
            return [], []
        entries = list(self.source.entries(shard))
        return entries, list(self.target.entries(shard)) if entries else []

    # Copying

    def _copy_directory(self, directory: _Directory) -> DirectoryCopy:
        wanted = [entry for entry in directory.entries if self._is_wanted(entry.key)]
        # The original first, because its client's name is stored with it.
        wanted.sort(key=lambda entry: (entry.key != str(directory.original), entry.key))
        files = tuple(self._try(directory, entry) for entry in wanted)
        if not self.options.delete_source or self.options.dry_run or not files:
            return DirectoryCopy(files)
        if any(file.state == CopyState.FAILED for file in files):
            return DirectoryCopy(files, kept="not all of its files were copied")
        try:
            kept = self._delete(directory, {file.key for file in files})
        except (MediaError, OSError) as error:
            kept = str(error)
        return DirectoryCopy(files, is_removed=not kept, kept=kept)

    def _is_wanted(self, key: str) -> bool:
        if owner_of_name(key) is not None:
            return self.target.serves_files
        try:
            parsed = parse_key(key)
        except InvalidKey:
            return False
        if isinstance(parsed, ResizeKey):
            return self.options.resizes
        return isinstance(parsed, OriginalKey | RenditionKey)

    def _try(self, directory: _Directory, entry: Entry) -> FileCopy:
        try:
            state = self._copy(entry, directory.present.get(entry.key))
        except (MediaError, OSError) as error:
            code = getattr(error, "code", "os_error")
            return FileCopy(entry.key, CopyState.FAILED, entry.size, code, str(error))
        return FileCopy(entry.key, state, entry.size)

    def _copy(self, entry: Entry, present: int | None) -> CopyState:
        if present is None:
            if self.options.dry_run:
                return CopyState.COPIED
            if self._write(entry):
                if self.options.delete_source:
                    self._compare(entry.key)
                return CopyState.COPIED
            # Another run, or the original's own write for its name, was faster.
            stat = self.target.stat(entry.key)
            present = -1 if stat is None else stat.size
        if present != entry.size:
            raise _Differs(
                f"The target has another file under {entry.key!r}, of {present} bytes in place of "
                f"{entry.size}. Delete it there, and run this again."
            )
        if (self.options.verify or self.options.delete_source) and not self.options.dry_run:
            self._compare(entry.key)
        return CopyState.PRESENT

    def _write(self, entry: Entry) -> bool:
        """Write one file, by the server itself if it can; return False if the key is taken."""
        key = entry.key
        name = self._download_name(key)
        content_type = type_of(key)
        copy = self.target.begin_copy(self.source, key)
        if copy is not None:
            stat = self.source.stat(key)
            digest = stat.sha256 if stat else ""
            try:
                return copy.write(
                    key, content_type=content_type, download_name=name, sha256=digest
                )
            except CopyUnsupported:
                pass
        with self.source.fetch(key) as stored:
            content = HashedReader(stored)
            written = self.target.put_original(
                key, content, content_type=content_type, download_name=name, size=stored.size
            )
        if written and read_digest(self.target, key) != content.hexdigest():
            self.target.delete(key)
            raise _Differs(f"The target has stored other bytes for {key!r} than it was sent.")
        return written

    def _download_name(self, key: str) -> str:
        is_document = not format_of_key(key).inline and directory_owner(key) is not None
        is_original = is_document and str(directory_owner(key)) == key
        return self.source.read_download_name(key) if is_original else ""

    def _compare(self, key: str) -> None:
        """Read both sides of a file; raise if they differ."""
        if read_digest(self.source, key) != read_digest(self.target, key):
            raise _Differs(
                f"{key!r} has other bytes in the target than in the source. Delete the one that "
                "is wrong, and run this again."
            )

    def _delete(self, directory: _Directory, verified: set[str]) -> str:
        """Delete a directory from the source, or return why it is kept."""
        prefix = directory.original.prefix
        if str(directory.original) not in verified:
            return "its original is not stored"
        for entry in self.source.entries(prefix):
            if entry.key not in verified and not can_be_made_again(entry.key):
                return f"{entry.key} was not copied"
        self.source.delete_prefix(prefix)
        return ""
