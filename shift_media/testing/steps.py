"""Helpers of the tests of storages."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from shift_media.core.keys import OriginalKey, new_original_key
from shift_media.storages.base import MediaStorage
from shift_media.storages.streams import Source
from shift_media.testing.contents import Stream

JPEG = "image/jpeg"

SAFE_TYPES = ["application/octet-stream", "binary/octet-stream"]
"""Types that browsers download and never show; the second is S3's own default."""


def new_key(extension: str = "jpg") -> OriginalKey:
    """Return a new key of an original."""
    return new_original_key(f"contract {uuid.uuid4().hex[:8]}", extension)


def put_bytes(storage: MediaStorage, key: str, content: bytes) -> bool:
    """Store bytes under a key, and return whether this call wrote them."""
    return storage.put(key, io.BytesIO(content), content_type=JPEG, size=len(content))


def fetch_bytes(storage: MediaStorage, key: str) -> bytes:
    """Return all bytes stored under a key."""
    with storage.fetch(key) as source:
        return source.read()


def list_keys(storage: MediaStorage, prefix: str) -> list[str]:
    """Return the keys that begin with a prefix, sorted."""
    return sorted(entry.key for entry in storage.entries(prefix))


def assert_nothing_stored(storage: MediaStorage, key: OriginalKey) -> None:
    """Assert that neither the key nor anything in its directory is stored."""
    assert storage.stat(str(key)) is None, "something is stored under the key"
    assert list_keys(storage, key.prefix) == [], "something was left behind"


def hash_stream(stream: Source | Stream) -> str:
    """Return the SHA-256 of a stream, read to its end in parts."""
    digest = hashlib.sha256()
    while part := stream.read(100_000):
        digest.update(part)
    return digest.hexdigest()


def assert_raises(
    errors: tuple[type[Exception], ...], call: Callable[..., Any], *args: Any, **kw: Any
) -> None:
    """Assert that a call raises one of these errors."""
    try:
        result = call(*args, **kw)
    except errors:
        return
    if hasattr(result, "close"):
        result.close()
    names = " or ".join(error.__name__ for error in errors)
    raise AssertionError(f"{call} of {args} returned {result!r} instead of raising {names}")


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Measure memory; the value is a function that returns the peak in bytes afterwards."""
    tracemalloc.start()
    peak = 0
    try:
        yield lambda: peak
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
