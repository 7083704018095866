"""Media files in a bucket of S3, or of a server with the same API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files.storage import Storage
from django.views.decorators.debug import sensitive_variables

from shift_media.core.documents import build_disposition
from shift_media.core.formats import SAFE_TYPE
from shift_media.storages.base import (
    URL_EXPIRE,
    DeletedPrefixes,
    DeliveryMode,
    PresignedUpload,
    delete_each,
)
from shift_media.storages.interface import Name
from shift_media.storages.s3 import cloudfront, deleting, errors, object_copy
from shift_media.storages.s3.abilities import Abilities, is_refusal
from shift_media.storages.s3.bucket import S3Bucket
from shift_media.storages.s3.client import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
)
from shift_media.storages.s3.errors import translate_errors
from shift_media.storages.s3.multipart import BucketMultipart
from shift_media.storages.s3.object_copy import ObjectCopy
from shift_media.storages.s3.options import (
    are_harmless,
    check_acl,
    check_bucket,
    check_endpoint,
    check_location,
    check_options,
    without_acl,
)
from shift_media.storages.s3.presign import presign_put
from shift_media.storages.s3.upload import FREE, SHA256_METADATA, ConditionalWrite, prepare
from shift_media.storages.streams import Readable
from shift_media.storages.validation import (
    check_base_url,
    check_flag,
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


class S3MediaStorage(S3Bucket):
    """A media storage in an S3 bucket; each key is written once, by a conditional PUT.

    Takes the options of django-storages' `S3Storage` and those of `MediaStorage`. ``public_url``
    is the bucket's website endpoint or the CDN before it; the default is ``custom_domain``.

    Args:
        max_pool_connections: connections to S3 that a process keeps open; by default as many as
            resizes may be made or wait, 10 to 50.
        cloudfront_distribution: the id of the CloudFront distribution before the bucket, in which
            deleted keys are invalidated.
        conditional_put: whether a write has the condition that its key is free. Set it to False
            for a server that ignores the condition: the key is then looked for before each write.
        checksum_header: whether a write has its SHA-256 in a header, which some servers refuse.
    """

    default_delivery: ClassVar[DeliveryMode] = "redirect"
    import_path: ClassVar[str] = "shift_media.storages.S3MediaStorage"

    @sensitive_variables()
    def __init__(
        self,
        *,
        max_pool_connections: int | None = None,
        cloudfront_distribution: str = "",
        conditional_put: bool = True,
        checksum_header: bool = True,
        **options: Any,
    ) -> None:
        self.wants_conditions = check_flag("conditional_put", conditional_put)
        self.abilities = Abilities(
            conditional_put,
            check_flag("checksum_header", checksum_header),
        )
        check_options(options, self.get_default_settings())
        self.cloudfront_distribution = cloudfront.check_distribution(cloudfront_distribution)
        options.setdefault("url_expire", options.get("querystring_expire", URL_EXPIRE))
        self._max_pool_connections = max_pool_connections
        self._held: tuple[int, S3Client] | None = None
        super().__init__(**options)
        check_bucket(self.bucket_name)
        self.location: str = check_location(self.location)
        self.key_prefix = f"{self.location}/" if self.location else ""
        check_endpoint(self.endpoint_url)
        self._acl = check_acl(options.get("default_acl"), self.endpoint_url)
        check_base_url(self.public_url)

    def _is_harmless(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        return not args and are_harmless(kwargs)

    # Deleting

    def delete(self, name: Name) -> None:
        """Delete one file; a missing one is no error."""
        key = check_key(require_name(name))
        with translate_errors(key):
            self.client.delete_object(Bucket=self.bucket_name, Key=self.bucket_key(key))

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
        checked = [check_prefix(prefix) for prefix in prefixes]
        return deleting.delete_prefixes(
            self.client,
            self.bucket_name,
            checked,
            lambda prefix: (item["Key"] for item in self._objects(prefix)),
            self.abilities,
        )

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys, a thousand with each request."""
        names = [self.bucket_key(check_key(key)) for key in keys]
        self._delete_keys(names, f"{len(keys)} keys")

    def _delete_keys(self, keys: Sequence[str], about: str) -> None:
        refused = deleting.delete_keys(self.client, self.bucket_name, keys, about, self.abilities)
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
        parameters = self.build_parameters(check_key(key), content_type)
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
        parameters = self.build_parameters(check_key(key), content_type, download_name)
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
            return ConditionalWrite(self.client, upload, parameters, FREE, self.abilities).send()

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a signed conditional PUT; None if the site uses signatures of version 2."""
        parameters = self.build_parameters(check_key(key), content_type)
        return presign_put(self.client, parameters, size, sha256, seconds, self.abilities)

    @property
    def multipart(self) -> BucketMultipart | None:
        """The uploads in parts; None if the site uses signatures of version 2."""
        config: Any = self.client.meta.config
        return BucketMultipart(self) if config.signature_version == "s3v4" else None

    def copy(self, key: str, new_key: str) -> bool:
        """Copy inside the bucket, with type and headers; return whether this call wrote it.

        The new key is looked for first, because some servers ignore the condition of a copy.
        """
        check_key(new_key)
        source = {"Bucket": self.bucket_name, "Key": self.bucket_key(check_key(key))}
        if self.stat(new_key) is not None:
            return False
        with translate_errors(key, errors.as_read_error):
            try:
                self.client.copy_object(
                    Bucket=self.bucket_name,
                    Key=self.bucket_key(new_key),
                    CopySource=cast("Any", source),
                    **self._acl_of(new_key),
                    **cast("Any", FREE if self.abilities.conditional_put else {}),
                )
            except ClientError as error:
                if is_refusal(self.client, error.response):
                    return super().copy(key, new_key)
                if errors.get_status(error.response) == 412:
                    return False
                raise
        return True

    def begin_copy(self, source: Storage, name: str, *, link: bool = False) -> ObjectCopy | None:
        """Return a copy of an object in any bucket of this server; an object has one name.

        Returns None if the server ignores the condition of a write, also that of a copy.
        """
        if not self.abilities.conditional_put:
            return None
        return object_copy.begin(self, source, name)

    def build_parameters(
        self, key: str, content_type: str, download_name: str = ""
    ) -> dict[str, Any]:
        """Return the place and the headers of a key in the requests that write it."""
        private = self._is_private(key)
        served_type = get_served_type(content_type)
        # The policy of `media_bucket print cloudfront` has the headers that S3 cannot send.
        has_policy = bool(self.cloudfront_distribution)
        disposition = get_disposition(served_type, has_policy=has_policy)
        if disposition and download_name:
            disposition = build_disposition(download_name, key)
        return {
            "CacheControl": f"{'private' if private else 'public'}, {_CACHE_CONTROL}",
            **({"ContentDisposition": disposition} if disposition else {}),
            **without_acl(self.get_object_parameters(key)),
            **self._acl_of(key),
            "Bucket": self.bucket_name,
            "Key": self.bucket_key(key),
            "ContentType": STORED_SAFE_TYPE if served_type == SAFE_TYPE else served_type,
        }

    def _is_private(self, key: str) -> bool:
        if self.derived == "private":
            return True
        name, _, leaf = key.rpartition("/")
        return self.originals == "private" and name.rpartition("/")[2] == leaf

    def _acl_of(self, key: str) -> dict[str, Any]:
        """Return the ACL of a key as a parameter of the requests that write it."""
        return {"ACL": self._acl} if self._acl and not self._is_private(key) else {}
