"""What the documents need to know of a site, and the documents by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shift_media.aws import cloudfront, cors, events, lifecycle, policies, roles, website
from shift_media.aws.access import Access, ownership_controls, public_access_block
from shift_media.aws.arns import account_of, check_arn
from shift_media.aws.cloudfront import DistributionParts, Names
from shift_media.aws.policies import Readable

BUCKET, HOST = "your-bucket-name", "your-host-name.com"
"""What stands in documents for what is not known."""

_ROLE = f"arn:aws:iam::123456789012:role/{roles.ROLE_NAME}"
_DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
_PIPELINE = "arn:aws:elastictranscoder:eu-west-1:123456789012:pipeline/1111111111111-abcde1"

Reader = Literal["everybody", "cloudfront"]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BucketSetup:
    """A bucket, the app behind it, and what else of AWS the site uses.

    Raises `ValueError` for an ARN of another service than the one it is given for.

    Args:
        bucket: the media's bucket.
        region: where it lies.
        app_url: where ``shift_media.urls`` is included.
        redirect_code: status of the bucket's redirects.
        readable: ``"derived"`` where originals are private.
        reader: everybody reads the bucket itself, or one CloudFront distribution alone.
        distribution_arn: that distribution, or the one that forgets what is deleted.
        mediaconvert_role: ARN of the role that the app passes to MediaConvert.
        topics: ARNs of the SNS topics that the webhook hears.
        elastic_transcoder: ARN of a pipeline of Elastic Transcoder.
        upload_origins: the origins of pages that upload into the bucket directly.
        cloudfront_origin: CloudFront reads the bucket and asks the app, or the website endpoint.
        parts: the ids that CloudFront gave.
        names: host names of one's own at CloudFront.
    """

    bucket: str = BUCKET
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
    cloudfront_origin: Literal["bucket", "website"] = "bucket"
    parts: DistributionParts = field(default_factory=DistributionParts)
    names: Names = field(default_factory=Names)

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
                "A bucket that CloudFront alone reads needs the distribution: give its ARN, such "
                f"as {_DISTRIBUTION}"
            )

    @property
    def partition(self) -> str:
        """The part of AWS that the region lies in."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def access(self) -> Access:
        """Whether the bucket itself is read by everybody."""
        return "public" if self.reader == "everybody" else "private"


def iam_policy(setup: BucketSetup) -> Document:
    """Build the policy of the user that the app runs as."""
    return policies.iam_policy(
        setup.bucket,
        mediaconvert_role=setup.mediaconvert_role,
        topics=setup.topics,
        distribution_arn=setup.distribution_arn,
        elastic_transcoder=setup.elastic_transcoder,
        partition=setup.partition,
    )


def bucket_policy(setup: BucketSetup) -> Document:
    """Build the policy of the bucket."""
    if setup.reader == "cloudfront":
        arn = setup.distribution_arn
        return policies.cloudfront_read_policy(setup.bucket, arn, setup.readable)
    return policies.public_read_policy(setup.bucket, setup.readable, setup.partition)


def website_rules(setup: BucketSetup) -> Document:
    """Build the website configuration."""
    return website.website_configuration(setup.app_url, setup.redirect_code)


def cors_rules(setup: BucketSetup) -> Document:
    """Build the CORS rules."""
    return cors.cors_configuration(setup.upload_origins)


def lifecycle_rules(setup: BucketSetup) -> Document:
    """Build the lifecycle rules."""
    return lifecycle.lifecycle_configuration()


def block(setup: BucketSetup) -> Document:
    """Build the Block Public Access settings."""
    return dict(public_access_block(setup.access))


def ownership(setup: BucketSetup) -> Document:
    """Build the ownership settings."""
    return ownership_controls()


def cloudfront_documents(setup: BucketSetup) -> Document:
    """Build the four inputs of CloudFront's API, in the order in which they are sent."""
    bucket, region, parts, names = setup.bucket, setup.region, setup.parts, setup.names
    headers = cloudfront.response_headers_policy(bucket)
    if setup.cloudfront_origin == "website":
        return {
            "cache-policy": cloudfront.redirecting_policy(bucket),
            "response-headers-policy": headers,
            "distribution": cloudfront.website_distribution(bucket, region, parts, names),
        }
    return {
        "origin-access-control": cloudfront.origin_access_control(bucket),
        "cache-policy": cloudfront.caching_policy(bucket),
        "response-headers-policy": headers,
        "distribution": cloudfront.origin_group_distribution(
            bucket, region, setup.app_url, parts, names
        ),
    }


def mediaconvert_role(setup: BucketSetup) -> Document:
    """Build the two policies of MediaConvert's role."""
    role = setup.mediaconvert_role
    return {
        "trust": roles.trust_policy(account_of(role) if role else ""),
        "permissions": roles.role_policy(setup.bucket, setup.partition),
    }


def event_rule(setup: BucketSetup) -> Document:
    """Build the rule of EventBridge and its target."""
    return {"rule": events.event_rule(), "targets": events.event_targets(_topic(setup))}


def topic_policy(setup: BucketSetup) -> Document:
    """Build the policy of the topic."""
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
"""What ``media_bucket print`` knows. These names are fixed."""

IN_PARTS = ("cloudfront", "mediaconvert-role", "event-rule")
"""Those that are several documents, each under a name of its own."""

XML: dict[str, tuple[str, str, str]] = {
    "website": ("s3", "PutBucketWebsite", "WebsiteConfiguration"),
    "cors": ("s3", "PutBucketCors", "CORSConfiguration"),
    "lifecycle": ("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    "origin-access-control": ("cloudfront", "CreateOriginAccessControl", ""),
    "cache-policy": ("cloudfront", "CreateCachePolicy", ""),
    "response-headers-policy": ("cloudfront", "CreateResponseHeadersPolicy", ""),
    "distribution": ("cloudfront", "CreateDistribution", ""),
}
"""Those that an API takes as XML: service, operation, and the parameter that the document is."""
