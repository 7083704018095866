"""A third party's storage, written from the guide: any store of the package obstore.

obstore has stores for S3, Google Cloud Storage, Azure and memory. This storage knows nothing of
shift_media beyond what docs/how-to/write-a-storage.rst shows.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from django.core.exceptions import ImproperlyConfigured
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

from shift_media.core.errors import MediaError, SourceTruncated, StorageError
from shift_media.core.formats import SAFE_TYPE
from shift_media.storages import Entry, MediaStorage, Stat
from shift_media.storages.base import missing
from shift_media.storages.streams import CHUNK, Readable, Source
from shift_media.storages.validation import (
    check_key,
    check_prefix,
    get_disposition,
    get_served_type,
    require_name,
)

BUFFER_BYTES = 4 << 20
MISSING = (NotFoundError, FileNotFoundError)  # the stores raise one or the other


class ObstoreMediaStorage(MediaStorage):
    """Keep media files in a store of obstore."""

    def __init__(self, store: Any, **options: Any) -> None:
        super().__init__(**options)
        self.store = store
        if self.originals == "private" and not hasattr(store, "client_options"):
            raise ImproperlyConfigured("This store has no signed URLs for private originals.")

    def stat(self, key: str) -> Stat | None:
        with errors(check_key(key)):
            try:
                found = obstore.head(self.store, key)
            except MISSING:
                return None
        return Stat(found["size"], found["last_modified"])

    def fetch(self, key: str) -> Source:
        with errors(check_key(key)):
            try:
                reader = obstore.open_reader(self.store, key, buffer_size=BUFFER_BYTES)
            except MISSING:
                raise missing(key) from None
        return Source(Reader(reader), reader.size, key, errors)  # type: ignore[arg-type]

    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        check_key(key)
        with tempfile.NamedTemporaryFile() as file:
            shutil.copyfileobj(content, file, CHUNK)  # type: ignore[misc]
            file.flush()
            if size is not None and file.tell() != size:
                raise SourceTruncated(f"{key!r} has {file.tell()} bytes instead of {size}.")
            with errors(key):
                try:
                    obstore.put(
                        self.store,
                        key,
                        Path(file.name),
                        mode="create",
                        attributes=attributes(content_type),
                    )
                except AlreadyExistsError:
                    return False
        return True

    def delete(self, name: Any) -> None:
        key = check_key(require_name(name))
        with errors(key), contextlib.suppress(*MISSING):
            obstore.delete(self.store, key)

    def delete_prefix(self, prefix: str) -> int:
        keys = [entry.key for entry in self.entries(check_prefix(prefix))]
        with errors(prefix):
            if keys:
                obstore.delete(self.store, keys)
        return len(keys)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        folder = prefix.rpartition("/")[0]  # obstore lists whole folders
        with errors(prefix):
            for page in obstore.list(self.store, folder or None):
                for found in page:
                    if found["path"].startswith(prefix):
                        yield Entry(found["path"], found["size"], found["last_modified"])

    def _private_url(self, key: str) -> str:
        with errors(key):
            expires = timedelta(seconds=self.url_expire)
            url: str = obstore.sign(self.store, "GET", key, expires)
        return url


class Reader:
    """A reader of obstore with the two methods of a stream that a source uses."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def read(self, size: int, /) -> bytes:
        return bytes(self._reader.read(min(size, self._reader.size - self._reader.tell())))

    def close(self) -> None:
        self._reader.close()


def attributes(content_type: str) -> dict[str, str]:
    served = get_served_type(content_type)
    if served == SAFE_TYPE:
        served = "binary/octet-stream"  # SeaweedFS does not store the usual one
    disposition = get_disposition(served)
    found = {"Content-Type": served, "Cache-Control": "public, max-age=31536000, immutable"}
    return {**found, **({"Content-Disposition": disposition} if disposition else {})}


@contextlib.contextmanager
def errors(key: str) -> Iterator[None]:
    """Turn the errors of obstore into a StorageError."""
    try:
        yield
    except MediaError:
        raise
    except (BaseError, OSError) as error:
        raise StorageError(f"The store failed for {key!r}: {error}") from error
