"""A bucket's configuration: read it from the server, compare it with the documents, write it.

S3 calls the separate documents of a bucket (policy, website, CORS …) its subresources. Servers of
other vendors lack some of them or misbehave with them; those are skipped with an explanation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shift_media.aws import documents
from shift_media.aws.changes import (
    merge_cors,
    merge_lifecycle,
    merge_policy,
    merge_website,
    normalize,
    widened_access_block,
    widened_policy,
)
from shift_media.aws.documents import BucketSetup, Document
from shift_media.aws.problems import describe, explain

Merge = Callable[[Document | None, Document, str], Document]
Client = Any


@dataclass(frozen=True, slots=True)
class Subresource:
    """One of the documents that configure a bucket.

    Args:
        name: The command's option without its dashes.
        title: The name at the start of a sentence.
        operation: The part of the boto3 methods after ``get_`` and ``put_``.
        member: The key of the document in responses, and the parameter in requests.
        build: Builds the wanted document.
        merge: Merges the wanted document of a site into the current one; the prefix of the site's
            keys tells its rules from those of other sites.
        widened: Returns a sentence for everything that the new document newly permits.
    """

    name: str
    title: str
    operation: str
    member: str
    build: Callable[[BucketSetup], Document]
    merge: Merge = lambda current, wanted, prefix: wanted
    widened: Callable[[Document | None, Document], Sequence[str]] = lambda before, after: ()

    def __str__(self) -> str:
        return self.name


SUBRESOURCES = {
    subresource.name: subresource
    for subresource in (
        # The first, because S3 rejects a public policy as long as the bucket blocks it.
        Subresource(
            "public-access-block",
            "Block Public Access",
            "public_access_block",
            "PublicAccessBlockConfiguration",
            documents.access_block,
            widened=widened_access_block,
        ),
        Subresource(
            "ownership",
            "Object ownership",
            "bucket_ownership_controls",
            "OwnershipControls",
            documents.ownership,
        ),
        Subresource(
            "policy",
            "The bucket policy",
            "bucket_policy",
            "Policy",
            documents.bucket_policy,
            merge_policy,
            widened_policy,
        ),
        Subresource(
            "website",
            "The website rules",
            "bucket_website",
            "WebsiteConfiguration",
            documents.website_rules,
            merge_website,
        ),
        Subresource(
            "cors",
            "The CORS rules",
            "bucket_cors",
            "CORSConfiguration",
            documents.cors_rules,
            merge_cors,
        ),
        Subresource(
            "lifecycle",
            "The lifecycle rules",
            "bucket_lifecycle_configuration",
            "LifecycleConfiguration",
            documents.lifecycle_rules,
            merge_lifecycle,
        ),
    )
}
"""The subresources by name, in the order in which they are written."""

_UNSUPPORTED = frozenset(("NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "501"))
_AWS_ONLY = ("public-access-block", "ownership")
_MINIMUM_SIZE = "TransitionDefaultMinimumObjectSize"
"""A setting beside the lifecycle rules. A write without it would reset it."""


class Unsupported(Exception):
    """The server does not have this subresource, or misbehaves with it."""


class Refused(Exception):
    """The server refused a request, or did not answer it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference in a subresource, with a sentence for everything that it newly permits."""

    subresource: Subresource
    before: Document | None
    after: Document
    widens: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket at the endpoint of a boto3 client, or the part of it that one site has.

    ``prefix`` is what stands before every key of the site.
    """

    client: Client
    name: str
    prefix: str = ""

    @property
    def is_on_aws(self) -> bool:
        """Return True if the endpoint is one of Amazon's own."""
        host = urlsplit(self.client.meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def exists(self) -> bool:
        """Return True if the bucket exists; raises `Refused` if it cannot be accessed."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return False
            # The answer to a HEAD has no code, by which a wrong key is told from another's bucket.
            self._raise_explained()
            raise Refused(
                f"Bucket {self.name} answers {status}: it belongs to another account, or the "
                "access key may not see it. Bucket names are shared by all of S3. Choose another "
                "name, or give the key s3:ListBucket on this one."
            ) from error
        except (BotoCoreError, RecursionError) as error:
            raise Refused(_failed(f"Bucket {self.name} could not be asked for", error)) from error
        return True

    def _raise_explained(self) -> None:
        """Raise `Refused` if a request with an answer in words fails for a known reason."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.list_objects_v2(Bucket=self.name, MaxKeys=1)
        except (ClientError, BotoCoreError, RecursionError) as error:
            if explain(error):
                raise Refused(_failed(f"Bucket {self.name} was refused", error)) from error

    def create(self) -> None:
        """Create the bucket in the client's region."""
        parameters: dict[str, Any] = {"Bucket": self.name}
        region = self.client.meta.region_name
        if region != "us-east-1":  # The API rejects the name of this one region.
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        self._call("create_bucket", f"Creating {self.name}", parameters)

    def check(self, subresource: Subresource) -> None:
        """Raise `Unsupported` if only Amazon's servers handle the subresource correctly."""
        if subresource.name in _AWS_ONLY and not self.is_on_aws:
            raise Unsupported(
                "only Amazon's servers handle it correctly. Others lack it or misbehave with it "
                f"(Ceph refuses the owner's uploads). Add --{subresource.name} to send it anyway."
            )

    def read(self, subresource: Subresource) -> Document | None:
        """Read a document; None if the bucket has none. Raises `Unsupported` and `Refused`."""
        from botocore.exceptions import ClientError

        try:
            answer = self._call(
                f"get_{subresource.operation}",
                f"Reading {subresource.title[0].lower()}{subresource.title[1:]}",
                {"Bucket": self.name},
            )
        except Refused as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and _is_absent(cause.response):
                if subresource.name == "website" and _is_seaweedfs(cause.response):
                    raise Unsupported(
                        "SeaweedFS serves no websites. Put nginx or a CDN in front of the bucket, "
                        'and set delivery="content".'
                    ) from error
                return None
            raise
        if subresource.name == "policy":
            policy: Document = json.loads(answer["Policy"])
            return policy
        answer.pop("ResponseMetadata", None)
        document: Document = answer.get(subresource.member, answer)
        return document or None

    def write(self, change: Change) -> None:
        """Write the new document of a change; raises `Unsupported` and `Refused`."""
        subresource, document = change.subresource, dict(change.after)
        parameters: dict[str, Any] = {"Bucket": self.name}
        if _is_empty(subresource, document):
            self._call(f"delete_{subresource.operation}", subresource.title, parameters)
            return
        if _MINIMUM_SIZE in document:
            parameters[_MINIMUM_SIZE] = document.pop(_MINIMUM_SIZE)
        parameters[subresource.member] = (
            json.dumps(document) if subresource.name == "policy" else document
        )
        self._call(f"put_{subresource.operation}", subresource.title, parameters)

    def compare(
        self, subresource: Subresource, wanted: Document, merge: Merge | None = None
    ) -> Change | None:
        """Return how the bucket differs from the wanted document; None if it does not.

        ``merge`` replaces the subresource's own. Raises `Unsupported` and `Refused`.
        """
        before = self.read(subresource)
        after = (merge or subresource.merge)(before, wanted, self.prefix)
        is_absent = before is None and _is_empty(subresource, after)
        if is_absent or normalize(before) == normalize(after):
            return None
        return Change(subresource, before, after, subresource.widened(before, after))

    def _call(self, operation: str, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**parameters)
        except ClientError as error:
            code = str(error.response["Error"].get("Code"))
            if code in _UNSUPPORTED:
                raise Unsupported(f"this server does not implement it ({code}).") from error
            raise Refused(f"{_failed(f'{action} was refused', error)}{_hint(code)}") from error
        except (BotoCoreError, RecursionError) as error:
            raise Refused(_failed(f"{action} failed", error)) from error
        return answer


def _is_empty(subresource: Subresource, document: Document) -> bool:
    """Return True for a policy without statements, which no server accepts."""
    return not (document.get("Statement") if subresource.name == "policy" else document)


def _failed(action: str, error: BaseException) -> str:
    return f"{action}: {describe(error)}. {explain(error)}".rstrip()


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
            " Use an access key that may change the bucket's settings; the app's own key may not. "
            "S3 also refuses a public policy as long as Block Public Access of the bucket or of "
            "the account forbids it."
        )
    return ""
