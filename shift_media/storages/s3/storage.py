"""Media files in a bucket of S3, or of a server that speaks like it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast
from urllib.parse import urlsplit

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from shift_media.conf import settings
from shift_media.core.errors import MediaError, SourceTruncated, StorageError
from shift_media.core.formats import SAFE_TYPE
from shift_media.storages.base import (
    URL_EXPIRE,
    DeliveryMode,
    Entry,
    MediaStorage,
    PresignedUpload,
    Stat,
)
from shift_media.storages.s3 import cloudfront, errors
from shift_media.storages.s3.options import (
    check_bucket,
    public_url_missing,
    refuse_options,
    without_acl,
)
from shift_media.storages.s3.presign import presigned_put
from shift_media.storages.s3.upload import SHA256_METADATA, Write, prepared
from shift_media.storages.streams import HashedSource, Readable, Source
from shift_media.storages.validation import (
    base_url_of,
    check_key,
    check_prefix,
    disposition_of,
    served_type_of,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

STORED_SAFE_TYPE = "binary/octet-stream"
"""What stands in for `SAFE_TYPE`: S3's own default, which means the same to a browser.

SeaweedFS forgets ``application/octet-stream`` and serves an SVG by its extension.
"""

CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20  # seconds
ATTEMPTS = 3

_LEAST, _MOST = 10, 50  # connections, where the option says nothing
_CACHE_CONTROL = "max-age=31536000, immutable"

_making_client = threading.Lock()


def _renew_lock() -> None:
    # Another thread may have held it at the fork, and does not run in the child.
    global _making_client  # noqa: PLW0603
    _making_client = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@deconstructible(path="shift_media.storages.S3MediaStorage")
class S3MediaStorage(MediaStorage, S3Storage):  # type: ignore[misc]  # has no annotations
    """Keep media files in a bucket, each under its key, written once by a conditional PUT.

    Takes the options of django-storages' `S3Storage` and those of `MediaStorage`. ``public_url``
    is the bucket's website endpoint or the CDN before it; ``custom_domain`` stands in for it.

    Args:
        max_pool_connections: connections kept open to S3 by a process.
        cloudfront_distribution: id of the CloudFront distribution before the bucket, which is
            told to forget what was deleted.
    """

    default_delivery: ClassVar[DeliveryMode] = "redirect"

    def __init__(
        self,
        *,
        max_pool_connections: int | None = None,
        cloudfront_distribution: str = "",
        **options: Any,
    ) -> None:
        refuse_options(options)
        self.cloudfront_distribution = cloudfront.check_distribution(cloudfront_distribution)
        options.setdefault("url_expire", options.get("querystring_expire", URL_EXPIRE))
        self._max_pool_connections = max_pool_connections
        self._held: tuple[int, S3Client] | None = None
        super().__init__(**options)
        check_bucket(self.bucket_name, self.location)
        base_url_of(self.public_url)

    def get_default_settings(self) -> dict[str, Any]:
        """Give django-storages' defaults, with the signature that all regions know."""
        defaults = cast("dict[str, Any]", super().get_default_settings())
        return {**defaults, "signature_version": defaults["signature_version"] or "s3v4"}

    def _default_public_url(self) -> str:
        if not self.custom_domain:
            raise public_url_missing(self.bucket_name)
        return base_url_of(f"{self.url_protocol}//{self.custom_domain}")

    # The client

    @property
    def client(self) -> S3Client:
        """Return the one client of this process, which threads share; a fork makes its own."""
        held = self._held
        if held is None or held[0] != os.getpid():
            with _making_client:
                held = self._held
                if held is None or held[0] != os.getpid():
                    held = self._held = (os.getpid(), self._make_client())
        return held[1]

    def _make_client(self) -> S3Client:
        config = self._client_defaults().merge(self.client_config)
        client = self._client_of(config)
        style = (cast(Any, config).s3 or {}).get("addressing_style")  # not in the stubs
        if not style and _is_aws(client.meta.endpoint_url):
            # botocore would sign URLs for BUCKET.s3.amazonaws.com, which redirects what is new in
            # another region for hours; virtual addressing names the region.
            client = self._client_of(config.merge(Config(s3={"addressing_style": "virtual"})))
        return client

    def _client_of(self, config: Config) -> S3Client:
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

    def _client_defaults(self) -> Config:
        pool = settings.CONCURRENCY + settings.QUEUE
        return Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=self._max_pool_connections or min(max(pool, _LEAST), _MOST),
            tcp_keepalive=True,
            # Also beside a client_config: botocore would presign by version 2, which signs little.
            signature_version=self.signature_version,
            # We compare a SHA-256 of our own; older servers fail on the checksums of others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_held": None}

    # Reading

    def stat(self, key: str) -> Stat | None:
        """Ask by one HEAD; None where there is nothing, or where S3 does not tell (403)."""
        with _s3_errors(key):
            try:
                head = self.client.head_object(Bucket=self.bucket_name, Key=check_key(key))
            except ClientError as error:
                if errors.is_missing(error.response) or errors.is_unknown(error.response):
                    return None
                raise
        sha256 = head["Metadata"].get(SHA256_METADATA, "")
        return Stat(head["ContentLength"], head["LastModified"], sha256)

    def fetch(self, key: str) -> Source:
        """Begin one GET, whose bytes come as they are read; raises `NotStored`."""
        with _s3_errors(key, errors.read_refusal):
            got = self.client.get_object(Bucket=self.bucket_name, Key=check_key(key))
        sha256 = got["Metadata"].get(SHA256_METADATA, "")
        body = cast("BinaryIO", got["Body"])
        return HashedSource(body, got["ContentLength"], key, sha256, _s3_errors)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """List a thousand keys at a time, in their order."""
        for page in self._pages(prefix):
            for item in page.get("Contents", ()):
                yield Entry(item["Key"], item["Size"], item["LastModified"])

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List the folders and files in a folder; ``""`` is the bucket."""
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
        with _s3_errors(prefix):
            yield from cast("Iterator[dict[str, Any]]", pages)

    def _private_url(self, key: str) -> str:
        return self.client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.bucket_name, "Key": key},
            ExpiresIn=self.url_expire,
        )

    # Deleting

    def delete(self, name: str) -> None:
        """Delete one key; a missing one is no error."""
        with _s3_errors(name):
            self.client.delete_object(Bucket=self.bucket_name, Key=check_key(name))

    def delete_prefix(self, prefix: str) -> int:
        """Delete a thousand keys at a time; raises `StorageError` if one of them is refused."""
        removed = 0
        for page in self._pages(check_prefix(prefix)):
            keys = [item["Key"] for item in page.get("Contents", ())]
            removed += self._delete_keys(keys, prefix) if keys else 0
        return removed

    def _delete_keys(self, keys: list[str], prefix: str) -> int:
        with _s3_errors(prefix):
            answer = self.client.delete_objects(
                Bucket=self.bucket_name,
                Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
            )
        refused = [e for e in answer.get("Errors", ()) if not errors.is_missing({"Error": e})]
        if refused:
            raise errors.refusal({"Error": refused[0]}, f"{len(refused)} keys of {prefix}")
        return len(keys)

    @property
    def invalidation_batch(self) -> int:
        """How many directories CloudFront is told of at once; 0 without a distribution."""
        return cloudfront.BATCH if self.cloudfront_distribution else 0

    def invalidate(self, prefixes: Sequence[str], reference: str) -> None:
        """Have CloudFront forget directories."""
        cloudfront.invalidate(
            self._create_session(),
            Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT),
            self.cloudfront_distribution,
            cloudfront.paths_of(prefixes, self.public_url),
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
        """Write by one conditional PUT, above 100 MB in parts with the condition at the end."""
        parameters = self._parameters(check_key(key), content_type)
        with prepared(content, size, sha256) as upload, upload.own_failures(), _s3_errors(key):
            parameters["Metadata"] = {SHA256_METADATA: upload.sha256}
            return Write(self.client, upload, parameters).once()

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Sign one conditional PUT; None where a site asks for signatures of version 2."""
        parameters = self._parameters(check_key(key), content_type)
        return presigned_put(self.client, parameters, size, sha256, seconds)

    def copy(self, key: str, new_key: str) -> bool:
        """Copy inside the bucket, with type and headers.

        Looks first: servers that overlook the condition of a copy would overwrite.
        """
        check_key(new_key)
        source = {"Bucket": self.bucket_name, "Key": check_key(key)}
        if self.stat(new_key) is not None:
            return False
        with _s3_errors(key, errors.read_refusal):
            try:
                self.client.copy_object(
                    Bucket=self.bucket_name,
                    Key=new_key,
                    CopySource=cast("Any", source),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if errors.status_of(error.response) == 412:
                    return False
                raise
        return True

    def _parameters(self, key: str, content_type: str) -> dict[str, Any]:
        name, _, leaf = key.rpartition("/")
        private = self.originals == "private" and name.rpartition("/")[2] == leaf
        served_type = served_type_of(content_type)
        disposition = disposition_of(served_type)
        return {
            "CacheControl": f"{'private' if private else 'public'}, {_CACHE_CONTROL}",
            **({"ContentDisposition": disposition} if disposition else {}),
            **without_acl(self.get_object_parameters(key)),
            "Bucket": self.bucket_name,
            "Key": key,
            "ContentType": STORED_SAFE_TYPE if served_type == SAFE_TYPE else served_type,
        }


def _is_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


@contextlib.contextmanager
def _s3_errors(
    key: str, refusal: Callable[[errors.Response, str], MediaError] = errors.refusal
) -> Iterator[None]:
    """Turn what botocore, urllib3 and the socket raise into errors of ours."""
    try:
        yield
    except MediaError:
        raise
    except ClientError as error:
        raise refusal(error.response, key) from error
    except (IncompleteReadError, ResponseStreamingError) as error:
        raise SourceTruncated(f"{key!r} was cut: {error}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StorageError(f"S3 failed for {key!r}: {error}") from error
