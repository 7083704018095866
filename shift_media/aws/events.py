"""From MediaConvert to the webhook: a rule of EventBridge, and the topic that it publishes to.

Source: AWS Elemental MediaConvert User Guide, "List of MediaConvert EventBridge events"; Amazon
EventBridge User Guide, "Using resource-based policies for Amazon EventBridge".
"""

from __future__ import annotations

import json
from typing import Any

from shift_media.aws.arns import check_arn
from shift_media.aws.policies import VERSION

RULE_NAME = "shift-media-mediaconvert"
TARGET_ID = "shift-media-topic"
TOPIC_EXAMPLE = "arn:aws:sns:eu-central-1:123456789012:shift-media"

STATES = ("PROGRESSING", "STATUS_UPDATE", "COMPLETE", "CANCELED", "ERROR")
"""What a job's row learns from; there is no event for SUBMITTED."""

EVENT_SOURCE = "aws.mediaconvert"
"""Name of MediaConvert in the events of EventBridge."""

JOB_KEY = "shift_media_job"
"""Name of the user metadata in which every job carries the primary key of its row."""


def event_pattern() -> dict[str, Any]:
    """Build the pattern that the events of our own jobs match, and those of others do not."""
    return {
        "source": [EVENT_SOURCE],
        "detail-type": ["MediaConvert Job State Change"],
        "detail": {"status": list(STATES), "userMetadata": {JOB_KEY: [{"exists": True}]}},
    }


def event_rule() -> dict[str, Any]:
    """Build the parameters of EventBridge's PutRule."""
    return {
        "Name": RULE_NAME,
        "Description": "Jobs of shift_media, told to its webhook by SNS.",
        "EventPattern": json.dumps(event_pattern()),
        "State": "ENABLED",
    }


def event_targets(topic_arn: str) -> dict[str, Any]:
    """Build the parameters of EventBridge's PutTargets: the whole event goes to the topic.

    Raises `ValueError` for what is no topic.
    """
    arn = check_arn(topic_arn, "sns", TOPIC_EXAMPLE)
    return {"Rule": RULE_NAME, "Targets": [{"Id": TARGET_ID, "Arn": arn}]}


def topic_policy(topic_arn: str) -> dict[str, Any]:
    """Build the policy of the topic that lets EventBridge publish to it.

    It has no ``Condition``: EventBridge gives SNS nothing to compare, so that a statement with one
    never allows. The webhook believes no message more than "look at this job".

    Raises `ValueError` for what is no topic.
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
