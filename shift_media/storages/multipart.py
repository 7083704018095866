"""Uploads in parts: a client sends a large file piece by piece, in any order, and goes on later.

What is stored is asked of the storage, never of the client. Source: "Uploading and copying objects
using multipart upload" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from shift_media.core.errors import NotStored, StorageError
from shift_media.storages.streams import Readable

MOST_PARTS: Final = 10_000
"""The most parts of one upload."""

LEAST_PART: Final = 5 << 20
"""The fewest bytes of a part, unless it is the last one."""


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """A signed URL to write one key by one PUT, with these headers beside the browser's own."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that is stored: its size in bytes, and what the storage calls its version."""

    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload in parts that was begun, and neither completed nor aborted."""

    key: str
    upload_id: str
    begun: datetime


class NoSuchUpload(NotStored):
    """An upload in parts that is not there: it was completed or aborted, or never begun."""

    code = "no_such_upload"


class DifferingPart(StorageError):
    """A part with another size or MD5 than it must have."""

    code = "part_differs"


class MultipartUploads(Protocol):
    """Uploads in parts of a storage.

    All methods but `begin` and `unfinished` raise `NoSuchUpload` for one that is not there;
    `abort` does not.
    """

    def begin(self, key: str, *, content_type: str) -> str:
        """Begin an upload to a key, and return its id."""

    def sign(
        self, key: str, upload_id: str, number: int, *, size: int, md5: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a signed PUT of one part; None if the app takes it and calls `put_part`.

        Args:
            key: the key of the upload.
            upload_id: what `begin` has returned.
            number: of the part, from 1.
            size: of the part, in bytes.
            md5: of the part, in base64: the header ``Content-MD5``, which the storage compares. It
                is empty for clients that cannot send the header.
            seconds: how long the URL is valid.
        """

    def put_part(
        self, key: str, upload_id: str, number: int, content: Readable, *, size: int, md5: str
    ) -> None:
        """Store one part, in place of an earlier one; raise `DifferingPart` for other bytes."""

    def parts(self, key: str, upload_id: str) -> Mapping[int, StoredPart]:
        """Return the stored parts by their numbers."""

    def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart]) -> bool:
        """Store the parts as one file, in the order of their numbers, and end the upload.

        Returns False if something was stored under the key. Raises `DifferingPart` if a part is
        not the one that `parts` has returned.
        """

    def abort(self, key: str, upload_id: str) -> None:
        """Delete the parts and end the upload."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the uploads that were begun by anyone, and are neither completed nor aborted."""
