"""The bucket's address and its website rules, as far as the site's credentials can read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit, urlunsplit

from shift_media.aws.lifecycle import expires_noncurrent
from shift_media.aws.problems import describe
from shift_media.storages import MediaStorage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from shift_media.storages import S3MediaStorage

WebsiteState = Literal["present", "absent", "unreadable", "unsupported"]

_ABSENT_CODES = ("NoSuchWebsiteConfiguration",)
_UNSUPPORTED_STATUSES = (400, 404, 405, 501)


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """A routing rule that redirects.

    Attributes:
        status: the status of the responses that it applies to; empty for every response.
        code: the status of the redirect.
        protocol: that of the redirect.
        host: that of the redirect.
        prefix: what the redirect has in place of ``key_prefix``.
        key_prefix: how the keys begin that it applies to.
    """

    status: str
    code: str
    protocol: str
    host: str
    prefix: str
    key_prefix: str = ""

    def app_url(self, key_prefix: str) -> str:
        """Return the URL that keys are appended to; empty if the rule has no host.

        ``key_prefix`` stands before them in the bucket. The rule has its own prefix in place of
        the one that it applies to.
        """
        kept = key_prefix.removeprefix(self.key_prefix) if self.prefix else key_prefix
        path = f"{self.prefix}{kept}"
        return f"{self.protocol or 'http'}://{self.host}/{path}" if self.host else ""


@dataclass(frozen=True, slots=True)
class BucketWebsite:
    """The website configuration of a bucket, or the reason why it is not known.

    ``rules`` are those for keys that begin with ``key_prefix``.
    """

    state: WebsiteState
    rules: tuple[RoutingRule, ...] = ()
    detail: str = ""
    key_prefix: str = ""

    @property
    def app_url(self) -> str:
        """The URL that missing keys are redirected to; empty if no rule has a host."""
        urls = (rule.app_url(self.key_prefix) for rule in self.rules)
        return next((url for url in urls if url), "")

    def has_rule_for(self, status: str) -> bool:
        """Return True if a rule applies to responses of the bucket with this status."""
        return any(rule.status in ("", status) for rule in self.rules)

    def __str__(self) -> str:
        if self.state == "present":
            statuses = ", ".join(rule.status or "everything" for rule in self.rules)
            return f"the bucket's website has rules for {statuses}" if statuses else _NO_RULE
        return {
            "absent": "the bucket has no website configuration",
            "unreadable": f"its website configuration could not be read ({self.detail})",
            "unsupported": f"this server has no website rules ({self.detail})",
        }[self.state]


_NO_RULE = "the bucket's website has no routing rule"


def as_bucket(storage: MediaStorage) -> S3MediaStorage | None:
    """Return the storage if it is a bucket, else None."""
    return cast("S3MediaStorage", storage) if hasattr(storage, "bucket_name") else None


def bucket_url(storage: S3MediaStorage) -> str:
    """Return the unsigned URL of the bucket in the S3 API; it ends in a slash."""
    from botocore.exceptions import BotoCoreError

    try:
        signed = storage.client.generate_presigned_url(
            "list_objects_v2", Params={"Bucket": storage.bucket_name}
        )
    except BotoCoreError:  # Without credentials; storage-write reports that.
        signed = ""
    scheme, host, path, _, _ = urlsplit(storage.client.meta.endpoint_url)
    # The signed URL shows whether the client addresses buckets by host name or by path. Its host
    # is not used, because botocore may sign for the global endpoint instead of the region's.
    if urlsplit(signed).netloc.startswith(f"{storage.bucket_name}."):
        return urlunsplit(
            (scheme, f"{storage.bucket_name}.{host}", f"{path.rstrip('/')}/", "", "")
        )
    return urlunsplit((scheme, host, f"{path.rstrip('/')}/{storage.bucket_name}/", "", ""))


def object_url(storage: S3MediaStorage, key: str) -> str:
    """Return the unsigned URL of a key's object in the S3 API."""
    return f"{bucket_url(storage)}{storage.bucket_key(key)}"


def bucket_exists(storage: S3MediaStorage) -> bool:
    """Return False if the server says that the bucket does not exist.

    It is checked before anything is written, because SeaweedFS creates missing buckets on a write.
    Other errors count as True: the write that follows reports them with more detail.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        storage.client.head_bucket(Bucket=storage.bucket_name)
    except ClientError as error:
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status != 404
    except (BotoCoreError, RecursionError):  # botocore may follow a redirect without end.
        return True
    return True


def read_website(storage: S3MediaStorage) -> BucketWebsite:
    """Read the bucket's website configuration."""
    from botocore.exceptions import BotoCoreError, ClientError

    client: S3Client = storage.client
    try:
        response = client.get_bucket_website(Bucket=storage.bucket_name)
    except ClientError as error:
        return _website_of_error(error.response)
    except (BotoCoreError, RecursionError) as error:
        return BucketWebsite("unreadable", detail=str(error))
    rules = map(_routing_rule, response.get("RoutingRules", ()))
    prefix = storage.key_prefix
    ours = tuple(rule for rule in rules if prefix.startswith(rule.key_prefix))
    return BucketWebsite("present", ours, key_prefix=prefix)


@dataclass(frozen=True, slots=True)
class BucketVersions:
    """The versioning of a bucket, or the reason why it is not known.

    Attributes:
        status: ``"Enabled"``, ``"Suspended"``, or empty if the bucket never had versions.
        are_removed: True if a lifecycle rule removes versions that are not current.
        detail: why it is not known.
    """

    status: str = ""
    are_removed: bool = False
    detail: str = ""


def read_versions(storage: S3MediaStorage) -> BucketVersions:
    """Read whether the bucket has versions, and whether a rule removes them."""
    from botocore.exceptions import BotoCoreError, ClientError

    client, name = storage.client, storage.bucket_name
    status = ""
    try:
        status = str(client.get_bucket_versioning(Bucket=name).get("Status", ""))
        rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"] if status else []
    except ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchLifecycleConfiguration":
            return BucketVersions(status)
        return BucketVersions(detail=describe(error))
    except (BotoCoreError, RecursionError) as error:
        return BucketVersions(detail=describe(error))
    return BucketVersions(status, expires_noncurrent(rules, storage.key_prefix))


def _website_of_error(response: Mapping[str, Any]) -> BucketWebsite:
    code = response.get("Error", {}).get("Code", "")
    metadata = response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    if "seaweedfs" in metadata.get("HTTPHeaders", {}).get("server", "").lower():
        # It always answers that there is no configuration, because it serves no websites.
        return BucketWebsite("unsupported", detail="SeaweedFS")
    if code in _ABSENT_CODES:
        return BucketWebsite("absent")
    is_unsupported = status in _UNSUPPORTED_STATUSES and code != "NoSuchBucket"
    state: WebsiteState = "unsupported" if is_unsupported else "unreadable"
    return BucketWebsite(state, detail=f"{status} {code}".strip())


def _routing_rule(rule: Mapping[str, Any]) -> RoutingRule:
    redirect = rule.get("Redirect", {})
    return RoutingRule(
        status=rule.get("Condition", {}).get("HttpErrorCodeReturnedEquals", ""),
        code=redirect.get("HttpRedirectCode", ""),
        protocol=redirect.get("Protocol", ""),
        host=redirect.get("HostName", ""),
        prefix=redirect.get("ReplaceKeyPrefixWith", ""),
        key_prefix=rule.get("Condition", {}).get("KeyPrefixEquals", ""),
    )
