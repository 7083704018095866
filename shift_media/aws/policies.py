"""Access to the media: policies of the bucket, the app and MediaConvert, and bucket-wide blocks.

Sources: Amazon S3 User Guide, "Bucket policies", "Policies and permissions", "Blocking public
access to your Amazon S3 storage" and "Controlling ownership of objects and disabling ACLs for your
bucket"; Service Authorization Reference for the actions and the resources that they apply to; AWS
Elemental MediaConvert User Guide, "Setting up IAM permissions" and "Cross-service confused deputy
prevention".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from shift_media.aws.prefixes import camel_ending

VERSION = "2012-10-17"
"""The version of the policy language, which is a date."""

Access = Literal["public", "private"]
"""Everybody reads the bucket itself, or only one CloudFront distribution does."""

Readable = Literal["all", "derived", "nothing"]
"""All media are readable, or only what is derived (resizes and renditions, no originals), or none.

None are where the app answers for private files and presigns their URLs.
"""

PUBLIC_SID, CLOUDFRONT_SID = "ShiftMediaPublicRead", "ShiftMediaCloudFrontRead"
BUCKET_SIDS = (PUBLIC_SID, CLOUDFRONT_SID)
"""The ids of the statements in a bucket's policy that belong to shift_media.

With a prefix in a shared bucket an ending follows, because ids are unique in a policy.
"""

OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
"""The actions on objects that the storage uses. Parts of an upload need PutObject too."""

MEDIACONVERT_ACTIONS = tuple(
    f"mediaconvert:{name}"
    for name in ("CreateJob", "GetJob", "SearchJobs", "CancelJob", "TagResource")
)
ELASTIC_TRANSCODER_ACTIONS = tuple(
    f"elastictranscoder:{name}"
    for name in ("CreateJob", "ReadJob", "CancelJob", "ListJobsByPipeline", "ReadPipeline")
)
"""The actions of a service that AWS closed on 2025-11-13, for compatible endpoints."""

_ID = "????????/????/????/????/????????????"

RENDITIONS = "*/_*"
"""A pattern that matches the keys of renditions, and never an original or a resize."""

DERIVED = ("*upscale-*", RENDITIONS, f"{_ID}/*/*upscale-*", f"{_ID}/{RENDITIONS}")
"""Patterns that match resizes and renditions, and never an original (the grammar of keys).

The first two are enough for AWS. Ceph 16 ends a ``*`` at the first place where the next character
of the pattern fits and never backtracks, so it needs the last two as well.
"""

MEDIACONVERT_ROLE_NAME = "shift-media-mediaconvert"
MEDIACONVERT_POLICY_NAME = "shift-media"

PUBLIC_POLICY_BLOCKS = ("BlockPublicPolicy", "RestrictPublicBuckets")
"""The blocks that a public policy needs off: the first rejects it, the second ignores it."""

Policy = dict[str, Any]


# Amazon Resource Names


_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|\*|):(.+)")


class Arn(NamedTuple):
    """The parts of an Amazon Resource Name.

    ``partition`` is ``"aws"``, ``"aws-cn"`` (China) or ``"aws-us-gov"`` (US government).
    ``region`` is empty for services that have none. ``account`` has twelve digits.
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse_arn(arn: str) -> Arn:
    """Split an ARN into its parts; raises `ValueError` for anything else."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ValueError(f"{arn!r} is not an ARN.")
    return Arn(*match.groups())


def check_arn(arn: str, service: str, example: str) -> str:
    """Return ``arn`` if it names a resource of ``service``.

    Raises `ValueError` for anything else; its message shows ``example``.
    """
    match = _ARN.fullmatch(arn)
    if match is None or match[2] != service:
        raise ValueError(f"{arn!r} is not an ARN of {service}. Write one such as {example}")
    return arn


def bucket_arn(bucket: str, partition: str = "aws") -> str:
    """Return the ARN of a bucket in a partition of AWS."""
    return f"arn:{partition}:s3:::{bucket}"


# Who may read the bucket


def public_read_policy(
    bucket: str, readable: Readable = "all", partition: str = "aws", prefix: str = ""
) -> Policy:
    """Build the bucket policy that lets everybody read media, but not list the bucket.

    With ``readable="derived"`` the originals stay private. Wildcards in resources match slashes.
    """
    statement = {
        "Sid": f"{PUBLIC_SID}{camel_ending(prefix)}",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": _objects(bucket, readable, partition, prefix),
    }
    return _policy(statement)


def cloudfront_read_policy(
    bucket: str, distribution_arn: str, readable: Readable = "all", prefix: str = ""
) -> Policy:
    """Build the policy of a private bucket that one CloudFront distribution reads.

    The distribution may not list the bucket, so S3 answers 403 for a missing key. The origin group
    of the distribution fails over to the app on that status.

    Source: Amazon CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
    """
    statement = {
        "Sid": f"{CLOUDFRONT_SID}{camel_ending(prefix)}",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": _objects(bucket, readable, parse_arn(distribution_arn).partition, prefix),
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
    }
    return _policy(statement)


def public_access_block(access: Access) -> dict[str, bool]:
    """Build the ``PublicAccessBlockConfiguration``.

    New buckets block everything. A public bucket needs the blocks of *policies* off; those of ACLs
    stay on, because shift_media never sends an ACL.
    """
    acls = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
    return {**acls, **dict.fromkeys(PUBLIC_POLICY_BLOCKS, access == "private")}


def ownership_controls() -> dict[str, Any]:
    """Build the ``OwnershipControls`` that disable ACLs: the bucket's owner owns every object."""
    return {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


# What the app may do


def iam_policy(
    bucket: str,
    *,
    mediaconvert_role: str = "",
    topics: Sequence[str] = (),
    distribution_arn: str = "",
    elastic_transcoder: str = "",
    partition: str = "aws",
    prefix: str = "",
) -> Policy:
    """Build the policy of the user or role that the app itself runs as.

    Args:
        bucket: The app may read, write and delete its objects, and list it.
        mediaconvert_role: ARN of the role that the app passes to MediaConvert, where it
            transcodes there.
        topics: ARNs of the SNS topics whose subscriptions the webhook confirms.
        distribution_arn: ARN of the CloudFront distribution that the app invalidates.
        elastic_transcoder: ARN of a pipeline of Elastic Transcoder, where a compatible endpoint
            still runs its jobs.
        partition: ``"aws-cn"`` or ``"aws-us-gov"`` in those parts of AWS.
        prefix: What stands before every key, ``"shop/"``, where sites share the bucket: the app
            reads, writes and lists nothing else.
    """
    arn = bucket_arn(bucket, partition)
    statements = [
        _allow("ShiftMediaObjects", list(OBJECT_ACTIONS), f"{arn}/{prefix}*"),
        _allow_listing("ShiftMediaList", arn, prefix),
        # It knows no condition for a prefix. media_cleanup aborts only uploads below its own.
        _allow("ShiftMediaListUploads", "s3:ListBucketMultipartUploads", arn),
    ]
    if mediaconvert_role:
        statements += _mediaconvert_statements(mediaconvert_role)
    if elastic_transcoder:
        resources = _elastic_transcoder_resources(elastic_transcoder)
        statements.append(
            _allow("ShiftMediaElasticTranscoder", list(ELASTIC_TRANSCODER_ACTIONS), resources)
        )
    if topics:
        confirm = "sns:ConfirmSubscription"
        statements.append(_allow("ShiftMediaConfirm", confirm, list(topics)))
    if distribution_arn:
        invalidate = "cloudfront:CreateInvalidation"
        statements.append(_allow("ShiftMediaInvalidate", invalidate, distribution_arn))
    return _policy(*statements)


def _mediaconvert_statements(role: str) -> list[dict[str, Any]]:
    arn = parse_arn(role)
    jobs = f"arn:{arn.partition}:mediaconvert:*:{arn.account}:*"
    passing = {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}
    return [
        _allow("ShiftMediaTranscode", list(MEDIACONVERT_ACTIONS), jobs),
        {**_allow("ShiftMediaPassRole", "iam:PassRole", role), "Condition": passing},
    ]


def _elastic_transcoder_resources(pipeline: str) -> list[str]:
    service, _, _ = pipeline.partition(":pipeline/")
    return [pipeline, f"{service}:job/*", f"{service}:preset/*"]


# What MediaConvert may do


def mediaconvert_trust_policy(account: str = "") -> Policy:
    """Build the policy that lets MediaConvert assume its role.

    ``account`` (twelve digits) limits it to jobs of one AWS account. Without it, jobs of any
    account that knows the role's ARN may assume it.
    """
    statement: dict[str, Any] = {
        "Sid": "ShiftMediaMediaConvert",
        "Effect": "Allow",
        "Principal": {"Service": "mediaconvert.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return _policy(statement)


def mediaconvert_role_policy(bucket: str, partition: str = "aws", prefix: str = "") -> Policy:
    """Build the policy of MediaConvert's role: it reads all media and writes only renditions."""
    arn = bucket_arn(bucket, partition)
    look: list[dict[str, Any]] = [
        _allow("ShiftMediaLook", ["s3:GetBucketLocation", "s3:ListBucket"], arn)
    ]
    if prefix:
        look = [
            _allow("ShiftMediaLook", "s3:GetBucketLocation", arn),
            _allow_listing("ShiftMediaList", arn, prefix),
        ]
    return _policy(
        _allow("ShiftMediaRead", "s3:GetObject", f"{arn}/{prefix}*"),
        _allow("ShiftMediaWriteRenditions", "s3:PutObject", f"{arn}/{prefix}{RENDITIONS}"),
        *look,
    )


def _objects(bucket: str, readable: Readable, partition: str, prefix: str) -> list[str]:
    arn = bucket_arn(bucket, partition)
    return [f"{arn}/{prefix}{pattern}" for pattern in (("*",) if readable == "all" else DERIVED)]


def _allow(sid: str, action: str | list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}


def _allow_listing(sid: str, arn: str, prefix: str) -> dict[str, Any]:
    """Allow to list the keys with a prefix.

    Who may list the whole bucket gets 404 for a missing key, and all others 403: a request for
    one key names no prefix, so the condition does not hold for it.
    """
    statement = _allow(sid, "s3:ListBucket", arn)
    condition = {"Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}}}
    return {**statement, **(condition if prefix else {})}


def _policy(*statements: Mapping[str, Any]) -> Policy:
    return {"Version": VERSION, "Statement": list(statements)}
