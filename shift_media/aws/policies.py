"""Policies of the bucket and of the app's own user: who may do what with the media.

Source: Amazon S3 User Guide, "Bucket policies" and "Policies and permissions"; Service
Authorization Reference for the actions and the resources that they are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from shift_media.aws.arns import account_of, bucket_arn, partition_of

VERSION = "2012-10-17"
"""The version of the policy language, which is its date."""

Readable = Literal["all", "derived"]

PUBLIC_SID, CLOUDFRONT_SID = "ShiftMediaPublicRead", "ShiftMediaCloudFrontRead"
BUCKET_SIDS = (PUBLIC_SID, CLOUDFRONT_SID)
"""The statements of a bucket's policy that are ours."""

OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)
"""What the storage does with objects; parts of an upload are written with PutObject."""

MEDIACONVERT_ACTIONS = tuple(
    f"mediaconvert:{name}"
    for name in ("CreateJob", "GetJob", "SearchJobs", "CancelJob", "TagResource")
)
ELASTIC_TRANSCODER_ACTIONS = tuple(
    f"elastictranscoder:{name}"
    for name in ("CreateJob", "ReadJob", "CancelJob", "ListJobsByPipeline", "ReadPipeline")
)
"""The actions of a service that AWS closed on 2025-11-13, for endpoints that still speak it."""

_ID = "????????/????/????/????/????????????"

DERIVED = ("*upscale-*", "*/_*", f"{_ID}/*/*upscale-*", f"{_ID}/*/_*")
"""Patterns that resizes and renditions match, and originals by their grammar never do.

The first two say all to AWS. Ceph 16 ends a ``*`` at the first place where the next character
fits, and never tries another: the last two hold there too.
"""

Policy = dict[str, Any]


def public_read_policy(bucket: str, readable: Readable = "all", partition: str = "aws") -> Policy:
    """Build the bucket policy that lets anybody read media, and nobody list them.

    ``readable="derived"`` leaves the originals private: resizes and renditions alone are public.
    Wildcards in resources may match slashes.
    """
    statement = {
        "Sid": PUBLIC_SID,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": _objects(bucket, readable, partition),
    }
    return _policy(statement)


def cloudfront_read_policy(
    bucket: str, distribution_arn: str, readable: Readable = "all"
) -> Policy:
    """Build the policy of a private bucket that one CloudFront distribution reads.

    Nobody lists, so that S3 says 403 of a missing key, which the origin group fails over on.

    Source: Amazon CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
    """
    statement = {
        "Sid": CLOUDFRONT_SID,
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": _objects(bucket, readable, partition_of(distribution_arn)),
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
    }
    return _policy(statement)


def iam_policy(
    bucket: str,
    *,
    mediaconvert_role: str = "",
    topics: Sequence[str] = (),
    distribution_arn: str = "",
    elastic_transcoder: str = "",
    partition: str = "aws",
) -> Policy:
    """Build the policy of the user or role that the app itself runs as.

    Args:
        bucket: its objects may be read, written and deleted, and it may be listed.
        mediaconvert_role: ARN of the role that the app passes to MediaConvert, where it has
            videos made there.
        topics: ARNs of the SNS topics whose subscriptions the webhook confirms.
        distribution_arn: a CloudFront distribution that forgets what is deleted.
        elastic_transcoder: ARN of a pipeline of Elastic Transcoder, where something still
            speaks that service's language.
        partition: ``"aws-cn"`` or ``"aws-us-gov"`` in those parts of AWS.
    """
    arn = bucket_arn(bucket, partition)
    statements = [
        _allow("ShiftMediaObjects", list(OBJECT_ACTIONS), f"{arn}/*"),
        # With it S3 says 404 of a missing key, where it would say 403.
        _allow("ShiftMediaList", "s3:ListBucket", arn),
    ]
    if mediaconvert_role:
        statements += _mediaconvert(mediaconvert_role)
    if elastic_transcoder:
        resource = _elastic_transcoder(elastic_transcoder)
        statements.append(
            _allow("ShiftMediaElasticTranscoder", list(ELASTIC_TRANSCODER_ACTIONS), resource)
        )
    if topics:
        confirm = "sns:ConfirmSubscription"
        statements.append(_allow("ShiftMediaConfirm", confirm, list(topics)))
    if distribution_arn:
        invalidate = "cloudfront:CreateInvalidation"
        statements.append(_allow("ShiftMediaInvalidate", invalidate, distribution_arn))
    return _policy(*statements)


def _mediaconvert(role: str) -> list[dict[str, Any]]:
    jobs = f"arn:{partition_of(role)}:mediaconvert:*:{account_of(role)}:*"
    passing = {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}
    return [
        _allow("ShiftMediaTranscode", list(MEDIACONVERT_ACTIONS), jobs),
        {**_allow("ShiftMediaPassRole", "iam:PassRole", role), "Condition": passing},
    ]


def _elastic_transcoder(pipeline: str) -> list[str]:
    service, _, _ = pipeline.partition(":pipeline/")
    return [pipeline, f"{service}:job/*", f"{service}:preset/*"]


def _objects(bucket: str, readable: Readable, partition: str) -> list[str]:
    arn = bucket_arn(bucket, partition)
    return [f"{arn}/{pattern}" for pattern in (("*",) if readable == "all" else DERIVED)]


def _allow(sid: str, action: str | list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}


def _policy(*statements: Mapping[str, Any]) -> Policy:
    return {"Version": VERSION, "Statement": list(statements)}
