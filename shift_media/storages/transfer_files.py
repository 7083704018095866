"""Files as a transfer between storages sees them: their kinds, types and digests."""

from __future__ import annotations

import hashlib

from shift_media.core.errors import InvalidKey
from shift_media.core.keys import (
    MezzanineKey,
    ResizeKey,
    directory_owner,
    name_key,
    new_original_key,
    owner_of_name,
    parse_key,
)
from shift_media.storages.base import MediaStorage
from shift_media.storages.streams import CHUNK, Source
from shift_media.storages.validation import format_of_key
from shift_media.video.planning import content_type_for


class HashedReader:
    """A stored file whose SHA-256 is computed while it is read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        part = self._source.read(size)
        self._digest.update(part)
        return part

    def hexdigest(self) -> str:
        """Return the SHA-256 of what was read, in hex."""
        return self._digest.hexdigest()


def read_digest(storage: MediaStorage, key: str) -> str:
    """Return the SHA-256 of a stored file, in hex, from its bytes."""
    with storage.fetch(key) as stored:
        digest = hashlib.sha256()
        while part := stored.read(CHUNK):
            digest.update(part)
    return digest.hexdigest()


def type_of(key: str) -> str:
    """Return the content type to store a key with."""
    original = directory_owner(key)
    is_rendition = original is not None and key.removeprefix(original.prefix).startswith("_")
    return content_type_for(key) if is_rendition else format_of_key(key).content_type


def can_be_made_again(key: str) -> bool:
    """Return True for resizes, mezzanines, and the client's name, which the original has."""
    if owner_of_name(key) is not None:
        return True
    try:
        return isinstance(parse_key(key), ResizeKey | MezzanineKey)
    except InvalidKey:
        return False


def is_same_place(first: MediaStorage, second: MediaStorage) -> bool:
    """Return True if what one storage writes is in the other, whatever their options say.

    A small file is written, looked for, and deleted. Deleting "the source" would otherwise delete
    what the target has.
    """
    key = name_key(str(new_original_key("media-copy", "txt")))
    first.put(key, _Empty(), content_type="text/plain", size=0)
    try:
        return second.stat(key) is not None
    finally:
        first.delete(key)


class _Empty:
    def read(self, size: int, /) -> bytes:
        """Return nothing."""
        return b""
