"""Media files in a bucket of S3, or of a server with the same API."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError
from django.views.decorators.debug import sensitive_variables

from shift_media.core.documents import build_disposition
from shift_media.core.formats import SAFE_TYPE
from shift_media.storages.base import (
    URL_EXPIRE,
    DeletedPrefixes,
    DeliveryMode,
    Entry,
    PresignedUpload,
    Stat,
    delete_each,
)
from shift_media.storages.interface import Name
from shift_media.storages.s3 import cloudfront, deleting, errors
from shift_media.storages.s3.client import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    create_client,
    default_config,
    merge_config,
)
from shift_media.storages.s3.compatible import S3Compatible
from shift_media.storages.s3.errors import translate_errors
from shift_media.storages.s3.options import (
    are_harmless,
    check_bucket,
    check_endpoint,
    check_options,
    without_acl,
)
from shift_media.storages.s3.parameters import send_with_each_request
from shift_media.storages.s3.presign import presign_put
from shift_media.storages.s3.upload import FREE, SHA256_METADATA, ConditionalWrite, prepare
from shift_media.storages.streams import HashedSource, Readable, Source
from shift_media.storages.validation import (
    check_base_url,
    check_key,
    check_prefix,
    get_disposition,
    get_served_type,
    require_name,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

STORED_SAFE_TYPE = "binary/octet-stream"
"""Stored in place of `SAFE_TYPE`: S3's own default, which browsers treat alike.

SeaweedFS does not store ``application/octet-stream`` and serves an SVG by its extension.
"""

_CACHE_CONTROL = "max-age=31536000, immutable"

_client_lock = threading.Lock()


def _replace_lock() -> None:
    # Another thread, which does not run in the child, may hold the lock during the fork.
    global _client_lock  # noqa: PLW0603
    _client_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)


class S3MediaStorage(S3Compatible):
    """A media storage in an S3 bucket; each key is written once, by a conditional PUT.

    Takes the options of django-storages' `S3Storage` and those of `MediaStorage`. ``public_url``
    is the bucket's website endpoint or the CDN before it; the default is ``custom_domain``.

    Args:
        max_pool_connections: connections to S3 that a process keeps open; by default as many as
            resizes may be made or wait, 10 to 50.
        cloudfront_distribution: the id of the CloudFront distribution before the bucket, in which
            deleted keys are invalidated.
    """

    default_delivery: ClassVar[DeliveryMode] = "redirect"
    import_path: ClassVar[str] = "shift_media.storages.S3MediaStorage"

    @sensitive_variables()
    def __init__(
        self,
        *,
        max_pool_connections: int | None = None,
        cloudfront_distribution: str = "",
        **options: Any,
    ) -> None:
        check_options(options, self.get_default_settings())
        self.cloudfront_distribution = cloudfront.check_distribution(cloudfront_distribution)
        options.setdefault("url_expire", options.get("querystring_expire", URL_EXPIRE))
        self._max_pool_connections = max_pool_connections
        self._held: tuple[int, S3Client] | None = None
        super().__init__(**options)
        check_bucket(self.bucket_name, self.location)
        check_endpoint(self.endpoint_url)
        check_base_url(self.public_url)

    def _is_harmless(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        return not args and are_harmless(kwargs)

    # The client

    @property
    def client(self) -> S3Client:
        """Return the client that the threads of this process share; a fork makes its own."""
        held = self._held
        if held is None or held[0] != os.getpid():
            with _client_lock:
                held = self._held
                if held is None or held[0] != os.getpid():
                    held = self._held = (os.getpid(), self._make_client())
        return held[1]

    def _make_client(self) -> S3Client:
        config = merge_config(
            default_config(self._max_pool_connections, self.signature_version),
            self.client_config,
            self.addressing_style,
            self.proxies,
        )
        with translate_errors(self.bucket_name):
            client = create_client(self._create_client, config)
        send_with_each_request(client, self.object_parameters)
        return client

    def _create_client(self, config: Config) -> S3Client:
        session: Session = self._create_session()
        client: S3Client = session.client(
            "s3",
            region_name=self.region_name,
            use_ssl=self.use_ssl,
            endpoint_url=self.endpoint_url,
            config=config,
            verify=self.verify,
        )
        return client

    # Reading

    def stat(self, key: str) -> Stat | None:
        """Return what one HEAD says; None if nothing is stored, or if S3 does not say (403)."""
        with translate_errors(key):
            try:
                head = self.client.head_object(Bucket=self.bucket_name, Key=check_key(key))
            except ClientError as error:
                if errors.is_missing(error.response) or errors.is_forbidden(error.response):
                    return None
                raise
        sha256 = head["Metadata"].get(SHA256_METADATA, "")
        return Stat(head["ContentLength"], head["LastModified"], sha256)

    def fetch(self, key: str) -> Source:
        """Return the body of one GET, whose bytes arrive as they are read. Raises `NotStored`."""
        with translate_errors(key, errors.as_read_error):
            got = self.client.get_object(Bucket=self.bucket_name, Key=check_key(key))
        sha256 = got["Metadata"].get(SHA256_METADATA, "")
        body = cast("BinaryIO", got["Body"])
        return HashedSource(body, got["ContentLength"], key, sha256, translate_errors)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the keys with a prefix in their order; one request for each thousand."""
        for page in self._pages(prefix):
            for item in page.get("Contents", ()):
                yield Entry(item["Key"], item["Size"], item["LastModified"])

    def listdir(self, path: Name) -> tuple[list[str], list[str]]:
        """Return the names of the folders and files in a folder; ``""`` is the bucket."""
        path = str(path)
        prefix = f"{path.strip('/')}/" if path.strip("/.") else ""
        folders: list[str] = []
        files: list[str] = []
        for page in self._pages(prefix, Delimiter="/"):
            folders += [
                item["Prefix"][len(prefix) : -1] for item in page.get("CommonPrefixes", ())
            ]
            files += [item["Key"][len(prefix) :] for item in page.get("Contents", ())]
        return folders, files

    def _pages(self, prefix: str, **options: Any) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=prefix, **options
        )
        with translate_errors(prefix):
            yield from cast("Iterator[dict[str, Any]]", pages)

    # Deleting

    def delete(self, name: Name) -> None:
        """Delete one file; a missing one is no error."""
        key = check_key(require_name(name))
        with translate_errors(key):
            self.client.delete_object(Bucket=self.bucket_name, Key=key)

    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys with a prefix, a thousand at a time, and return how many.

        Raises `StorageError` if S3 refuses one of them.
        """
        removed = 0
        for page in self._pages(check_prefix(prefix)):
            keys = [item["Key"] for item in page.get("Contents", ())]
            self._delete_keys(keys, prefix)
            removed += len(keys)
        return removed

    def delete_prefixes(self, prefixes: Sequence[str]) -> DeletedPrefixes:
        """Delete several prefixes: one request for a thousand keys, one to list each prefix."""
        if len(prefixes) == 1:
            return delete_each(self, prefixes)
        return deleting.delete_prefixes(
            self.client,
            self.bucket_name,
            [check_prefix(prefix) for prefix in prefixes],
            lambda prefix: (entry.key for entry in self.entries(prefix)),
        )

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys, a thousand with each request."""
        self._delete_keys([check_key(key) for key in keys], f"{len(keys)} keys")

    def _delete_keys(self, keys: Sequence[str], about: str) -> None:
        refused = deleting.delete_keys(self.client, self.bucket_name, keys, about)
        deleting.raise_refused(refused, about)

    @property
    def invalidation_batch(self) -> int:
        """How many directories one invalidation takes; 0 without a distribution."""
        return cloudfront.BATCH_SIZE if self.cloudfront_distribution else 0

    def invalidate(self, prefixes: Sequence[str], reference: str) -> None:
        """Invalidate all keys of some directories in the CloudFront distribution."""
        cloudfront.invalidate(
            self._create_session(),
            Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT),
            self.cloudfront_distribution,
            cloudfront.build_paths(prefixes, self.public_url),
            reference,
        )

    # Writing

    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write by one conditional PUT; above 100 MB in parts, with the condition at the end."""
        parameters = self._parameters(check_key(key), content_type)
        return self._write(parameters, content, sha256, size)

    def put_original(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        download_name: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write an original; the client's name of an attachment is in its Content-Disposition."""
        parameters = self._parameters(check_key(key), content_type, download_name)
        return self._write(parameters, content, sha256, size)

    def _write(
        self, parameters: dict[str, Any], content: Readable, sha256: str, size: int | None
    ) -> bool:
        with (
            prepare(content, size, sha256) as upload,
            upload.raise_content_errors(),
            translate_errors(parameters["Key"]),
        ):
            metadata = parameters.get("Metadata") or {}
            parameters["Metadata"] = {**metadata, SHA256_METADATA: upload.sha256}
            return ConditionalWrite(self.client, upload, parameters, FREE).send()

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a signed conditional PUT; None if the site uses signatures of version 2."""
        parameters = self._parameters(check_key(key), content_type)
        return presign_put(self.client, parameters, size, sha256, seconds)

    def copy(self, key: str, new_key: str) -> bool:
        """Copy inside the bucket, with type and headers; return whether this call wrote it.

        The new key is looked for first, because some servers ignore the condition of a copy.
        """
        check_key(new_key)
        source = {"Bucket": self.bucket_name, "Key": check_key(key)}
        if self.stat(new_key) is not None:
            return False
        with translate_errors(key, errors.as_read_error):
            try:
                self.client.copy_object(
                    Bucket=self.bucket_name,
                    Key=new_key,
                    CopySource=cast("Any", source),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if errors.get_status(error.response) == 412:
                    return False
                raise
        return True

    def _parameters(self, key: str, content_type: str, download_name: str = "") -> dict[str, Any]:
        name, _, leaf = key.rpartition("/")
        private = self.originals == "private" and name.rpartition("/")[2] == leaf
        served_type = get_served_type(content_type)
        disposition = get_disposition(served_type)
        if disposition and download_name:
            disposition = build_disposition(download_name, key)
        return {
            "CacheControl": f"{'private' if private else 'public'}, {_CACHE_CONTROL}",
            **({"ContentDisposition": disposition} if disposition else {}),
            **without_acl(self.get_object_parameters(key)),
            "Bucket": self.bucket_name,
            "Key": key,
            "ContentType": STORED_SAFE_TYPE if served_type == SAFE_TYPE else served_type,
        }
