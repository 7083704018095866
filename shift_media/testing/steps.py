"""Steps that the storage contract takes again and again."""

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
"""What a browser saves and never shows; the second is S3's own default."""


def new_key(extension: str = "jpg") -> OriginalKey:
    """Make the key of an original that nobody has used."""
    return new_original_key(f"contract {uuid.uuid4().hex[:8]}", extension)


def put(storage: MediaStorage, key: str, content: bytes) -> bool:
    """Put bytes."""
    return storage.put(key, io.BytesIO(content), content_type=JPEG, size=len(content))


def read(storage: MediaStorage, key: str) -> bytes:
    """Fetch all bytes."""
    with storage.fetch(key) as source:
        return source.read()


def keys_of(storage: MediaStorage, prefix: str) -> list[str]:
    """List the keys that begin with a prefix, sorted."""
    return sorted(entry.key for entry in storage.entries(prefix))


def assert_nothing(storage: MediaStorage, key: OriginalKey) -> None:
    """Assert that neither the key nor anything in its directory is stored."""
    assert storage.stat(str(key)) is None, "something lies under the key"
    assert keys_of(storage, key.prefix) == [], "something was left behind"


def digest_of(stream: Source | Stream) -> str:
    """Read a stream to its end in parts and hash it."""
    digest = hashlib.sha256()
    while part := stream.read(100_000):
        digest.update(part)
    return digest.hexdigest()


def refused(
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
    raise AssertionError(f"{call} of {args} gave {result!r} and not {names}")


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Measure the most bytes that Python objects took at once."""
    tracemalloc.start()
    peak = 0
    try:
        yield lambda: peak
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
