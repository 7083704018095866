"""Policies of the app, MediaConvert's role and the topic, and the event rule."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from shift_media.aws.events import JOB_KEY, event_pattern, event_rule, event_targets, topic_policy
from shift_media.aws.policies import (
    ELASTIC_TRANSCODER_ACTIONS,
    MEDIACONVERT_ACTIONS,
    MEDIACONVERT_POLICY_NAME,
    MEDIACONVERT_ROLE_NAME,
    OBJECT_ACTIONS,
    iam_policy,
    mediaconvert_role_policy,
    mediaconvert_trust_policy,
)
from shift_media.core.keys import new_original_key
from shift_media.storages import LocalMediaStorage
from shift_media.transcoding.backends.aws_transcoder import user_metadata
from shift_media.transcoding.backends.mediaconvert import STATES
from shift_media.transcoding.base import Job
from shift_media.video.profiles import BUILT_IN, parse_profile
from tests.aws.validation import faults
from tests.parts import PACKAGE

ROLE = "arn:aws:iam::123456789012:role/shift-media-mediaconvert"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shift-media"
DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
PIPELINE = "arn:aws:elastictranscoder:eu-west-1:123456789012:pipeline/1111111111111-abcde1"

BUCKET_STATEMENTS = [
    {
        "Sid": "ShiftMediaObjects",
        "Effect": "Allow",
        "Action": [
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListMultipartUploadParts",
        ],
        "Resource": "arn:aws:s3:::b/*",
    },
    {
        "Sid": "ShiftMediaList",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::b",
    },
    {
        "Sid": "ShiftMediaListUploads",
        "Effect": "Allow",
        "Action": "s3:ListBucketMultipartUploads",
        "Resource": "arn:aws:s3:::b",
    },
]


def test_iam_policy_without_services_covers_only_the_bucket() -> None:
    policy = iam_policy("b")
    assert policy == {"Version": "2012-10-17", "Statement": BUCKET_STATEMENTS}
    assert "s3:*" not in json.dumps(policy)


def test_iam_policy_with_all_services_covers_what_they_need() -> None:
    policy = iam_policy(
        "b",
        mediaconvert_role=ROLE,
        topics=[TOPIC],
        distribution_arn=DISTRIBUTION,
        elastic_transcoder=PIPELINE,
    )
    assert policy["Statement"] == [
        *BUCKET_STATEMENTS,
        {
            "Sid": "ShiftMediaTranscode",
            "Effect": "Allow",
            "Action": [
                "mediaconvert:CreateJob",
                "mediaconvert:GetJob",
                "mediaconvert:SearchJobs",
                "mediaconvert:CancelJob",
                "mediaconvert:TagResource",
            ],
            "Resource": "arn:aws:mediaconvert:*:123456789012:*",
        },
        {
            "Sid": "ShiftMediaPassRole",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": ROLE,
            "Condition": {
                "StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"},
            },
        },
        {
            "Sid": "ShiftMediaElasticTranscoder",
            "Effect": "Allow",
            "Action": [
                "elastictranscoder:CreateJob",
                "elastictranscoder:ReadJob",
                "elastictranscoder:CancelJob",
                "elastictranscoder:ListJobsByPipeline",
                "elastictranscoder:ReadPipeline",
            ],
            "Resource": [
                PIPELINE,
                "arn:aws:elastictranscoder:eu-west-1:123456789012:job/*",
                "arn:aws:elastictranscoder:eu-west-1:123456789012:preset/*",
            ],
        },
        {
            "Sid": "ShiftMediaConfirm",
            "Effect": "Allow",
            "Action": "sns:ConfirmSubscription",
            "Resource": [TOPIC],
        },
        {
            "Sid": "ShiftMediaInvalidate",
            "Effect": "Allow",
            "Action": "cloudfront:CreateInvalidation",
            "Resource": DISTRIBUTION,
        },
    ]
    sent = {"UserName": "app", "PolicyName": "shift-media", "PolicyDocument": json.dumps(policy)}
    assert faults("iam", "PutUserPolicy", sent) == ""


# The action of each boto3 call (Service Authorization Reference); HEAD requests need GetObject.
NEEDED = {
    "head_object": {"s3:GetObject"},
    "get_object": {"s3:GetObject"},
    "generate_presigned_url": {"s3:GetObject"},
    "list_objects_v2": {"s3:ListBucket"},
    "list_parts": {"s3:ListMultipartUploadParts"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "delete_object": {"s3:DeleteObject"},
    "delete_objects": {"s3:DeleteObject"},
    "copy_object": {"s3:GetObject", "s3:PutObject"},
    "put_object": {"s3:PutObject"},
    "create_multipart_upload": {"s3:PutObject"},
    "upload_part": {"s3:PutObject"},
    "upload_part_copy": {"s3:GetObject", "s3:PutObject"},
    "complete_multipart_upload": {"s3:PutObject"},
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
}


def calls_of_clients(path: Path) -> set[str]:
    """Return the operations that a module calls on ``….client``, by a paginator too."""
    return {
        ast.literal_eval(node.args[0]) if node.func.attr == "get_paginator" else node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value).endswith("client")
    }


def test_iam_policy_allows_exactly_what_storage_calls() -> None:
    modules = (PACKAGE / "storages" / "s3").glob("*.py")
    called = set().union(
        *(calls_of_clients(path) for path in modules if path.stem != "cloudfront")
    )
    assert {"put_object", "delete_objects"} <= called
    needed = set().union(*(NEEDED[name] for name in called))
    assert needed == {*OBJECT_ACTIONS, "s3:ListBucket", "s3:ListBucketMultipartUploads"}


def operations_of(backend: str) -> set[str]:
    """Return the operations that a transcoder calls, by their names in IAM."""
    backends = PACKAGE / "transcoding" / "backends"
    text = (backends / "aws_client.py").read_text() + (
        backends / backend / "client.py"
    ).read_text()
    called = re.findall(r'\.(?:call|pages)\(\s*"([a-z_]+)"', text)
    called += re.findall(r'read_operation = "([a-z_]+)"', text)
    called += re.findall(r"\.client\.([a-z_]+)\(", text)
    return {"".join(part.capitalize() for part in name.split("_")) for name in called}


def test_iam_policy_allows_exactly_what_transcoders_call() -> None:
    mediaconvert = operations_of("mediaconvert") | {"TagResource"}  # CreateJob with tags needs it.
    assert {f"mediaconvert:{name}" for name in mediaconvert} == set(MEDIACONVERT_ACTIONS)
    elastic = operations_of("elastic_transcoder")
    assert {f"elastictranscoder:{name}" for name in elastic} == set(ELASTIC_TRANSCODER_ACTIONS)


def test_mediaconvert_role_reads_media_and_writes_renditions_for_one_account() -> None:
    assert mediaconvert_trust_policy("123456789012") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ShiftMediaMediaConvert",
                "Effect": "Allow",
                "Principal": {"Service": "mediaconvert.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            }
        ],
    }
    assert "Condition" not in mediaconvert_trust_policy()["Statement"][0]
    permissions = mediaconvert_role_policy("b")
    assert permissions["Statement"] == [
        {
            "Sid": "ShiftMediaRead",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*",
        },
        {
            "Sid": "ShiftMediaWriteRenditions",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::b/*/_*",
        },
        {
            "Sid": "ShiftMediaLook",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": "arn:aws:s3:::b",
        },
    ]
    trust = json.dumps(mediaconvert_trust_policy())
    role = {"RoleName": MEDIACONVERT_ROLE_NAME, "AssumeRolePolicyDocument": trust}
    assert faults("iam", "CreateRole", role) == ""
    named = {"RoleName": MEDIACONVERT_ROLE_NAME, "PolicyName": MEDIACONVERT_POLICY_NAME}
    sent = {**named, "PolicyDocument": json.dumps(permissions)}
    assert faults("iam", "PutRolePolicy", sent) == ""


def test_event_rule_sends_events_of_our_jobs_to_topic() -> None:
    assert event_pattern() == {
        "source": ["aws.mediaconvert"],
        "detail-type": ["MediaConvert Job State Change"],
        "detail": {
            "status": ["PROGRESSING", "STATUS_UPDATE", "COMPLETE", "CANCELED", "ERROR"],
            "userMetadata": {"shift_media_job": [{"exists": True}]},
        },
    }
    rule, targets = event_rule(), event_targets(TOPIC)
    assert json.loads(rule["EventPattern"]) == event_pattern()
    assert faults("events", "PutRule", rule) == ""
    assert faults("events", "PutTargets", targets) == ""
    assert targets == {
        "Rule": rule["Name"],
        "Targets": [{"Id": "shift-media-topic", "Arn": TOPIC}],
    }


def test_event_pattern_has_names_of_job_metadata() -> None:
    original = new_original_key("film", "mp4")
    job = Job(7, "0a1b2c3d", original, parse_profile("web", BUILT_IN["web"]), LocalMediaStorage())
    assert user_metadata(job)[JOB_KEY] == "7"
    ended = {"COMPLETE", "CANCELED", "ERROR"}
    assert set(STATES) & ended == ended < set(event_pattern()["detail"]["status"])


def test_topic_policy_lets_eventbridge_publish_without_condition() -> None:
    policy = topic_policy(TOPIC)
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ShiftMediaEvents",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": TOPIC,
            }
        ],
    }
    sent = {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": json.dumps(policy)}
    assert faults("sns", "SetTopicAttributes", sent) == ""


@pytest.mark.parametrize("arn", ["", "shift-media", "arn:aws:sqs:eu-west-1:123456789012:q"])
def test_arn_that_is_not_a_topic_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match=r"is not an ARN of sns\. Write one such as arn:aws:sns"):
        topic_policy(arn)
