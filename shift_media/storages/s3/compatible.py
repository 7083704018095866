"""The settings, URLs and plain file names of django-storages, beside the keys of media files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from django.core.files.base import File
from django.utils.encoding import filepath_to_uri
from django.utils.functional import cached_property
from storages.backends.s3 import S3Storage

from shift_media.core.documents import build_disposition
from shift_media.storages.interface import Name
from shift_media.storages.s3.abilities import Abilities
from shift_media.storages.s3.errors import translate_errors
from shift_media.storages.s3.options import public_url_error
from shift_media.storages.s3.upload import FREE, ConditionalWrite, prepare
from shift_media.storages.signed_originals import SignedOriginals
from shift_media.storages.validation import check_base_url, check_key, has_key_shape, tidy_name

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class S3Compatible(SignedOriginals, S3Storage):  # type: ignore[misc]  # has no annotations
    """A media storage with the settings, URLs and plain file names of `S3Storage`."""

    abilities: Abilities
    """The features of the server, as far as they are known."""
    key_prefix: str = ""
    """The beginning of every key in the bucket: the ``location`` and a slash, or nothing."""

    def bucket_key(self, key: str) -> str:
        """Return the name of a key's object in the bucket."""
        return f"{self.key_prefix}{key}"

    @property
    @abstractmethod
    def client(self) -> S3Client:
        """The client of this process."""

    def get_default_settings(self) -> dict[str, Any]:
        """Return django-storages' defaults, with the signature version that all regions accept."""
        defaults = cast("dict[str, Any]", super().get_default_settings())
        return {**defaults, "signature_version": defaults["signature_version"] or "s3v4"}

    def _default_public_url(self) -> str:
        if not self.custom_domain:
            raise public_url_error(self.bucket_name)
        return check_base_url(f"{self.url_protocol}//{self.custom_domain}")

    # URLs

    @cached_property
    def public_url(self) -> str:
        """Return the URL that keys are appended to; it ends in the location and a slash.

        Where the app answers for private files, it is that of the include, without a location.
        """
        url: str = super().public_url
        if self.derived == "private":
            return url
        at_location = urlsplit(url).path.endswith(f"/{self.key_prefix}")
        return url if at_location else f"{url}{self.key_prefix}"

    def url(
        self,
        name: Name | None,
        parameters: Mapping[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """Return the URL of an original; with arguments, as django-storages, a presigned URL.

        With a ``custom_domain`` and public originals, parameters become its query.
        """
        if not parameters and expire is None and http_method is None:
            return super().url(name)
        key = check_key(tidy_name(name))
        if self.custom_domain and self.originals == "public":
            query = f"?{urlencode(parameters)}" if parameters else ""
            return f"{self.plain_url(filepath_to_uri(key))}{query}"
        return self._sign_url(key, parameters or {}, expire or self.url_expire, http_method)

    def download_url(self, key: str, name: str) -> str:
        """Return a URL at which browsers save an original under a name, mostly presigned.

        S3 takes other headers from signed requests only, so it expires where originals are public
        as well. It leads to the bucket, or to CloudFront where that has a key; its distribution
        must then forward the query string.
        """
        if self._app_answers:
            return super().download_url(key, name)
        disposition = build_disposition(name, check_key(key))
        if self.cloudfront_signer and self.originals == "private":
            query = {"response-content-disposition": disposition}
        else:
            query = {"ResponseContentDisposition": disposition}
        return self._sign_url(key, query, self.url_expire)

    @property
    def _app_answers(self) -> bool:
        """True if all URLs lead to the app, which redirects to the bucket."""
        return self.derived == "private" and not self.cloudfront_signer

    def _private_url(self, key: str) -> str:
        if self._app_answers and has_key_shape(key):
            return super()._private_url(key)
        return self._sign_url(key, {}, self.url_expire)

    def _sign_derived(self, key: str, seconds: float) -> str:
        """Sign for CloudFront as well, which then reads the bucket by itself.

        A list has its token in the path, and is answered by the app alone.
        """
        url = super()._sign_derived(key, seconds)
        expires = parse_qs(urlsplit(url).query).get("expires")
        if not self.cloudfront_signer or expires is None:
            return url
        return _sign_for_cloudfront(self.cloudfront_signer, url, int(expires[0]))

    def presigned_url(
        self, key: str, *, seconds: int, method: str = "GET", caching: str = "", name: str = ""
    ) -> str:
        """Return a presigned URL of the bucket; no I/O."""
        parameters = {"ResponseCacheControl": caching} if caching else {}
        if name:
            parameters["ResponseContentDisposition"] = build_disposition(name, check_key(key))
        return self._presign(key, parameters, seconds, method)

    def _sign_url(
        self, key: str, parameters: Mapping[str, Any], seconds: int, method: str | None = None
    ) -> str:
        if self.cloudfront_signer and self.originals == "private":
            query = f"?{urlencode(parameters)}" if parameters else ""
            url: str = self.cloudfront_signer.generate_presigned_url(
                f"{self.plain_url(filepath_to_uri(key))}{query}",
                date_less_than=datetime.now(UTC) + timedelta(seconds=seconds),
            )
            return url
        return self._presign(key, parameters, seconds, method)

    def _presign(
        self, key: str, parameters: Mapping[str, Any], seconds: int, method: str | None
    ) -> str:
        return self.client.generate_presigned_url(
            "get_object",
            Params={**parameters, "Bucket": self.bucket_name, "Key": self.bucket_key(key)},
            ExpiresIn=seconds,
            HttpMethod=method,  # type: ignore[arg-type]  # None is the method of the operation
        )

    # Names that are no keys

    def _open_for_writing(self, name: str, mode: str) -> File[Any]:
        if has_key_shape(name):
            return super()._open_for_writing(name, mode)
        return cast("File[Any]", S3Storage._open(self, check_key(name), mode))

    def _put_other(self, name: str, stream: IO[bytes], content: File[Any]) -> bool:
        condition = {} if self.file_overwrite else FREE
        parameters = {
            **self._get_write_parameters(name, content),
            "Bucket": self.bucket_name,
            "Key": self.bucket_key(check_key(name)),
        }
        with prepare(stream, None, "") as upload, translate_errors(name):
            return ConditionalWrite(
                self.client, upload, parameters, condition, self.abilities
            ).send()


@lru_cache(maxsize=4096)  # An RSA signature takes as long as hundreds of others.
def _sign_for_cloudfront(signer: Any, url: str, expires: int) -> str:
    signed: str = signer.generate_presigned_url(
        url, date_less_than=datetime.fromtimestamp(expires, UTC)
    )
    return signed
