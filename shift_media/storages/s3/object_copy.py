"""Copies of objects inside one S3 server: their bytes do not pass through this process.

A copy has the headers of an original, not those of its source. Source: CopyObject and
UploadPartCopy in the Amazon S3 API reference.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation
from django.core.files.storage import Storage
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from shift_media.storages.naming import unwrap
from shift_media.storages.s3.errors import (
    as_read_error,
    get_error_code,
    get_status,
    translate_errors,
)
from shift_media.storages.s3.upload import FREE, SHA256_METADATA
from shift_media.storages.server_copy import CopyUnsupported, SourceChanged
from shift_media.storages.streams import Source

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

logger = logging.getLogger("shift_media.storages")

MAX_SINGLE_COPY = 1 << 30
"""The most bytes that are copied by one request: S3 takes 5 GiB, but minutes to answer."""

PART_BYTES = 64 << 20
"""Bytes of one part of a copy in parts; S3 takes at most 10,000 parts."""

_MAX_PARTS = 10_000
_REFUSED = frozenset(("AccessDenied", "InvalidRequest", "NotImplemented", "MethodNotAllowed"))


class CopyBucket(Protocol):
    """A storage in a bucket, as a copy uses it."""

    endpoint_url: Any

    @property
    def client(self) -> S3Client:
        """The client of this process."""

    def build_parameters(
        self, key: str, content_type: str, download_name: str = ""
    ) -> dict[str, Any]:
        """Return the place and the headers of a key in the requests that write it."""

    def delete(self, name: str) -> None:
        """Delete one file."""


@dataclass(frozen=True, slots=True)
class ObjectCopy:
    """An object in the version that a HEAD has found, to be copied to a key."""

    storage: CopyBucket
    source: dict[str, str]
    etag: str
    size: int

    @property
    def requests(self) -> int:
        """How many requests `write` makes."""
        return 1 if self.size <= MAX_SINGLE_COPY else 3 + len(list(self._ranges()))

    def open(self) -> Source:
        """Open the object in this version by one GET."""
        return self._get()

    def open_range(self, first: int, length: int) -> Source:
        """Open a range of the object in this version by one GET."""
        return self._get(Range=f"bytes={first}-{first + length - 1}")

    def _get(self, **options: str) -> Source:
        name = self.source["Key"]
        with translate_errors(name, as_read_error):
            try:
                request: Any = {**self.source, **options, "IfMatch": self.etag}
                got = self._client.get_object(**request)
            except ClientError as error:
                if get_status(error.response) == 412:
                    raise _changed(name) from error
                raise
        body = cast("BinaryIO", got["Body"])
        if got["ETag"] != self.etag:  # The server ignores the condition.
            body.close()
            raise _changed(name)
        return Source(body, got["ContentLength"], name, translate_errors)

    def write(self, key: str, *, content_type: str, download_name: str, sha256: str = "") -> bool:
        """Store the object under a key; return False if something was stored there."""
        parameters = self.storage.build_parameters(key, content_type, download_name)
        if sha256:
            known = parameters.get("Metadata") or {}
            parameters["Metadata"] = {**known, SHA256_METADATA: sha256}
        with translate_errors(key, as_read_error):
            try:
                etag = self._send(parameters)
            except ClientError as error:
                if get_status(error.response) == 412:
                    self._require_unchanged()
                    return False
                if get_error_code(error.response) in _REFUSED:
                    raise CopyUnsupported(
                        f"The S3 server refused to copy {self.source['Key']!r} by itself: "
                        f"{get_error_code(error.response)}."
                    ) from error
                raise
            self._check_version(key, etag)
        return True

    @property
    def _client(self) -> S3Client:
        return self.storage.client

    def _send(self, parameters: dict[str, Any]) -> str:
        """Copy, and return the copy's ETag: a digest of the bytes, unless it has parts."""
        if self.size > MAX_SINGLE_COPY:
            return self._send_parts(parameters)
        sent = self._client.copy_object(
            **parameters,
            CopySource=cast("Any", self.source),
            CopySourceIfMatch=self.etag,
            MetadataDirective="REPLACE",
            **cast("Any", FREE),
        )
        return sent["CopyObjectResult"].get("ETag", "")

    def _send_parts(self, parameters: dict[str, Any]) -> str:
        target: Any = {name: parameters[name] for name in ("Bucket", "Key")}
        target["UploadId"] = self._client.create_multipart_upload(**parameters)["UploadId"]
        try:
            parts: list[Any] = []
            for number, (first, last) in enumerate(self._ranges(), start=1):
                sent = self._client.upload_part_copy(
                    **target,
                    PartNumber=number,
                    CopySource=cast("Any", self.source),
                    CopySourceIfMatch=self.etag,
                    CopySourceRange=f"bytes={first}-{last}",
                )
                parts.append({"PartNumber": number, "ETag": sent["CopyPartResult"]["ETag"]})
            done = self._client.complete_multipart_upload(
                **target, MultipartUpload={"Parts": parts}, **cast("Any", FREE)
            )
        except BaseException:
            self._abort(target)
            raise
        return done.get("ETag", "")

    def _abort(self, target: Any) -> None:
        """Delete the copied parts; where that fails, the bucket's lifecycle rule does it."""
        try:
            self._client.abort_multipart_upload(**target)
        except (ClientError, BotoCoreError) as error:
            logger.warning("A copy in parts to %r could not be aborted: %s", target["Key"], error)

    def _ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last byte of each part."""
        step = max(PART_BYTES, -(-self.size // _MAX_PARTS))
        for first in range(0, self.size, step):
            yield first, min(first + step, self.size) - 1

    def _check_version(self, key: str, etag: str) -> None:
        """Delete the copy if it is of another version: Ceph 16 ignores the condition of a copy."""
        if etag.strip('"') == self.etag.strip('"'):  # Ceph sends one without quotes.
            return
        try:
            self._require_unchanged()
        except SourceChanged:
            self.storage.delete(key)
            raise

    def _require_unchanged(self) -> None:
        if self._client.head_object(**cast("Any", self.source))["ETag"] != self.etag:
            raise _changed(self.source["Key"])


def _changed(name: str) -> SourceChanged:
    return SourceChanged(f"{name!r} was replaced while it was read or copied.")


def begin(storage: CopyBucket, source: Storage, name: str) -> ObjectCopy | None:
    """Return a copy of an object of the same S3 server; None if it has to be read."""
    found: Any = unwrap(source)
    if not _is_same_server(storage, found) or not _reads_plainly(found, storage):
        return None
    try:
        key = found._normalize_name(clean_name(name))
        place = {"Bucket": found.bucket_name, "Key": key}
        head = storage.client.head_object(**cast("Any", place))
    except (ClientError, BotoCoreError, SuspiciousOperation, SuspiciousFileOperation):
        return None  # Reading the object raises the same, with the right words.
    if head.get("ContentEncoding"):
        return None  # It is compressed, and an original is not.
    return ObjectCopy(storage, place, head["ETag"], head["ContentLength"])


def _is_same_server(storage: CopyBucket, source: Any) -> bool:
    return isinstance(source, S3Storage) and source.endpoint_url == storage.endpoint_url


def _reads_plainly(source: Any, storage: Any) -> bool:
    """Return False for a class that may return other bytes than those of the object."""
    return type(source)._open in (S3Storage._open, type(storage)._open)
