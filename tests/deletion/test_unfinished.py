"""``media_cleanup`` aborts uploads in parts that were never completed, and no others."""

from __future__ import annotations

import io
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shift_media.deletion.unfinished import abort_unfinished
from shift_media.management.commands.media_cleanup import Command
from shift_media.storages import default_media_storage
from shift_media.testing.steps import new_key
from tests.servers.sites import S3Site

pytestmark = [pytest.mark.django_db, pytest.mark.acceptance(77)]


def begin(storage: Any) -> tuple[str, str]:
    key = str(new_key("mp4"))
    return key, storage.multipart.begin(key, content_type="video/mp4")


def run(storage: Any, *, dry_run: bool = False) -> tuple[str, str]:
    """Run this part of the command, because listing all shards of a bucket takes long."""
    out, err = io.StringIO(), io.StringIO()
    command = Command(stdout=out, stderr=err, no_color=True)
    command._unfinished(storage, {"grace": 1, "dry_run": dry_run})
    return out.getvalue(), err.getvalue()


def test_upload_is_aborted_after_a_day_and_not_before(media_root: Path) -> None:
    storage: Any = default_media_storage
    old, young = begin(storage), begin(storage)
    before = time.time() - 25 * 3600
    os.utime(media_root / ".tmp" / old[1] / "key", (before, before))
    assert "1 would be aborted" in run(storage, dry_run=True)[0]
    assert len(list(storage.multipart.unfinished())) == 2
    assert "never completed: 1 aborted" in run(storage)[0]
    assert [one.upload_id for one in storage.multipart.unfinished()] == [young[1]]
    assert "never completed: 0 aborted" in run(storage)[0]


def test_uploads_in_a_bucket_are_aborted_but_not_those_of_others(s3_site: S3Site) -> None:
    storage = s3_site.storage
    begin(storage)
    s3_site.client.create_multipart_upload(Bucket=s3_site.bucket, Key="reports/2026.csv")
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert abort_unfinished(storage, later - timedelta(hours=1)) == 0
    assert abort_unfinished(storage, later, dry_run=True) == 1
    assert abort_unfinished(storage, later) == 1
    listed = s3_site.client.list_multipart_uploads(Bucket=s3_site.bucket)
    assert [one["Key"] for one in listed["Uploads"]] == ["reports/2026.csv"]


def test_bucket_that_does_not_list_uploads_is_said_and_no_error(
    s3_site: S3Site,
) -> None:
    s3_site.proxy.inject(method="GET", query="uploads", status=403, code="AccessDenied")
    out, err = run(s3_site.storage)
    assert "s3:ListBucketMultipartUploads" in err
    assert out == ""
