"""An upload to S3: read from its file, never held in memory as a whole, and written once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import logging
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, cast

from shift_media.core.errors import SourceTruncated, StorageBusy
from shift_media.core.streams import SeekableReader
from shift_media.storages.s3.abilities import Abilities, is_refusal
from shift_media.storages.s3.errors import (
    get_error_code,
    get_status,
    is_forbidden,
    is_missing,
    was_retried,
)
from shift_media.storages.streams import CHUNK, Readable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

logger = logging.getLogger("shift_media.storages")

MAX_SINGLE_PUT = 100_000_000
"""The most bytes that are sent in one request; larger contents are sent in parts."""

SHA256_METADATA = "sha256"
"""The name of the object's metadata (``x-amz-meta-sha256``) that keeps the SHA-256 in hex."""

PART_BYTES = 32 << 20
"""Bytes of one part of a multipart upload; S3 wants at least 5 MiB and at most 10,000 parts."""

FREE: Mapping[str, str] = {"IfNoneMatch": "*"}
"""The condition of a write to a key under which nothing may be stored."""

_MAX_PARTS = 10_000
_CONFLICT_ATTEMPTS = 5
_CONFLICT_SECONDS = 0.1  # before the second attempt; doubled each time, with jitter
_SPOOL_BYTES = 8 << 20  # of a content that cannot seek, held in memory; more go to a file


@dataclass(slots=True)
class PreparedUpload:
    """A content that can be read again from its beginning, with its size and SHA-256.

    Attributes:
        file: the content, seekable.
        start: the position in the file at which the content begins.
        size: in bytes.
        sha256: in hex.
        failures: errors that the content raised while it was sent.
    """

    file: IO[bytes]
    start: int
    size: int
    sha256: str
    failures: list[Exception] = field(default_factory=list)

    def body(self, offset: int = 0, size: int | None = None) -> UploadBody:
        """Return the content, or a part of it, as the body of a request."""
        return UploadBody(self, offset, self.size - offset if size is None else size)

    def parts(self) -> Iterator[UploadBody]:
        """Yield the content in parts of equal size, the last one smaller."""
        size = max(PART_BYTES, -(-self.size // _MAX_PARTS))
        for offset in range(0, self.size, size):
            yield self.body(offset, min(size, self.size - offset))

    @contextlib.contextmanager
    def raise_content_errors(self) -> Iterator[None]:
        """Raise what the content itself raised, in place of botocore's error about it."""
        try:
            yield
        except Exception:
            if self.failures:
                raise self.failures[0] from None
            raise


class UploadBody(SeekableReader):
    """A part of an upload, as the file that botocore sends, and rewinds to send it again."""

    def __init__(self, upload: PreparedUpload, offset: int, size: int) -> None:
        super().__init__(size)
        self._upload = upload
        self._offset = upload.start + offset

    def _read_at(self, position: int, length: int) -> bytes:
        """Read from the content; remember its error, which botocore would wrap in its own."""
        try:
            return self._read_content(self._offset + position, length)
        except Exception as error:
            self._upload.failures.append(error)
            raise

    def _read_content(self, position: int, length: int) -> bytes:
        file = self._upload.file
        if file.tell() != position:
            file.seek(position)
        part = file.read(length)
        if not part:
            raise SourceTruncated(f"The content ended at byte {position} during its upload.")
        return part


@contextlib.contextmanager
def prepare(content: Readable, size: int | None, sha256: str) -> Iterator[PreparedUpload]:
    """Prepare a content to be sent, and sent again: measure it, or copy it to a temporary file.

    Raises `SourceTruncated` if it has another size than ``size``.
    """
    seekable = getattr(content, "seekable", None)
    if seekable is not None and seekable():
        file = cast("IO[bytes]", content)
        upload = _measure(file, sha256)
        _check_size(upload, size)
        yield upload
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        upload = _spool(content, cast("Any", spool), sha256)
        _check_size(upload, size)
        yield upload


def _measure(file: IO[bytes], sha256: str) -> PreparedUpload:
    start = file.tell()
    file.seek(0, io.SEEK_END)
    size = file.tell() - start
    file.seek(start)
    if not sha256:
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        sha256 = digest.hexdigest()
        file.seek(start)
    return PreparedUpload(file, start, size, sha256)


def _spool(content: Readable, spool: IO[bytes], sha256: str) -> PreparedUpload:
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        spool.write(chunk)
    return PreparedUpload(spool, 0, spool.tell(), sha256 or digest.hexdigest())


def _check_size(upload: PreparedUpload, size: int | None) -> None:
    if size is not None and upload.size != size:
        raise SourceTruncated(
            f"The content has {upload.size} bytes instead of the promised {size}."
        )


@dataclass(frozen=True, slots=True)
class ConditionalWrite:
    """The write of one upload to one key, perhaps under the condition that it is free."""

    client: S3Client
    upload: PreparedUpload
    parameters: dict[str, Any]
    condition: Mapping[str, Any]
    abilities: Abilities = field(default_factory=Abilities)

    def send(self) -> bool:
        """Send as the server accepts it; return whether the stored object is this upload.

        A server that refuses a header is sent the same without it.
        """
        try:
            return self._send_until_settled()
        except self.client.exceptions.ClientError as error:
            if not is_refusal(self.client, error.response):
                raise
            for fewer in self.abilities.fewer():
                try:
                    written = replace(self, abilities=fewer)._send_until_settled()
                except self.client.exceptions.ClientError as again:
                    if not is_refusal(self.client, again.response):
                        raise
                else:
                    self.abilities.learn(fewer)
                    return written
            raise

    def _send_until_settled(self) -> bool:
        """Send until S3 reports no conflict; return whether the stored object is this upload.

        A request that was repeated may be refused because its first attempt succeeded and only the
        response was lost: then the stored object is compared. A request that was sent once and
        refused came after another writer's.
        """
        for attempt in range(_CONFLICT_ATTEMPTS):
            if attempt:
                # With jitter, so that writers that met once do not meet again.
                spread = 1 + random.random()  # noqa: S311
                time.sleep(_CONFLICT_SECONDS * 2 ** (attempt - 1) * spread)
            try:
                self._send()
            except self.client.exceptions.ClientError as error:
                response = error.response
                repeated = attempt > 0 or was_retried(response)
                if get_status(response) == 412:
                    return repeated and self._is_ours()
                if repeated and get_error_code(response) == "NoSuchUpload" and self._is_ours():
                    return True
                if get_status(response) != 409:
                    raise
            else:
                return True
        raise StorageBusy(f"S3 reported a conflict {_CONFLICT_ATTEMPTS} times in a row.")

    def _send(self) -> None:
        if self.upload.size > MAX_SINGLE_PUT:
            self._send_parts()
        else:
            if self.condition and not self.abilities.conditional_put:
                self._require_free()
            self.client.put_object(
                **self.parameters,
                Body=cast("IO[bytes]", self.upload.body()),
                **self._checksum(),
                **self._sent_condition(),
            )

    def _checksum(self) -> dict[str, Any]:
        if not self.abilities.checksum_header:
            return {}
        digest = bytes.fromhex(self.upload.sha256)
        return {"ChecksumSHA256": base64.b64encode(digest).decode()}

    def _sent_condition(self) -> Mapping[str, Any]:
        return self.condition if self.abilities.conditional_put else {}

    def _send_parts(self) -> None:
        target = self._target
        target["UploadId"] = self.client.create_multipart_upload(**self.parameters)["UploadId"]
        try:
            parts: list[Any] = []
            for number, body in enumerate(self.upload.parts(), start=1):
                stream = cast("IO[bytes]", body)
                sent = self.client.upload_part(**target, PartNumber=number, Body=stream)
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            if self.condition:
                self._require_free()
            self.client.complete_multipart_upload(
                **target, MultipartUpload={"Parts": parts}, **self._sent_condition()
            )
        except BaseException:
            self._abort(target)
            raise

    def _require_free(self) -> None:
        """Raise if the key is taken: Ceph 16 ignores the condition of the completion."""
        if self._head() is not None:
            response = {"Error": {"Code": "PreconditionFailed"}}
            status = {"ResponseMetadata": {"HTTPStatusCode": 412}}
            taken = cast("Any", {**response, **status})
            raise self.client.exceptions.ClientError(taken, "CompleteMultipartUpload")

    def _abort(self, target: dict[str, Any]) -> None:
        """Delete the stored parts; where that fails, the bucket's lifecycle rule does it."""
        try:
            self.client.abort_multipart_upload(**target)
        except Exception as error:
            logger.warning(
                "A multipart upload of %r could not be aborted: %s", target["Key"], error
            )

    @property
    def _target(self) -> dict[str, Any]:
        return {name: self.parameters[name] for name in ("Bucket", "Key")}

    def _head(self) -> HeadObjectOutputTypeDef | None:
        try:
            return self.client.head_object(**self._target)
        except self.client.exceptions.ClientError as error:
            if is_missing(error.response) or is_forbidden(error.response):
                return None
            raise

    def _is_ours(self) -> bool:
        head = self._head()
        return (
            head is not None
            and head["ContentLength"] == self.upload.size
            and head["Metadata"].get(SHA256_METADATA) == self.upload.sha256
        )
