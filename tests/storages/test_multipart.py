"""Uploads in parts, beyond the contract: on the disk, and on two S3 servers."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shift_media.storages import LocalMediaStorage, MediaStorage, S3MediaStorage
from shift_media.storages.multipart import (
    DifferingPart,
    MultipartUploads,
    NoSuchUpload,
    StoredPart,
)
from shift_media.testing.contract.multipart import send_part
from shift_media.testing.steps import fetch_bytes, new_key, put_bytes
from tests.servers.fixtures import new_bucket, storage_options

LAST = b"the end"


@pytest.fixture(
    scope="module",
    params=[
        "local",
        pytest.param("seaweedfs", marks=pytest.mark.s3),
        pytest.param("rgw", marks=pytest.mark.rgw),
    ],
)
def storage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MediaStorage:
    """Return a storage of each kind."""
    if request.param == "local":
        folder = tmp_path_factory.mktemp("media")
        return LocalMediaStorage(location=folder, base_url="/media/")
    server = request.getfixturevalue(request.param)
    return S3MediaStorage(**storage_options(server, new_bucket(server)))


@pytest.fixture
def multipart(storage: MediaStorage) -> MultipartUploads:
    found = storage.multipart
    assert found is not None
    return found


@pytest.fixture
def key() -> str:
    return str(new_key("mp4"))


def test_part_that_is_sent_again_replaces_the_first(
    storage: MediaStorage, multipart: MultipartUploads, key: str, request: pytest.FixtureRequest
) -> None:
    begun = multipart.begin(key, content_type="video/mp4")
    for content in (b"first", LAST):
        assert send_part(multipart, key, begun, 1, content)
    assert multipart.complete(key, begun, multipart.parts(key, begun))
    # SeaweedFS keeps both, and takes either if they came in the same second.
    whole = [LAST, b"first"] if "seaweedfs" in request.node.name else [LAST]
    assert fetch_bytes(storage, key) in whole


def test_unfinished_uploads_are_listed_with_their_age(
    multipart: MultipartUploads, key: str
) -> None:
    begun = multipart.begin(key, content_type="video/mp4")
    send_part(multipart, key, begun, 1, LAST)
    found = {one.upload_id: one for one in multipart.unfinished()}
    assert found[begun].key == key
    assert abs(datetime.now(UTC) - found[begun].begun) < timedelta(minutes=5)
    multipart.abort(key, begun)
    assert begun not in {one.upload_id for one in multipart.unfinished()}


def test_upload_of_another_key_is_not_there(multipart: MultipartUploads, key: str) -> None:
    begun = multipart.begin(key, content_type="video/mp4")
    with pytest.raises(NoSuchUpload):
        multipart.parts(str(new_key("mp4")), begun)
    for wrong in ("x" * 32, "../../etc", ""):
        if isinstance(multipart, type(LocalMediaStorage(location="/").multipart)):
            with pytest.raises(NoSuchUpload):
                multipart.parts(key, wrong)
    multipart.abort(key, begun)


def test_app_may_send_a_part_itself(
    storage: MediaStorage, multipart: MultipartUploads, key: str
) -> None:
    begun = multipart.begin(key, content_type="video/mp4")
    facts: dict[str, Any] = {"size": 3, "md5": "rL0Y20zC+Fzt72VPzMSk2A=="}  # of "foo"
    for content in (b"bar", b"fo", b"foo!"):
        with pytest.raises(DifferingPart):
            multipart.put_part(key, begun, 1, io.BytesIO(content), **facts)
    multipart.put_part(key, begun, 1, io.BytesIO(b"foo"), **facts)
    assert multipart.complete(key, begun, multipart.parts(key, begun))
    assert fetch_bytes(storage, key) == b"foo"


def test_taken_key_stays_as_it_is(
    storage: MediaStorage, multipart: MultipartUploads, key: str
) -> None:
    begun = multipart.begin(key, content_type="video/mp4")
    send_part(multipart, key, begun, 1, LAST)
    put_bytes(storage, key, b"taken")
    assert not multipart.complete(key, begun, multipart.parts(key, begun))
    assert fetch_bytes(storage, key) == b"taken"
    multipart.abort(key, begun)


def test_sweep_of_temporary_files_leaves_parts_alone(tmp_path: Path, key: str) -> None:
    storage = LocalMediaStorage(location=tmp_path, base_url="/media/")
    begun = storage.multipart.begin(key, content_type="video/mp4")
    send_part(storage.multipart, key, begun, 1, LAST)
    assert storage.sweep_temporary(timedelta(seconds=-60)) == 0
    assert storage.multipart.parts(key, begun) == {1: StoredPart(len(LAST))}
