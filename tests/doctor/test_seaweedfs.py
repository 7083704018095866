"""The doctor on SeaweedFS, which lacks websites, and on a bucket that does not exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.conftest import Doctor, media_storage
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options

ONE_HOST = {"LOCK_DIR": None, "CACHE": None}


@pytest.mark.s3
def test_missing_features_of_seaweedfs_are_explained(
    seaweedfs: S3Server, live: str, doctor: Doctor
) -> None:
    bucket = new_bucket(seaweedfs)
    options = storage_options(seaweedfs, bucket)
    options["public_url"] = f"{seaweedfs.endpoint}/{bucket}/"
    with media_storage("S3MediaStorage", options, SHIFT_MEDIA=ONE_HOST):
        found = {one["code"]: one for one in doctor.findings("--site", live)}
    assert {code for code, one in found.items() if one["severity"] == "error"} == {
        "public-read",
        "missing-redirect",
    }
    assert "this server has no website rules" in found["missing-redirect"]["seen"]
    assert '"delivery": "content"' in found["missing-redirect"]["fix"]
    for code in ("storage-write", "conditional-put", "storage-list", "anonymous-listing"):
        assert found[code]["severity"] == "ok", found[code]
    assert client_of(seaweedfs).list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.s3
def test_missing_bucket_is_one_error(seaweedfs: S3Server, doctor: Doctor) -> None:
    options: dict[str, Any] = storage_options(seaweedfs, "missing-bucket")
    with media_storage("S3MediaStorage", options, SHIFT_MEDIA=ONE_HOST):
        found = {one["code"]: one for one in doctor.findings()}
    assert found["storage-write"]["severity"] == "error"
    assert found["storage-write"]["run"] == "python manage.py media_bucket create"
    assert found["public-read"]["severity"] == found["round-trip"]["severity"] == "skipped"
    assert "check-failed" not in found
