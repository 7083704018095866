"""Presigned uploads: a client may write one object by itself.

Source: Amazon S3 API Reference, "PutObject" and "Authenticating Requests: Using Query Parameters
(AWS Signature Version 4)".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shift_media.storages.multipart import PresignedUpload
from shift_media.storages.s3.abilities import Abilities

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_HEADERS = {
    "ACL": "x-amz-acl",
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentType": "Content-Type",
    "IfNoneMatch": "If-None-Match",
}
"""Parameters of a PUT that are sent as headers, and the headers' names.

A site's own object parameters are left out, because what a client writes is only staged.
"""


def presign_put(
    client: S3Client,
    parameters: Mapping[str, Any],
    size: int,
    sha256: str,
    seconds: int,
    abilities: Abilities,
) -> PresignedUpload | None:
    """Return a signed conditional PUT, whose length, type, checksum and headers are all signed.

    The condition or the checksum is left out if the server refuses it; the app compares the bytes
    when it reads them. Returns None if the client signs by version 2, which covers neither length
    nor checksum.
    """
    config: Any = client.meta.config
    if config.signature_version != "s3v4":
        return None
    condition = {"IfNoneMatch": "*"} if abilities.conditional_put else {}
    wanted = {**parameters, **condition}
    sent = {name: wanted[name] for name in _HEADERS if name in wanted}
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    checked = {"ChecksumSHA256": checksum} if abilities.checksum_header else {}
    url = client.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": wanted["Bucket"],
            "Key": wanted["Key"],
            "ContentLength": size,
            **checked,
            **sent,
        },
        ExpiresIn=seconds,
    )
    headers = {_HEADERS[name]: str(value) for name, value in sent.items()}
    if checked:
        headers["x-amz-checksum-sha256"] = checksum
    return PresignedUpload(url, headers)
