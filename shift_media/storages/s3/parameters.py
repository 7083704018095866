"""Parameters of a site that belong to more requests than the upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_ACCESS = (
    "ExpectedBucketOwner",
    "RequestPayer",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
)
"""Without them S3 refuses every request for an object that needs them."""

_KEPT_BY_COPY = (
    "BucketKeyEnabled",
    "SSEKMSEncryptionContext",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
)
"""Parameters that a copy does not take from its source (Amazon S3 API reference, CopyObject)."""


def send_with_each_request(client: S3Client, parameters: Mapping[str, Any]) -> None:
    """Add parameters of a site to all requests of a client that have them.

    Presigned URLs are left alone, because browsers send no headers of S3.
    """
    access = {name: parameters[name] for name in _ACCESS if name in parameters}
    copied = {name: parameters[name] for name in _KEPT_BY_COPY if name in parameters}
    copied |= {f"CopySource{name}": v for name, v in access.items() if name.startswith("SSE")}

    def add(params: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        if context.get("is_presign_request") or model.input_shape is None:
            return
        wanted = access | (copied if model.name == "CopyObject" else {})
        for name in wanted.keys() & model.input_shape.members.keys():
            params.setdefault(name, wanted[name])

    if access or copied:
        client.meta.events.register("provide-client-params.s3", add)
