"""A correctly configured bucket with a website, and ways to break it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from shift_media.aws.cors import cors_configuration
from shift_media.aws.policies import public_read_policy
from shift_media.aws.website import website_configuration
from shift_media.deletion.site_marker import MARKER_KEY

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True)
class WebsiteBucket:
    """A bucket whose website redirects missing keys to the app."""

    client: S3Client
    name: str
    app_url: str

    def website(self, *statuses: str, code: str = "307") -> None:
        """Set rules for these statuses, with a redirect code that `media_bucket` may refuse."""
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
        """Let everybody read, and add more statements."""
        policy = public_read_policy(self.name)
        policy["Statement"] = [*policy["Statement"], *more]
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def repair(self) -> None:
        """Configure it correctly."""
        self.website("404", "403")
        self.policy()
        rules = cors_configuration([self.app_url.removesuffix("/media/")])
        self.client.put_bucket_cors(Bucket=self.name, CORSConfiguration=rules)
        self.client.put_object(Bucket=self.name, Key=MARKER_KEY, Body=b"doctor")

    def keys(self) -> list[str]:
        """Return the keys of its objects, without the marker of the site."""
        found = self.client.list_objects_v2(Bucket=self.name)
        keys = [item["Key"] for item in found.get("Contents", ())]
        return [key for key in keys if key != MARKER_KEY]


def no_rule(bucket: WebsiteBucket) -> None:
    """Remove the website's rules."""
    bucket.website()


def permanent(bucket: WebsiteBucket) -> None:
    """Redirect with 301."""
    bucket.website("404", "403", code="301")


def no_rule_for_403(bucket: WebsiteBucket) -> None:
    """Redirect only on 404, which anonymous clients never get."""
    bucket.website("404")


def listable(bucket: WebsiteBucket) -> None:
    """Let everybody list the bucket."""
    arn = f"arn:aws:s3:::{bucket.name}"
    action = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": arn}
    bucket.policy(action)


def writable(bucket: WebsiteBucket) -> None:
    """Let everybody write to the bucket."""
    arn = f"arn:aws:s3:::{bucket.name}/*"
    action = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": arn}
    bucket.policy(action)


def private(bucket: WebsiteBucket) -> None:
    """Remove the policy, so that anonymous clients cannot read."""
    bucket.client.delete_bucket_policy(Bucket=bucket.name)


BROKEN: dict[str, tuple[Callable[[WebsiteBucket], None], str]] = {
    "no website rule": (no_rule, "missing-redirect"),
    "301 rule": (permanent, "redirect-code"),
    "no rule for 403": (no_rule_for_403, "missing-403"),
    "listable by everybody": (listable, "anonymous-listing"),
    "private bucket": (private, "public-read"),
}
"""Names of faults, how to cause them, and the codes that the doctor must report.

A sixth fault, a cached redirect, needs a CDN.
"""
