"""A bucket with its website that is set up as it should be, and six ways to break it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from shift_media.aws.cors import cors_configuration
from shift_media.aws.policies import public_read_policy
from shift_media.aws.website import website_configuration

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True)
class Bucket:
    """A bucket, and where its website is to send what it has not."""

    client: S3Client
    name: str
    app_url: str

    def website(self, *statuses: str, code: str = "307") -> None:
        """Give it rules for these statuses, with a code that `media_bucket` may refuse."""
        document = website_configuration(self.app_url)
        rules = [
            {**rule, "Redirect": {**rule["Redirect"], "HttpRedirectCode": code}}
            for rule in document["RoutingRules"]
            if rule["Condition"]["HttpErrorCodeReturnedEquals"] in statuses
        ]
        document = {**document, "RoutingRules": rules}
        if not rules:
            del document["RoutingRules"]
        self.client.put_bucket_website(
            Bucket=self.name, WebsiteConfiguration=cast("Any", document)
        )

    def policy(self, *more: dict[str, Any]) -> None:
        """Let anybody read, and what more is said."""
        policy = public_read_policy(self.name)
        policy["Statement"] = [*policy["Statement"], *more]
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def heal(self) -> None:
        """Set it up as it should be."""
        self.website("404", "403")
        self.policy()
        rules = cors_configuration([self.app_url.removesuffix("/media/")])
        self.client.put_bucket_cors(Bucket=self.name, CORSConfiguration=rules)

    def keys(self) -> list[str]:
        """List it."""
        found = self.client.list_objects_v2(Bucket=self.name)
        return [item["Key"] for item in found.get("Contents", ())]


def no_rule(bucket: Bucket) -> None:
    """Leave out the website's rules."""
    bucket.website()


def permanent(bucket: Bucket) -> None:
    """Redirect with 301."""
    bucket.website("404", "403", code="301")


def no_rule_for_403(bucket: Bucket) -> None:
    """Redirect what is 404, which strangers never get."""
    bucket.website("404")


def listable(bucket: Bucket) -> None:
    """Let everybody list the bucket."""
    arn = f"arn:aws:s3:::{bucket.name}"
    action = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": arn}
    bucket.policy(action)


def writable(bucket: Bucket) -> None:
    """Let everybody write to the bucket."""
    arn = f"arn:aws:s3:::{bucket.name}/*"
    action = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": arn}
    bucket.policy(action)


def private(bucket: Bucket) -> None:
    """Let nobody read."""
    bucket.client.delete_bucket_policy(Bucket=bucket.name)


BROKEN: dict[str, tuple[Callable[[Bucket], None], str]] = {
    "no website rule": (no_rule, "missing-redirect"),
    "301 rule": (permanent, "redirect-code"),
    "no rule for 403": (no_rule_for_403, "missing-403"),
    "listable by everybody": (listable, "anonymous-listing"),
    "private bucket": (private, "public-read"),
}
"""What is broken, how, and the code of what the doctor finds. The sixth needs a CDN."""

CACHED = "cached redirect"
