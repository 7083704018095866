"""An upload to S3: read from where it lies, never held in memory, and written once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

from shift_media.core.errors import SourceTruncated, StorageBusy
from shift_media.storages.s3.errors import code_of, is_missing, is_unknown, status_of, was_retried
from shift_media.storages.streams import CHUNK, Readable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

logger = logging.getLogger("shift_media.storages")

SINGLE_PUT = 100_000_000
"""The most bytes that are sent in one request; more go in parts."""

SHA256_METADATA = "sha256"
"""The name of the object's metadata (``x-amz-meta-…``) that keeps the SHA-256 in hex."""

PART_BYTES = 32 << 20
"""Bytes of one part of a multipart upload; S3 wants at least 5 MiB and at most 10,000 parts."""

_MOST_PARTS = 10_000
_CONFLICT_ATTEMPTS = 5
_CONFLICT_WAIT = 0.1  # seconds, doubled each time and spread
_SPOOL = 8 << 20  # bytes of a content without `seek` that are kept off the disk


@dataclass(slots=True)
class PreparedUpload:
    """A content that can be read again from its beginning, with its size and SHA-256."""

    file: IO[bytes]
    start: int
    size: int
    sha256: str
    failures: list[Exception] = field(default_factory=list)

    def body(self, offset: int = 0, size: int | None = None) -> UploadBody:
        """Give all of it, or a part, as the body of a request."""
        return UploadBody(self, offset, self.size - offset if size is None else size)

    def parts(self) -> Iterator[UploadBody]:
        """Cut it into parts of equal size, the last one smaller."""
        size = max(PART_BYTES, -(-self.size // _MOST_PARTS))
        for offset in range(0, self.size, size):
            yield self.body(offset, min(size, self.size - offset))

    @contextlib.contextmanager
    def own_failures(self) -> Iterator[None]:
        """Raise what the content itself raised, in place of the client's error about it."""
        try:
            yield
        except Exception:
            if self.failures:
                raise self.failures[0] from None
            raise


class UploadBody(io.RawIOBase):
    """A part of an upload, as the file that botocore sends and rewinds."""

    def __init__(self, upload: PreparedUpload, offset: int, size: int) -> None:
        self._upload = upload
        self._offset = upload.start + offset
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read again."""
        return True

    def tell(self) -> int:
        """Tell the position in this part."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position in this part."""
        base = (0, self._position, self._size)[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read from the content; remember its failure, which the client would wrap."""
        left = self._size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted <= 0:
            return b""
        try:
            part = self._read(wanted)
        except Exception as error:
            self._upload.failures.append(error)
            raise
        self._position += len(part)
        return part

    def _read(self, wanted: int) -> bytes:
        file = self._upload.file
        at = self._offset + self._position
        if file.tell() != at:
            file.seek(at)
        part = file.read(wanted)
        if not part:
            raise SourceTruncated(f"The content ended at byte {at} while it was uploaded.")
        return part


@contextlib.contextmanager
def prepared(content: Readable, size: int | None, sha256: str) -> Iterator[PreparedUpload]:
    """Make a content ready to be sent: know its size and hash, and be able to send it again.

    Raises `SourceTruncated` when it has another size than was promised.
    """
    seekable = getattr(content, "seekable", None)
    if seekable is not None and seekable():
        file = cast("IO[bytes]", content)
        upload = _measured(file, sha256)
        _check_size(upload, size)
        yield upload
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        upload = _spooled(content, cast("Any", spool), sha256)
        _check_size(upload, size)
        yield upload


def _measured(file: IO[bytes], sha256: str) -> PreparedUpload:
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


def _spooled(content: Readable, spool: IO[bytes], sha256: str) -> PreparedUpload:
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        spool.write(chunk)
    return PreparedUpload(spool, 0, spool.tell(), sha256 or digest.hexdigest())


def _check_size(upload: PreparedUpload, size: int | None) -> None:
    if size is not None and upload.size != size:
        raise SourceTruncated(f"The content was to have {size} bytes and has {upload.size}.")


@dataclass(frozen=True, slots=True)
class Write:
    """One upload under one key, which must be free."""

    client: S3Client
    upload: PreparedUpload
    parameters: dict[str, Any]

    def once(self) -> bool:
        """Send until S3 tells of no conflict; return whether what lies there is what was sent.

        A refusal of a request that was repeated may be the effect of its first attempt, whose
        answer was lost: then what lies there is looked at. What was sent once and refused came
        too late.
        """
        for attempt in range(_CONFLICT_ATTEMPTS):
            if attempt:
                # Spread, so that those who met do not meet again.
                spread = 1 + random.random()  # noqa: S311
                time.sleep(_CONFLICT_WAIT * 2 ** (attempt - 1) * spread)
            try:
                self._send()
            except self.client.exceptions.ClientError as error:
                response = error.response
                repeated = attempt > 0 or was_retried(response)
                if status_of(response) == 412:
                    return repeated and self._is_ours()
                if repeated and code_of(response) == "NoSuchUpload" and self._is_ours():
                    return True
                if status_of(response) != 409:
                    raise
            else:
                return True
        raise StorageBusy(f"S3 told of a conflict {_CONFLICT_ATTEMPTS} times.")

    def _send(self) -> None:
        if self.upload.size > SINGLE_PUT:
            self._send_parts()
        else:
            checksum = base64.b64encode(bytes.fromhex(self.upload.sha256)).decode()
            self.client.put_object(
                **self.parameters,
                Body=cast("IO[bytes]", self.upload.body()),
                ChecksumSHA256=checksum,
                IfNoneMatch="*",
            )

    def _send_parts(self) -> None:
        target = self._target
        target["UploadId"] = self.client.create_multipart_upload(**self.parameters)["UploadId"]
        try:
            parts: list[Any] = []
            for number, body in enumerate(self.upload.parts(), start=1):
                stream = cast("IO[bytes]", body)
                sent = self.client.upload_part(**target, PartNumber=number, Body=stream)
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            self._require_free()
            self.client.complete_multipart_upload(
                **target, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            self._abort(target)
            raise

    def _require_free(self) -> None:
        """Look before the completion: Ceph 16 overlooks the condition there, and overwrites."""
        if self._head() is not None:
            response = {"Error": {"Code": "PreconditionFailed"}}
            status = {"ResponseMetadata": {"HTTPStatusCode": 412}}
            taken = cast("Any", {**response, **status})
            raise self.client.exceptions.ClientError(taken, "CompleteMultipartUpload")

    def _abort(self, target: dict[str, Any]) -> None:
        """Free the parts that were stored; where that fails, the lifecycle rule does it."""
        try:
            self.client.abort_multipart_upload(**target)
        except Exception as error:
            logger.warning("A multipart upload of %r was not aborted: %s", target["Key"], error)

    @property
    def _target(self) -> dict[str, Any]:
        return {name: self.parameters[name] for name in ("Bucket", "Key")}

    def _head(self) -> HeadObjectOutputTypeDef | None:
        try:
            return self.client.head_object(**self._target)
        except self.client.exceptions.ClientError as error:
            if is_missing(error.response) or is_unknown(error.response):
                return None
            raise

    def _is_ours(self) -> bool:
        head = self._head()
        return (
            head is not None
            and head["ContentLength"] == self.upload.size
            and head["Metadata"].get(SHA256_METADATA) == self.upload.sha256
        )
