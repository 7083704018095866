"""Storages that each break one promise, and the tests of the contract that must fail on them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from shift_media.storages import Entry, LocalMediaStorage, Source, Stat
from shift_media.storages.base import DeletedPrefixes
from shift_media.storages.disk_multipart import DiskMultipart
from shift_media.storages.multipart import StoredPart
from shift_media.storages.streams import CHUNK, Readable
from shift_media.storages.validation import check_prefix


class Overwriting(LocalMediaStorage):
    """A storage that replaces a stored file by another one."""

    caught_by: tuple[str, ...] = (
        "test_put_to_taken_key_returns_false_and_keeps_stored_bytes",
        "test_concurrent_puts_of_one_key_store_one_whole_content",
        "test_save_and_open_keep_name_and_bytes",
    )

    def _publish(self, temporary: str, path: str, place: object) -> bool:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(temporary, path)
        return True


class LookingFirst(Overwriting):
    """A storage that looks for the key and then writes, as many storages do."""

    caught_by = ("test_concurrent_puts_of_one_key_store_one_whole_content",)

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        return not self.exists(key) and super().put(key, content, **kwargs)


class AlwaysWritten(LocalMediaStorage):
    """A storage that keeps the first bytes, but returns True for the second put."""

    caught_by = ("test_put_to_taken_key_returns_false_and_keeps_stored_bytes",)

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        super().put(key, content, **kwargs)
        return True


class InPlace(LocalMediaStorage):
    """A storage that writes under the final name from the first byte on."""

    caught_by = (
        "test_put_of_failing_content_leaves_nothing",
        "test_key_is_missing_until_put_has_written_all",
        "test_put_of_wrong_size_raises_and_leaves_nothing",
    )

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        path = Path(self.path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), path.open("xb") as file:
            while part := content.read(CHUNK):
                file.write(part)
            return True
        return False


class Littering(LocalMediaStorage):
    """A storage that leaves an unfinished file beside the key."""

    caught_by = ("test_put_of_failing_content_leaves_nothing",)

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        try:
            return super().put(key, content, **kwargs)
        except Exception:
            Path(self.path(key)).parent.mkdir(parents=True, exist_ok=True)
            Path(self.path(key) + ".part").write_bytes(b"x")
            raise


class Trusting(LocalMediaStorage):
    """A storage that does not check the size of a content."""

    caught_by = ("test_put_of_wrong_size_raises_and_leaves_nothing",)

    def put(self, key: str, content: Readable, *, size: int | None = None, **kwargs: Any) -> bool:
        return super().put(key, content, **kwargs)


class Rewinding(LocalMediaStorage):
    """A storage that writes a content from its beginning instead of its position."""

    caught_by = ("test_put_reads_from_position_of_content",)

    def put(self, key: str, content: Readable, *, size: int | None = None, **kwargs: Any) -> bool:
        if hasattr(content, "seek"):
            content.seek(0)
        return super().put(key, content, **kwargs)


class Hoarding(LocalMediaStorage):
    """A storage that reads the whole content into memory."""

    caught_by = ("test_large_file_is_put_and_fetched_in_little_memory",)

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        held = content.read(1 << 40)
        return super().put(key, _Once(held), **kwargs)


class StringPrefix(LocalMediaStorage):
    """A storage that deletes keys that begin with the prefix without its slash."""

    caught_by = ("test_delete_prefix_deletes_only_the_prefix",)

    def delete_prefix(self, prefix: str) -> int:
        keys = [entry.key for entry in self.entries(check_prefix(prefix)[:-1])]
        for key in keys:
            self.delete(key)
        return len(keys)


class OneOfMany(LocalMediaStorage):
    """A storage that deletes only the first of several prefixes or keys."""

    caught_by = (
        "test_delete_prefixes_counts_the_keys_of_each_prefix",
        "test_delete_many_deletes_the_keys_and_no_other",
    )

    def delete_prefixes(self, prefixes: Sequence[str]) -> DeletedPrefixes:
        return {**dict.fromkeys(prefixes, 0), **super().delete_prefixes(prefixes[:1])}

    def delete_many(self, keys: Sequence[str]) -> None:
        super().delete_many(keys[:1])


class OnePage(LocalMediaStorage):
    """A storage that deletes and lists only the first thousand keys."""

    caught_by = ("test_delete_prefix_and_entries_handle_many_keys",)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        return islice(super().entries(prefix), 1000)


class Careless(LocalMediaStorage):
    """A storage that deletes any prefix, even the whole location."""

    caught_by = ("test_delete_prefix_refuses_anything_but_a_folder",)

    def delete_prefix(self, prefix: str) -> int:
        keys = [entry.key for entry in self.entries(prefix.strip("/."))]
        for key in keys:
            self.delete(key)
        return len(keys)


class Renaming(LocalMediaStorage):
    """A storage that chooses another name if one is taken, like Django's storages."""

    caught_by = (
        "test_available_name_is_the_name_itself",
        "test_save_and_open_keep_name_and_bytes",
    )

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return FileSystemStorage.get_available_name(self, name, max_length)


class Guessing(LocalMediaStorage):
    """A storage that treats a missing key as an empty file."""

    caught_by = ("test_missing_key_raises_not_stored",)

    def stat(self, key: str) -> Stat | None:
        return super().stat(key) or Stat(0, datetime.fromtimestamp(0))  # noqa: DTZ006


class ShortReading(LocalMediaStorage):
    """A storage whose reads return fewer bytes than asked for, like those of sockets."""

    caught_by = ("test_fetch_reads_in_parts_and_knows_size",)

    def fetch(self, key: str) -> Source:
        source = super().fetch(key)
        whole = source.read
        source.read = lambda size=-1, /: whole(min(size or 0, 5000))  # type: ignore[method-assign]
        return source


class Writable(LocalMediaStorage):
    """A storage that opens stored files for writing."""

    caught_by = ("test_open_for_writing_is_refused",)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return File(open(self.path(name), mode))


class Wandering(LocalMediaStorage):
    """A storage that normalises keys instead of refusing them."""

    caught_by = ("test_keys_outside_the_storage_are_refused",)

    def path(self, name: str) -> str:
        return super().path(os.path.normpath(f"/{name}").strip("/") or "x")


class Unslashed(LocalMediaStorage):
    """A storage whose public URL lets a key continue the host name."""

    caught_by = ("test_urls_begin_with_the_public_url",)

    @property
    def public_url(self) -> str:
        return super().public_url.rstrip("/")


class Naive(LocalMediaStorage):
    """A storage that returns times without a zone."""

    caught_by = ("test_stat_returns_size_time_and_checksum",)

    def stat(self, key: str) -> Stat | None:
        stat = super().stat(key)
        return stat and Stat(stat.size, stat.modified.replace(tzinfo=None))


class Cutting(LocalMediaStorage):
    """A storage that writes the first chunk only."""

    caught_by = ("test_put_stores_all_bytes_and_returns_true",)

    def put(self, key: str, content: Readable, *, size: int | None = None, **kwargs: Any) -> bool:
        return super().put(key, _Once(content.read(CHUNK)), **kwargs)


class Untyped(LocalMediaStorage):
    """A storage that stores another content type than it was given."""

    caught_by = ("test_put_stores_content_type",)
    types = {"svg": "image/svg+xml", "webp": "image/webp"}


class Sweeping(LocalMediaStorage):
    """A storage that deletes the whole folder with one key."""

    caught_by = ("test_delete_deletes_one_key",)

    def delete(self, name: str) -> None:
        self.delete_prefix(name.rpartition("/")[0] + "/")


class Measureless(LocalMediaStorage):
    """A storage that lists keys without their sizes."""

    caught_by = ("test_entries_lists_keys_and_sizes_of_any_prefix",)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        return (Entry(entry.key, 0, entry.modified) for entry in super().entries(prefix))


class Fragile(LocalMediaStorage):
    """A storage whose put fails if a deletion removes the folder meanwhile."""

    caught_by = ("test_put_during_deletion_succeeds_and_next_deletion_removes_it",)

    def put(self, key: str, content: Readable, **kwargs: Any) -> bool:
        folder = Path(self.path(key)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileNotFoundError, FileExistsError):
            return False  # A deletion came during or after the creation of the folder.
        for _ in range(20):  # long enough for a deletion to come, even on a busy machine
            time.sleep(0.01)
            if not folder.exists():
                return False
        return super().put(key, content, **kwargs)


class Moving(LocalMediaStorage):
    """A storage that moves instead of copying."""

    caught_by = ("test_copy_writes_free_key_and_keeps_taken_key",)

    def copy(self, key: str, new_key: str) -> bool:
        os.replace(self.path(key), self.path(new_key))
        return True


class Odd(LocalMediaStorage):
    """A storage with an unknown value of an option."""

    caught_by = ("test_options_have_known_values",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delivery = "sideways"  # type: ignore[assignment]


class OnlyBytes(LocalMediaStorage):
    """A storage that opens every file as bytes."""

    caught_by = ("test_paths_are_names_and_text_mode_gives_text",)

    def _open(self, name: Any, mode: str = "rb") -> File[Any]:
        return super()._open(name, "rb")


class NeedingSeek(LocalMediaStorage):
    """A storage that saves nothing of what cannot seek."""

    caught_by = ("test_anything_with_read_is_saved",)

    def _save(self, name: str, content: File[Any]) -> str:
        return super()._save(name, content if hasattr(content.file, "seek") else File(_Once(b"")))  # type: ignore[arg-type]


class KeepingTheFirst(LocalMediaStorage):
    """A storage that drops a second file and returns the name of the first."""

    caught_by = ("test_second_file_of_other_name_replaces_it_or_gets_another_name",)

    def get_available_name(self, name: Any, max_length: int | None = None) -> str:
        return str(name)

    def _save_other(self, name: str, content: File[Any]) -> str:
        return name if self.exists(name) else super()._save_other(name, content)


class DeletingNothing(LocalMediaStorage):
    """A storage that takes the deletion of an empty name for done."""

    caught_by = ("test_empty_name_is_not_deleted",)

    def delete(self, name: Any) -> None:
        if name:
            super().delete(name)


class _UnorderedParts(DiskMultipart):
    def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart]) -> bool:
        turned = {len(parts) + 1 - number: part for number, part in parts.items()}
        folder = self._folder(key, upload_id)
        names = {number: os.path.join(folder, f"{number:05d}") for number in parts}
        for number in parts:
            os.rename(names[number], f"{names[number]}x")
        for number in parts:
            os.rename(f"{names[number]}x", names[len(parts) + 1 - number])
        return super().complete(key, upload_id, turned)


class MixingParts(LocalMediaStorage):
    """A storage that puts the parts together in another order than that of their numbers."""

    caught_by = ("test_parts_in_any_order_become_one_file",)
    multipart = property(_UnorderedParts)  # type: ignore[assignment]


class _TrustingParts(DiskMultipart):
    def put_part(self, *place: Any, size: int, md5: str) -> None:
        content = place[3].read()
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        place = (*place[:3], io.BytesIO(content))
        super().put_part(*place, size=len(content), md5=base64.b64encode(digest).decode())


class TrustingParts(LocalMediaStorage):
    """A storage that stores a part whatever was announced of it."""

    caught_by = ("test_part_with_other_bytes_than_announced_is_refused",)
    multipart = property(_TrustingParts)  # type: ignore[assignment]


class _KeptParts(DiskMultipart):
    def abort(self, key: str, upload_id: str) -> None:
        pass


class KeepingParts(LocalMediaStorage):
    """A storage that keeps the parts of an aborted upload."""

    caught_by = ("test_aborted_upload_is_gone_and_may_be_aborted_again",)
    multipart = property(_KeptParts)  # type: ignore[assignment]


class _Once:
    def __init__(self, held: bytes) -> None:
        self.held = held

    def read(self, size: int, /) -> bytes:
        part, self.held = self.held, b""
        return part


BROKEN: list[type[LocalMediaStorage]] = [
    value
    for value in list(globals().values())
    if isinstance(value, type) and hasattr(value, "caught_by")
]
