"""Messages in the format of the services."""

from __future__ import annotations

from typing import Any


def mediaconvert(external_id: str, status: str = "COMPLETE", **metadata: str) -> dict[str, Any]:
    """Build the event that EventBridge publishes for a job of MediaConvert."""
    return {
        "version": "0",
        "id": "1111-2222",
        "detail-type": "MediaConvert Job State Change",
        "source": "aws.mediaconvert",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [f"arn:aws:mediaconvert:eu-west-1:123456789012:jobs/{external_id}"],
        "detail": {
            "timestamp": 1767225600000,
            "accountId": "123456789012",
            "queue": "arn:aws:mediaconvert:eu-west-1:123456789012:queues/Default",
            "jobId": external_id,
            "status": status,
            "userMetadata": metadata,
            "outputGroupDetails": [{"outputDetails": [{"outputFilePaths": ["s3://b/a.mp4"]}]}],
        },
    }


def elastic(external_id: str, state: str = "COMPLETED", **metadata: str) -> dict[str, Any]:
    """Build a message that Elastic Transcoder publishes."""
    return {
        "state": state,
        "version": "2012-09-25",
        "jobId": external_id,
        "pipelineId": "1111111111111-abcde1",
        "input": {"key": "a/a.mp4"},
        "outputKeyPrefix": "a/",
        "outputs": [{"id": "1", "presetId": "1351620000001-000010", "status": "Complete"}],
        "playlists": [],
        "userMetadata": metadata,
    }
