"""Stored resizes: what a caller is given, and how one is found in the storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from shift_media.core.errors import NotStored, SourceTruncated, StorageError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import ResizeKey

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

_LISTING_THRESHOLD = 4
"""The number of resizes of one original from which on a listing is cheaper than a look at each."""


@dataclass(frozen=True, slots=True)
class StoredResize:
    """A resize that is stored now.

    Attributes:
        key: its key.
        content: its bytes; empty where they were not asked for.
        made: whether this call made it.
        was_stored: whether it was stored before this call looked for it.
        was_lost: whether it had been made a moment ago and was missing again.
    """

    key: ResizeKey
    content: bytes
    made: bool = False
    was_stored: bool = False
    was_lost: bool = False

    @property
    def content_type(self) -> str:
        """The content type of its format."""
        return BY_EXTENSION[self.key.spec.format].content_type


def find(key: ResizeKey, storage: MediaStorage, *, with_content: bool) -> StoredResize | None:
    """Return a resize if it is stored, else None."""
    name = str(key)
    if storage.stat(name) is None:
        return None
    if not with_content:
        return StoredResize(key, b"", was_stored=True)
    try:
        with storage.fetch(name) as source:
            return StoredResize(key, _read_whole(source, source.size), was_stored=True)
    except NotStored:
        return None  # It was deleted between the two requests.


def find_keys(keys: Sequence[ResizeKey], storage: MediaStorage) -> set[str]:
    """Return which of some resizes of one original are stored.

    A listing costs one request for all of them. The directory of a video may hold thousands of
    segments, so its few resizes are looked for one by one, as they are where listing is forbidden.
    """
    wanted = set(map(str, keys))
    original = keys[0].original
    of_image = keys[0].source == str(original)  # The source of a video's resizes is its poster.
    if len(keys) >= _LISTING_THRESHOLD and of_image:
        try:
            return {entry.key for entry in storage.entries(original.prefix)} & wanted
        except StorageError:
            pass  # Listing is forbidden, or failed: a look at each says more.
    return {key for key in wanted if storage.stat(key) is not None}


def _read_whole(source: object, size: int) -> bytes:
    content: bytes = cast("BinaryIO", source).read()
    if len(content) != size:
        raise SourceTruncated(f"{len(content)} of {size} bytes arrived from the storage.")
    return content
