"""Job events from MediaConvert to the webhook: an EventBridge rule and an SNS topic.

Sources: AWS Elemental MediaConvert User Guide, "List of MediaConvert EventBridge events"; Amazon
EventBridge User Guide, "Using resource-based policies for Amazon EventBridge".
"""

from __future__ import annotations

import json
from typing import Any

from shift_media.aws.policies import VERSION, check_arn

RULE_NAME = "shift-media-mediaconvert"
TARGET_ID = "shift-media-topic"
TOPIC_EXAMPLE = "arn:aws:sns:eu-central-1:123456789012:shift-media"

STATES = ("PROGRESSING", "STATUS_UPDATE", "COMPLETE", "CANCELED", "ERROR")
"""The states whose events update a job's row; MediaConvert sends none for SUBMITTED."""

EVENT_SOURCE = "aws.mediaconvert"
"""Name of MediaConvert in the events of EventBridge."""

JOB_KEY = "shift_media_job"
"""Name of the user metadata in which every job carries the primary key of its row."""


def event_pattern() -> dict[str, Any]:
    """Build the pattern that matches events of our own jobs, and of no other jobs."""
    return {
        "source": [EVENT_SOURCE],
        "detail-type": ["MediaConvert Job State Change"],
        "detail": {"status": list(STATES), "userMetadata": {JOB_KEY: [{"exists": True}]}},
    }


def event_rule() -> dict[str, Any]:
    """Build the parameters of EventBridge's PutRule."""
    return {
        "Name": RULE_NAME,
        "Description": "Sends events of shift_media's jobs to its webhook by SNS.",
        "EventPattern": json.dumps(event_pattern()),
        "State": "ENABLED",
    }


def event_targets(topic_arn: str) -> dict[str, Any]:
    """Build the parameters of EventBridge's PutTargets: the topic receives the whole event.

    Raises `ValueError` for an ARN that is not of SNS.
    """
    arn = check_arn(topic_arn, "sns", TOPIC_EXAMPLE)
    return {"Rule": RULE_NAME, "Targets": [{"Id": TARGET_ID, "Arn": arn}]}


def topic_policy(topic_arn: str) -> dict[str, Any]:
    """Build the policy of the topic that lets EventBridge publish to it.

    It has no ``Condition``, because EventBridge passes SNS no values to compare, and a statement
    with a condition would never apply. That is safe, because the webhook takes a message only as
    a reason to read the job from MediaConvert.

    Raises `ValueError` for an ARN that is not of SNS.
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "ShiftMediaEvents",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": check_arn(topic_arn, "sns", TOPIC_EXAMPLE),
            }
        ],
    }
