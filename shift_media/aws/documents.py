"""Every document by its name, built from one description of the bucket and the site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shift_media.aws import cloudfront, cors, events, lifecycle, policies, website
from shift_media.aws.distributions import CloudFrontIds, CustomDomains
from shift_media.aws.policies import Access, Readable, check_arn, parse_arn
from shift_media.aws.prefixes import label

BUCKET, HOST = "your-bucket-name", "your-host-name.com"
"""Placeholders for a bucket and a host that are not known."""

_ROLE = f"arn:aws:iam::123456789012:role/{policies.MEDIACONVERT_ROLE_NAME}"
_DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
_PIPELINE = "arn:aws:elastictranscoder:eu-west-1:123456789012:pipeline/1111111111111-abcde1"

Reader = Literal["everybody", "cloudfront"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BucketSetup:
    """A bucket, the app behind it, and the services of AWS that the site uses.

    Raises `ValueError` for an ARN of another service than the one it is given for.

    Args:
        bucket: The media's bucket.
        prefix: What stands before every key in it, ``"shop/"``; ``""`` for a bucket of its own.
        region: The bucket's region.
        app_url: Where ``shift_media.urls`` is included.
        redirect_code: Status of the bucket's redirects, ``"307"`` or ``"302"``.
        readable: ``"derived"`` where originals are private, ``"nothing"`` where all files are.
        reader: ``"everybody"`` if clients read the bucket itself, ``"cloudfront"`` if only one
            distribution does.
        distribution_arn: That distribution, or the one that the app invalidates.
        mediaconvert_role: ARN of the role that the app passes to MediaConvert.
        topics: ARNs of the SNS topics that send messages to the webhook.
        elastic_transcoder: ARN of a pipeline of Elastic Transcoder.
        upload_origins: Origins of the pages that upload into the bucket directly.
        site_origins: Origins of the pages that play private videos; of others it is every page.
        noncurrent_days: Days until a deleted object's version is removed; 0 for never.
        cloudfront_origin: ``"bucket"`` if CloudFront reads the private bucket and fails over to
            the app, ``"website"`` if it reads the bucket's website endpoint.
        cloudfront_ids: Ids of existing resources of CloudFront.
        domains: Host names of the site's own at CloudFront.
    """

    bucket: str = BUCKET
    prefix: str = ""
    region: str = "us-east-1"
    app_url: str = f"https://{HOST}/media/"
    redirect_code: str = website.REDIRECT_CODES[0]
    readable: Readable = "all"
    reader: Reader = "everybody"
    distribution_arn: str = ""
    mediaconvert_role: str = ""
    topics: Sequence[str] = ()
    elastic_transcoder: str = ""
    upload_origins: Sequence[str] = ()
    site_origins: Sequence[str] = ()
    noncurrent_days: int = 0
    cloudfront_origin: Literal["bucket", "website"] = "bucket"
    cloudfront_ids: CloudFrontIds = field(default_factory=CloudFrontIds)
    domains: CustomDomains = field(default_factory=CustomDomains)

    def __post_init__(self) -> None:
        if self.distribution_arn:
            check_arn(self.distribution_arn, "cloudfront", _DISTRIBUTION)
        if self.mediaconvert_role:
            check_arn(self.mediaconvert_role, "iam", _ROLE)
        if self.elastic_transcoder:
            check_arn(self.elastic_transcoder, "elastictranscoder", _PIPELINE)
        for topic in self.topics:
            check_arn(topic, "sns", events.TOPIC_EXAMPLE)
        if self.reader == "cloudfront" and not self.distribution_arn:
            raise ValueError(
                "A bucket that only CloudFront reads needs the distribution. Give its ARN, such "
                f"as {_DISTRIBUTION}"
            )

    @property
    def partition(self) -> str:
        """The partition of AWS that the region is in."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def access(self) -> Access:
        """Return ``"public"`` if everybody reads the bucket itself."""
        is_public = self.reader == "everybody" and self.readable != "nothing"
        return "public" if is_public else "private"


def iam_policy(setup: BucketSetup) -> Document:
    """Build the policy of the user that the app runs as."""
    return policies.iam_policy(
        setup.bucket,
        mediaconvert_role=setup.mediaconvert_role,
        topics=setup.topics,
        distribution_arn=setup.distribution_arn,
        elastic_transcoder=setup.elastic_transcoder,
        partition=setup.partition,
        prefix=setup.prefix,
    )


def bucket_policy(setup: BucketSetup) -> Document:
    """Build the policy of the bucket, which has no statement where all files are private."""
    if setup.readable == "nothing":
        return {"Version": policies.VERSION, "Statement": []}
    if setup.reader == "cloudfront":
        arn = setup.distribution_arn
        return policies.cloudfront_read_policy(setup.bucket, arn, setup.readable, setup.prefix)
    return policies.public_read_policy(setup.bucket, setup.readable, setup.partition, setup.prefix)


def website_rules(setup: BucketSetup) -> Document:
    """Build the website configuration; raises `ValueError` where all files are private."""
    if setup.readable == "nothing":
        raise ValueError(
            "A private storage has no website rules: each URL leads to the app, which checks its "
            "signature. media_bucket apply removes those that the bucket has."
        )
    return website.website_configuration(setup.app_url, setup.redirect_code, setup.prefix)


def cors_rules(setup: BucketSetup) -> Document:
    """Build the CORS rules; raises `ValueError` without the origins of a private storage."""
    if setup.readable != "nothing":
        return cors.cors_configuration(setup.upload_origins, setup.prefix)
    origins = list(dict.fromkeys((*setup.site_origins, *setup.upload_origins)))
    if not origins:
        raise ValueError(
            "Private files may be read by pages of the site alone, whose origin is not known. Set "
            'SHIFT_MEDIA["SITE_URL"] = "https://www.example.com", or add --upload-origin. Without '
            "HLS and direct uploads, add --skip cors."
        )
    return cors.cors_configuration(setup.upload_origins, setup.prefix, origins)


def lifecycle_rules(setup: BucketSetup) -> Document:
    """Build the lifecycle rules."""
    return lifecycle.lifecycle_configuration(setup.noncurrent_days, setup.prefix)


def access_block(setup: BucketSetup) -> Document:
    """Build the Block Public Access settings."""
    return dict(policies.public_access_block(setup.access))


def ownership(setup: BucketSetup) -> Document:
    """Build the object ownership settings."""
    return policies.ownership_controls()


def cloudfront_documents(setup: BucketSetup) -> Document:
    """Build the inputs of CloudFront's API by name, in the order in which they are sent.

    Raises `ValueError` where all files are private, because these distributions publish them.
    """
    if setup.readable == "nothing":
        raise ValueError(
            "These documents are those of public files. The guide on CloudFront shows what a "
            "distribution of private files needs: trusted key groups, and no shared cache."
        )
    bucket, region = setup.bucket, setup.region
    ids, domains = setup.cloudfront_ids, setup.domains
    name = label(bucket, setup.prefix)
    headers = cloudfront.response_headers_policy(name)
    if setup.cloudfront_origin == "website":
        return {
            "cache-policy": cloudfront.redirecting_policy(name),
            "response-headers-policy": headers,
            "distribution": cloudfront.website_distribution(
                bucket, region, ids, domains, setup.prefix
            ),
        }
    return {
        "origin-access-control": cloudfront.origin_access_control(name),
        "cache-policy": cloudfront.caching_policy(name),
        "response-headers-policy": headers,
        "distribution": cloudfront.origin_group_distribution(
            bucket, region, setup.app_url, ids, domains, setup.prefix
        ),
    }


def mediaconvert_role(setup: BucketSetup) -> Document:
    """Build the two policies of MediaConvert's role."""
    role = setup.mediaconvert_role
    return {
        "trust": policies.mediaconvert_trust_policy(parse_arn(role).account if role else ""),
        "permissions": policies.mediaconvert_role_policy(
            setup.bucket, setup.partition, setup.prefix
        ),
    }


def event_rule(setup: BucketSetup) -> Document:
    """Build the EventBridge rule for job events, and its target."""
    return {"rule": events.event_rule(), "targets": events.event_targets(_topic(setup))}


def topic_policy(setup: BucketSetup) -> Document:
    """Build the policy of the SNS topic."""
    return events.topic_policy(_topic(setup))


def _topic(setup: BucketSetup) -> str:
    return setup.topics[0] if setup.topics else events.TOPIC_EXAMPLE


DOCUMENTS: dict[str, Callable[[BucketSetup], Document]] = {
    "iam-policy": iam_policy,
    "bucket-policy": bucket_policy,
    "website": website_rules,
    "cors": cors_rules,
    "lifecycle": lifecycle_rules,
    "cloudfront": cloudfront_documents,
    "mediaconvert-role": mediaconvert_role,
    "event-rule": event_rule,
    "topic-policy": topic_policy,
}
"""The documents that ``media_bucket print`` knows. These names are fixed."""

MULTIPLE = ("cloudfront", "mediaconvert-role", "event-rule")
"""The names that stand for several documents, each under a name of its own."""

XML: dict[str, tuple[str, str, str]] = {
    "website": ("s3", "PutBucketWebsite", "WebsiteConfiguration"),
    "cors": ("s3", "PutBucketCors", "CORSConfiguration"),
    "lifecycle": ("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    "origin-access-control": ("cloudfront", "CreateOriginAccessControl", ""),
    "cache-policy": ("cloudfront", "CreateCachePolicy", ""),
    "response-headers-policy": ("cloudfront", "CreateResponseHeadersPolicy", ""),
    "distribution": ("cloudfront", "CreateDistribution", ""),
}
"""The documents that AWS takes as XML: service, operation, and the parameter that holds it."""
