"""The parts of a bucket's set-up: read, compared with what is wanted, and written.

What a server lacks or does harm with is passed over, and told in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from shift_media.aws import cors, documents, lifecycle
from shift_media.aws.changes import merge_policy, merge_rules, merge_website, normal
from shift_media.aws.documents import BucketSetup, Document
from shift_media.aws.widening import widened_block, widened_policy

Merge = Callable[[Document | None, Document], Document]
Client = Any


@dataclass(frozen=True, slots=True)
class Part:
    """One of the documents that a bucket has.

    Args:
        name: as the command calls it.
        title: as a sentence begins with it.
        operation: what follows ``get_`` and ``put_`` in boto3.
        member: the document's name in the answer, and as a parameter.
        wanted: builds our document.
        merge: puts ours among what is there.
        widened: says in words who may do more than before.
    """

    name: str
    title: str
    operation: str
    member: str
    wanted: Callable[[BucketSetup], Document]
    merge: Merge = lambda current, wanted: wanted
    widened: Callable[[Document | None, Document], Sequence[str]] = lambda before, after: ()

    def __str__(self) -> str:
        return self.name


PARTS = {
    part.name: part
    for part in (
        # First, since a public policy is refused as long as it is blocked.
        Part(
            "public-access-block",
            "Block Public Access",
            "public_access_block",
            "PublicAccessBlockConfiguration",
            documents.block,
            widened=widened_block,
        ),
        Part(
            "ownership",
            "Object ownership",
            "bucket_ownership_controls",
            "OwnershipControls",
            documents.ownership,
        ),
        Part(
            "policy",
            "The bucket policy",
            "bucket_policy",
            "Policy",
            documents.bucket_policy,
            merge_policy,
            widened_policy,
        ),
        Part(
            "website",
            "The website rules",
            "bucket_website",
            "WebsiteConfiguration",
            documents.website_rules,
            merge_website,
        ),
        Part(
            "cors",
            "The CORS rules",
            "bucket_cors",
            "CORSConfiguration",
            documents.cors_rules,
            partial(merge_rules, member="CORSRules", ids=cors.RULE_IDS),
        ),
        Part(
            "lifecycle",
            "The lifecycle rules",
            "bucket_lifecycle_configuration",
            "LifecycleConfiguration",
            documents.lifecycle_rules,
            partial(merge_rules, member="Rules", ids=lifecycle.RULE_IDS),
        ),
    )
}
"""All of them, in the order in which they are written."""

_UNSUPPORTED = frozenset(("NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "501"))
_AWS_ONLY = ("public-access-block", "ownership")
_SIZES = "TransitionDefaultMinimumObjectSize"
"""A setting beside the lifecycle rules, which a write without it would reset."""


class Unsupported(Exception):
    """A server has no such part, or does harm with it."""


class Refused(Exception):
    """The server answered a request with an error that says nothing of what it can do."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs in a part: what it was, what it will be, and who may do more then."""

    part: Part
    before: Document | None
    after: Document
    widens: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket at an endpoint, by a client of boto3's."""

    client: Client
    name: str

    @property
    def is_on_aws(self) -> bool:
        """Whether the endpoint is one of Amazon's own."""
        host = urlsplit(self.client.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def exists(self) -> bool:
        """Tell whether it is there; raises `Refused` where it is somebody else's."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return False
            raise Refused(
                f"Bucket {self.name} answers {status}: it belongs to somebody else, or the access "
                "key may not see it. Bucket names are shared by all of S3: choose another name, "
                "or give the key s3:ListBucket on this one."
            ) from error
        except BotoCoreError as error:
            raise Refused(f"The server cannot be asked: {error}") from error
        return True

    def create(self) -> None:
        """Make it, in the client's region."""
        parameters: dict[str, Any] = {"Bucket": self.name}
        region = self.client.meta.region_name
        if region != "us-east-1":  # The one region that must not be named.
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        self._call("create_bucket", f"Creating {self.name}", parameters)

    def check(self, part: Part) -> None:
        """Raise `Unsupported` for a part that is Amazon's own: on others it is without use."""
        if part.name in _AWS_ONLY and not self.is_on_aws:
            raise Unsupported(
                "it is a setting of Amazon's own. Other servers lack it, or do harm with it (on "
                f"Ceph the owner's uploads are refused). --{part.name} sends it nevertheless."
            )

    def read(self, part: Part) -> Document | None:
        """Read a part; None where the bucket has none. Raises `Unsupported` and `Refused`."""
        from botocore.exceptions import ClientError

        try:
            answer = self._call(
                f"get_{part.operation}", f"Reading {part.title}", {"Bucket": self.name}
            )
        except Refused as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and _is_absent(cause.response):
                if part.name == "website" and _is_seaweedfs(cause.response):
                    raise Unsupported(
                        "SeaweedFS serves no websites. Put nginx or a CDN before the bucket, and "
                        'set delivery="content".'
                    ) from error
                return None
            raise
        if part.name == "policy":
            policy: Document = json.loads(answer["Policy"])
            return policy
        answer.pop("ResponseMetadata", None)
        document: Document = answer.get(part.member, answer)
        return document or None

    def write(self, change: Change) -> None:
        """Write a part; raises `Unsupported` and `Refused`."""
        part, document = change.part, dict(change.after)
        parameters: dict[str, Any] = {"Bucket": self.name}
        if _SIZES in document:
            parameters[_SIZES] = document.pop(_SIZES)
        sent = json.dumps(document) if part.name == "policy" else document
        self._call(f"put_{part.operation}", part.title, {**parameters, part.member: sent})

    def compare(self, part: Part, wanted: Document, merge: Merge | None = None) -> Change | None:
        """Tell what differs from what is wanted; None where nothing does."""
        before = self.read(part)
        after = (merge or part.merge)(before, wanted)
        if normal(before) == normal(after):
            return None
        return Change(part, before, after, part.widened(before, after))

    def _call(self, operation: str, what: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**parameters)
        except ClientError as error:
            code = str(error.response["Error"].get("Code"))
            if code in _UNSUPPORTED:
                raise Unsupported(f"this server does not know it ({code}).") from error
            raise Refused(f"{what} was refused: {error}.{_hint(code)}") from error
        except BotoCoreError as error:
            raise Refused(f"{what} failed: {error}") from error
        return answer


def _is_absent(response: Mapping[str, Any]) -> bool:
    code = str(response["Error"].get("Code"))
    if code == "NoSuchBucket":
        return False
    return code.startswith("NoSuch") or code.endswith("NotFoundError")


def _is_seaweedfs(response: Mapping[str, Any]) -> bool:
    server = response["ResponseMetadata"].get("HTTPHeaders", {}).get("server", "")
    return "seaweedfs" in server.lower()


def _hint(code: str) -> str:
    if code in ("AccessDenied", "403"):
        return (
            " The access key must be one that may change the bucket's settings, as the app's own "
            "may not; and a public policy is refused as long as Block Public Access of the bucket "
            "or of the account forbids it."
        )
    return " Create it first: media_bucket create." if code == "NoSuchBucket" else ""
