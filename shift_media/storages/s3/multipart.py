"""Uploads in parts to an S3 bucket, by URLs that the app signs.

Source: CreateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload and
ListMultipartUploads in the Amazon S3 API reference.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import ClientError

from shift_media.storages.interface import Stat
from shift_media.storages.multipart import (
    DifferingPart,
    NoSuchUpload,
    PresignedUpload,
    StoredPart,
    Unfinished,
)
from shift_media.storages.s3.abilities import Abilities, is_refusal
from shift_media.storages.s3.errors import get_error_code, get_status, translate_errors
from shift_media.storages.s3.upload import FREE
from shift_media.storages.streams import Readable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MISSING = frozenset(("404", "NoSuchKey", "NoSuchUpload"))  # Ceph sends NoSuchKey.
_DIFFERING = frozenset(
    "BadDigest EntityTooSmall InvalidDigest InvalidPart InvalidPartOrder".split()
)


class MultipartBucket(Protocol):
    """A storage in a bucket, as uploads in parts use it."""

    abilities: Abilities
    bucket_name: Any
    key_prefix: str

    @property
    def client(self) -> S3Client:
        """The client of this process."""

    def bucket_key(self, key: str) -> str:
        """Return the name of a key in the bucket."""

    def build_parameters(
        self, key: str, content_type: str, download_name: str = ""
    ) -> dict[str, Any]:
        """Return the place and the headers of a key in the requests that write it."""

    def stat(self, key: str) -> Stat | None:
        """Return the facts of what is stored under a key; None if nothing is."""


@contextlib.contextmanager
def _part_errors(key: str) -> Iterator[None]:
    """Turn the errors of S3 about uploads and their parts into those of a storage."""
    with translate_errors(key):
        try:
            yield
        except ClientError as error:
            code = get_error_code(error.response)
            if code in _MISSING:
                raise NoSuchUpload(f"S3 knows no such upload of {key!r}.") from error
            if code in _DIFFERING:
                raise DifferingPart(f"S3 refused a part of {key!r}: {code}.") from error
            raise


@dataclass(frozen=True, slots=True)
class BucketMultipart:
    """The uploads in parts of a bucket."""

    storage: MultipartBucket

    def begin(self, key: str, *, content_type: str) -> str:
        """Begin an upload; type and headers of the object are those of an original."""
        parameters = self.storage.build_parameters(key, content_type)
        with translate_errors(key):
            return self.storage.client.create_multipart_upload(**parameters)["UploadId"]

    def sign(
        self, key: str, upload_id: str, number: int, *, size: int, md5: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a signed PUT of one part, with its length and MD5 among what is signed."""
        checked = {"ContentMD5": md5} if md5 else {}
        part = {"PartNumber": number, "ContentLength": size, **checked}
        url = self.storage.client.generate_presigned_url(
            "upload_part", Params=self._place(key, upload_id) | part, ExpiresIn=seconds
        )
        return PresignedUpload(url, {"Content-MD5": md5} if md5 else {})

    def put_part(
        self, key: str, upload_id: str, number: int, content: Readable, *, size: int, md5: str
    ) -> None:
        """Send one part, which is held in memory."""
        body = content.read(size + 1)
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        if len(body) != size or base64.b64encode(digest).decode() != md5:
            raise DifferingPart(f"Part {number} of {key!r} is not the announced one.")
        with _part_errors(key):
            self.storage.client.upload_part(
                **self._place(key, upload_id), PartNumber=number, Body=body, ContentMD5=md5
            )

    def parts(self, key: str, upload_id: str) -> Mapping[int, StoredPart]:
        """Return the stored parts; one request for each thousand."""
        pages = self.storage.client.get_paginator("list_parts").paginate(
            **self._place(key, upload_id)
        )
        with _part_errors(key):
            return {
                part["PartNumber"]: StoredPart(part["Size"], part["ETag"])
                for page in pages
                for part in page.get("Parts", ())
            }

    def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart]) -> bool:
        """Make the object of its parts, in the versions that were listed."""
        listed: Any = [{"PartNumber": n, "ETag": parts[n].etag} for n in sorted(parts)]
        request: Any = {**self._place(key, upload_id), "MultipartUpload": {"Parts": listed}}
        if self.storage.stat(key) is not None:  # Ceph 16 ignores the condition.
            return False
        with _part_errors(key):
            try:
                condition: Any = FREE if self.storage.abilities.conditional_put else {}
                self.storage.client.complete_multipart_upload(**request, **condition)
            except ClientError as error:
                if get_status(error.response) == 412:
                    return False
                if not is_refusal(self.storage.client, error.response):
                    raise
                self.storage.client.complete_multipart_upload(**request)
        return True

    def abort(self, key: str, upload_id: str) -> None:
        """Delete the parts; an upload that is not there is no error."""
        with contextlib.suppress(NoSuchUpload), _part_errors(key):
            self.storage.client.abort_multipart_upload(**self._place(key, upload_id))

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the uploads below the prefix of the storage; one request for each thousand."""
        prefix = self.storage.key_prefix
        pages = self.storage.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.storage.bucket_name, Prefix=prefix
        )
        with translate_errors(prefix):
            for page in pages:
                for found in page.get("Uploads", ()):
                    key = found["Key"].removeprefix(prefix)
                    yield Unfinished(key, found["UploadId"], found["Initiated"])

    def _place(self, key: str, upload_id: str) -> Any:
        name = self.storage.bucket_key(key)
        return cast(
            "Any", {"Bucket": self.storage.bucket_name, "Key": name, "UploadId": upload_id}
        )
