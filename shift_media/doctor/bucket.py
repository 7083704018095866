"""What the site's own credentials can read of its bucket: its endpoint and its website rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit, urlunsplit

from shift_media.storages import MediaStorage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from shift_media.storages import S3MediaStorage

State = Literal["present", "absent", "unreadable", "unsupported"]

_ABSENT = ("NoSuchWebsiteConfiguration",)
_UNSUPPORTED = (400, 404, 405, 501)


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule that redirects; ``status`` is empty where it holds for everything."""

    status: str
    code: str
    protocol: str
    host: str
    prefix: str

    @property
    def app_url(self) -> str:
        """Where it sends keys to; empty where it does not say."""
        return f"{self.protocol or 'http'}://{self.host}/{self.prefix}" if self.host else ""


@dataclass(frozen=True, slots=True)
class Website:
    """The website configuration, or why there is none to be seen."""

    state: State
    rules: tuple[Rule, ...] = ()
    detail: str = ""

    @property
    def app_url(self) -> str:
        """Where missing keys are sent to; empty where no rule says so."""
        return next((rule.app_url for rule in self.rules if rule.app_url), "")

    def catches(self, status: str) -> bool:
        """Tell whether a rule holds for a status of the bucket."""
        return any(rule.status in ("", status) for rule in self.rules)

    def __str__(self) -> str:
        if self.state == "present":
            caught = ", ".join(rule.status or "everything" for rule in self.rules)
            return f"the bucket's website has rules for {caught}" if caught else _NO_RULE
        return {
            "absent": "the bucket has no website configuration",
            "unreadable": f"its website configuration could not be read ({self.detail})",
            "unsupported": f"this server has no website rules ({self.detail})",
        }[self.state]


_NO_RULE = "the bucket's website has no routing rule"


def as_bucket(storage: MediaStorage) -> S3MediaStorage | None:
    """Give a storage that is a bucket; None for others."""
    return cast("S3MediaStorage", storage) if hasattr(storage, "bucket_name") else None


def endpoint(storage: S3MediaStorage) -> str:
    """Give the URL of the bucket in the API, which ends in a slash, signed by nobody."""
    from botocore.exceptions import BotoCoreError

    try:
        signed = storage.client.generate_presigned_url(
            "list_objects_v2", Params={"Bucket": storage.bucket_name}
        )
    except BotoCoreError:  # There are no credentials, as what is written next tells.
        signed = ""
    scheme, host, path, _, _ = urlsplit(storage.client.meta.endpoint_url)
    # A signed URL tells the style of addressing; its host is not always the region's.
    if urlsplit(signed).netloc.startswith(f"{storage.bucket_name}."):
        return urlunsplit(
            (scheme, f"{storage.bucket_name}.{host}", f"{path.rstrip('/')}/", "", "")
        )
    return urlunsplit((scheme, host, f"{path.rstrip('/')}/{storage.bucket_name}/", "", ""))


def is_there(storage: S3MediaStorage) -> bool:
    """Tell whether the bucket is there; SeaweedFS makes one that is written to."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        storage.client.head_bucket(Bucket=storage.bucket_name)
    except ClientError as error:
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status != 404
    except BotoCoreError:
        return True  # What is written next tells it better.
    return True


def website_of(storage: S3MediaStorage) -> Website:
    """Read the website configuration."""
    from botocore.exceptions import BotoCoreError, ClientError

    client: S3Client = storage.client
    try:
        found = client.get_bucket_website(Bucket=storage.bucket_name)
    except ClientError as error:
        return _refused(error.response)
    except BotoCoreError as error:
        return Website("unreadable", detail=str(error))
    return Website("present", tuple(map(_rule, found.get("RoutingRules", ()))))


def _refused(response: Mapping[str, Any]) -> Website:
    code = response.get("Error", {}).get("Code", "")
    about = response.get("ResponseMetadata", {})
    status = about.get("HTTPStatusCode", 0)
    if "seaweedfs" in about.get("HTTPHeaders", {}).get("server", "").lower():
        return Website("unsupported", detail="SeaweedFS")  # It says that there is none, always.
    if code in _ABSENT:
        return Website("absent")
    known = status in _UNSUPPORTED and code != "NoSuchBucket"
    return Website("unsupported" if known else "unreadable", detail=f"{status} {code}".strip())


def _rule(rule: Mapping[str, Any]) -> Rule:
    redirect = rule.get("Redirect", {})
    return Rule(
        status=rule.get("Condition", {}).get("HttpErrorCodeReturnedEquals", ""),
        code=redirect.get("HttpRedirectCode", ""),
        protocol=redirect.get("Protocol", ""),
        host=redirect.get("HostName", ""),
        prefix=redirect.get("ReplaceKeyPrefixWith", ""),
    )
