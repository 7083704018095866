"""The role that MediaConvert takes on to read originals and to write renditions.

Source: AWS Elemental MediaConvert User Guide, "Setting up IAM permissions" and "Cross-service
confused deputy prevention".
"""

from __future__ import annotations

from typing import Any

from shift_media.aws.arns import bucket_arn
from shift_media.aws.policies import VERSION

ROLE_NAME = "shift-media-mediaconvert"
POLICY_NAME = "shift-media"

RENDITIONS = "*/_*"
"""The keys of renditions: originals and resizes never match (DESIGN, keys and URLs)."""


def trust_policy(account: str = "") -> dict[str, Any]:
    """Build the policy that says who may take the role on: MediaConvert, for one's own account.

    ``account`` has twelve digits; without it MediaConvert may do so for whoever knows the role.
    """
    statement: dict[str, Any] = {
        "Sid": "ShiftMediaMediaConvert",
        "Effect": "Allow",
        "Principal": {"Service": "mediaconvert.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return {"Version": VERSION, "Statement": [statement]}


def role_policy(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """Build the policy that says what the role may do: read all media, write renditions alone."""
    arn = bucket_arn(bucket, partition)
    look = ["s3:GetBucketLocation", "s3:ListBucket"]
    return {
        "Version": VERSION,
        "Statement": [
            _allow("ShiftMediaRead", "s3:GetObject", f"{arn}/*"),
            _allow("ShiftMediaWriteRenditions", "s3:PutObject", f"{arn}/{RENDITIONS}"),
            _allow("ShiftMediaLook", look, arn),
        ],
    }


def _allow(sid: str, action: str | list[str], resource: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
