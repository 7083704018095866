"""The S3 storage on a failing server: a real one behind a proxy that injects faults."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from shift_media.core.errors import (
    MediaError,
    NotStored,
    SourceTruncated,
    StorageBusy,
    StorageError,
)
from shift_media.storages import S3MediaStorage
from shift_media.storages.s3 import upload
from shift_media.storages.s3.client import ATTEMPTS
from shift_media.storages.streams import Source
from shift_media.testing.contents import pattern
from shift_media.testing.steps import JPEG, fetch_bytes, list_keys, new_key, put_bytes
from testproject.servers.processes import free_ports
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, storage_options
from tests.servers.seaweedfs import SeaweedFS

pytestmark = pytest.mark.s3

ONCE = Config(retries={"total_max_attempts": 1})
TWICE = Config(retries={"total_max_attempts": 2}, read_timeout=5)
IMPATIENT = Config(retries={"total_max_attempts": 1}, read_timeout=1)
CONTENT = pattern(0, 300_000)


@pytest.fixture(scope="module")
def storage(seaweedfs: SeaweedFS, bucket: str, fault_proxy: FaultProxy) -> S3MediaStorage:
    """Return a storage behind the proxy that sends each request once."""
    options = storage_options(seaweedfs, bucket, fault_proxy.endpoint)
    return S3MediaStorage(**options, client_config=ONCE)


@pytest.fixture(scope="module")
def patient(seaweedfs: SeaweedFS, bucket: str, fault_proxy: FaultProxy) -> S3MediaStorage:
    """Return a storage that sends a failed request a second time."""
    options = storage_options(seaweedfs, bucket, fault_proxy.endpoint)
    return S3MediaStorage(**options, client_config=TWICE)


@pytest.fixture(scope="module")
def impatient(seaweedfs: SeaweedFS, bucket: str, fault_proxy: FaultProxy) -> S3MediaStorage:
    """Return a storage with a short timeout, for requests that are never answered."""
    options = storage_options(seaweedfs, bucket, fault_proxy.endpoint)
    return S3MediaStorage(**options, client_config=IMPATIENT)


@pytest.fixture
def key(storage: S3MediaStorage, faults: FaultProxy) -> str:
    """Store an object."""
    key = str(new_key())
    assert put_bytes(storage, key, CONTENT)
    faults.clear()
    return key


@pytest.fixture
def free() -> str:
    return str(new_key())


def drain(source: Source, amount: int) -> None:
    """Read to the end in parts."""
    while source.read(amount):
        pass


# Reading


@pytest.mark.acceptance(18)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 404, "code": "NoSuchKey"}, NotStored),
        ({"status": 404, "code": "NoSuchBucket"}, StorageError),
        ({"status": 403, "code": "AccessDenied"}, NotStored),
        ({"status": 403, "code": "SignatureDoesNotMatch"}, StorageError),
        ({"status": 403, "code": "InvalidAccessKeyId"}, StorageError),
        ({"status": 500, "code": "InternalError"}, StorageError),
        ({"status": 503, "code": "SlowDown"}, StorageBusy),
        ({"status": 503, "body": b"<html>not S3</html>"}, StorageBusy),
        ({"status": 429, "code": "TooManyRequests"}, StorageBusy),
        ({"status": 200, "body": b"", "hang": True}, StorageError),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_failing_fetch_raises_error_of_its_cause(
    storage: S3MediaStorage,
    impatient: S3MediaStorage,
    faults: FaultProxy,
    key: str,
    fault: dict[str, Any],
    error: type[MediaError],
) -> None:
    faults.inject(method="GET", **fault)
    with pytest.raises(error) as raised:
        (impatient if "hang" in fault else storage).fetch(key)
    assert raised.value.code == error.code
    assert storage.access_key not in str(raised.value)
    assert key not in raised.value.public
    faults.clear()
    assert fetch_bytes(storage, key) == CONTENT


@pytest.mark.acceptance(18)
def test_denied_read_is_logged(
    storage: S3MediaStorage, faults: FaultProxy, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    faults.inject(method="GET", status=403, code="AccessDenied")
    with caplog.at_level(logging.WARNING, "shift_media.storages"), pytest.raises(NotStored):
        storage.fetch(key)
    assert "s3:GetObject" in caplog.text


@pytest.mark.acceptance(18)
@pytest.mark.parametrize("bytes_sent", [0, 1, 299_999])
def test_truncated_body_raises_source_truncated(
    storage: S3MediaStorage, faults: FaultProxy, key: str, bytes_sent: int
) -> None:
    faults.inject(method="GET", cut=bytes_sent)
    for amount in (-1, 70_000, 300_000):
        with storage.fetch(key) as source, pytest.raises(SourceTruncated):
            drain(source, amount)


@pytest.mark.acceptance(18)
@pytest.mark.parametrize("fault", [{"corrupt": True}, {"shorten": 1000}], ids=str)
@pytest.mark.parametrize("amount", [-1, 70_000, 299_000, 300_000])
def test_changed_bytes_raise_storage_error(
    storage: S3MediaStorage, faults: FaultProxy, key: str, fault: dict[str, Any], amount: int
) -> None:
    faults.inject(method="GET", **fault)
    with storage.fetch(key) as source, pytest.raises(StorageError, match="SHA-256"):
        drain(source, amount)


@pytest.mark.acceptance(18)
def test_stalled_body_raises_storage_error(
    seaweedfs: SeaweedFS, bucket: str, faults: FaultProxy, key: str
) -> None:
    options = storage_options(seaweedfs, bucket, faults.endpoint)
    storage = S3MediaStorage(**options, client_config=Config(read_timeout=5))
    faults.inject(method="GET", cut=1000, hang=True)
    with storage.fetch(key) as source, pytest.raises(StorageError, match="timeout"):
        source.read()


@pytest.mark.acceptance(18)
def test_unreachable_server_raises_storage_error(seaweedfs: SeaweedFS, bucket: str) -> None:
    options = storage_options(seaweedfs, bucket, f"http://127.0.0.1:{free_ports(1)[0]}")
    down = S3MediaStorage(**options, client_config=IMPATIENT)
    for call in (down.fetch, down.stat, down.delete, lambda key: put_bytes(down, key, b"x")):
        with pytest.raises(StorageError):
            call(str(new_key()))


@pytest.mark.acceptance(18)
def test_open_of_truncated_body_raises_and_leaves_no_temporary_file(
    storage: S3MediaStorage, faults: FaultProxy, key: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    faults.inject(method="GET", cut=1000)
    with pytest.raises(SourceTruncated):
        storage.open(key)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.acceptance(18)
@pytest.mark.parametrize("status", [403, 404])
def test_refused_head_counts_as_missing(
    storage: S3MediaStorage, faults: FaultProxy, key: str, status: int
) -> None:
    faults.inject(method="HEAD", status=status)
    assert storage.stat(key) is None
    assert storage.exists(key) is False


@pytest.mark.parametrize(("status", "error"), [(500, StorageError), (503, StorageBusy)])
def test_failing_head_raises_storage_error(
    storage: S3MediaStorage, faults: FaultProxy, key: str, status: int, error: type[MediaError]
) -> None:
    faults.inject(method="HEAD", status=status)
    with pytest.raises(MediaError) as raised:
        storage.stat(key)
    assert raised.value.code == error.code


def test_failed_request_is_retried_by_default(
    seaweedfs: SeaweedFS, bucket: str, faults: FaultProxy, key: str
) -> None:
    storage = S3MediaStorage(**storage_options(seaweedfs, bucket, faults.endpoint))
    faults.inject(method="HEAD", status=500, times=ATTEMPTS - 1)
    assert storage.exists(key)
    assert faults.methods() == ["HEAD"] * ATTEMPTS


# Writing


@pytest.mark.acceptance(19)
def test_put_to_taken_key_costs_one_request(
    storage: S3MediaStorage, faults: FaultProxy, key: str
) -> None:
    assert put_bytes(storage, key, CONTENT) is False, "these bytes were stored before this call"
    assert faults.methods() == ["PUT"]


@pytest.mark.acceptance(19)
@pytest.mark.parametrize(
    "fault",
    [
        {"hang": True},
        {"status": 500, "code": "InternalError"},
        {"status": 503, "code": "SlowDown"},
    ],
    ids=["timeout", "500", "503"],
)
def test_put_whose_response_was_lost_returns_true(
    patient: S3MediaStorage, faults: FaultProxy, free: str, fault: dict[str, Any]
) -> None:
    faults.inject(method="PUT", forward=True, times=1, **fault)
    assert put_bytes(patient, free, CONTENT) is True
    assert faults.methods() == ["PUT", "PUT", "HEAD"]
    assert fetch_bytes(patient, free) == CONTENT


@pytest.mark.acceptance(19)
def test_repeated_put_to_key_of_another_writer_returns_false(
    patient: S3MediaStorage, faults: FaultProxy, key: str
) -> None:
    faults.inject(method="PUT", status=500, code="InternalError", times=1)
    assert put_bytes(patient, key, b"other bytes") is False
    assert faults.methods() == ["PUT", "PUT", "HEAD"]
    assert fetch_bytes(patient, key) == CONTENT


@pytest.mark.acceptance(19)
def test_conflict_is_retried(storage: S3MediaStorage, faults: FaultProxy, free: str) -> None:
    faults.inject(method="PUT", status=409, code="ConditionalRequestConflict", times=2)
    assert put_bytes(storage, free, CONTENT) is True
    assert faults.methods() == ["PUT"] * 3
    assert fetch_bytes(storage, free) == CONTENT


@pytest.mark.acceptance(19)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 409, "code": "ConditionalRequestConflict"}, StorageBusy),
        ({"status": 500, "code": "InternalError"}, StorageError),
        ({"status": 503, "code": "SlowDown"}, StorageBusy),
        ({"status": 403, "code": "AccessDenied"}, StorageError),
        ({"status": 404, "code": "NoSuchBucket"}, StorageError),
        ({"status": 400, "code": "EntityTooLarge"}, StorageError),
        ({"hang": True}, StorageError),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_failing_put_raises_and_leaves_nothing(
    storage: S3MediaStorage,
    impatient: S3MediaStorage,
    faults: FaultProxy,
    free: str,
    fault: dict[str, Any],
    error: type[MediaError],
) -> None:
    faults.inject(method="PUT", **fault)
    with pytest.raises(error):
        put_bytes(impatient if "hang" in fault else storage, free, CONTENT)
    faults.clear()
    assert storage.stat(free) is None


@pytest.mark.acceptance(19)
def test_put_with_wrong_sha256_raises_and_stores_nothing(
    storage: S3MediaStorage, free: str
) -> None:
    with pytest.raises(StorageError, match="BadDigest"):
        storage.put(free, io.BytesIO(b"x"), content_type=JPEG, sha256="00" * 32)
    assert storage.stat(free) is None


@pytest.mark.acceptance(13)
def test_lost_put_returns_true_and_stores_nothing(
    storage: S3MediaStorage, faults: FaultProxy, free: str
) -> None:
    faults.inject(method="PUT", lose=True)
    assert put_bytes(storage, free, CONTENT) is True
    assert storage.stat(free) is None


# Writing in parts


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a content that is sent in three parts."""
    monkeypatch.setattr(upload, "MAX_SINGLE_PUT", 6_000_000)
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    return pattern(3, 12_000_000)


def left_uploads(server: SeaweedFS, bucket: str, key: str) -> list[str]:
    listed = client_of(server).list_multipart_uploads(Bucket=bucket, Prefix=key)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


@pytest.mark.acceptance(19)
def test_large_upload_is_sent_in_parts_and_stored_once(
    storage: S3MediaStorage,
    faults: FaultProxy,
    seaweedfs: SeaweedFS,
    bucket: str,
    free: str,
    parts: bytes,
) -> None:
    assert put_bytes(storage, free, parts) is True
    assert faults.methods() == ["POST", "PUT", "PUT", "PUT", "HEAD", "POST"]
    assert fetch_bytes(storage, free) == parts
    head = client_of(seaweedfs).head_object(Bucket=bucket, Key=free)
    assert (head["ContentType"], head["CacheControl"]) == (
        JPEG,
        "public, max-age=31536000, immutable",
    )
    assert put_bytes(storage, free, parts[:-1]) is False
    assert fetch_bytes(storage, free) == parts
    assert left_uploads(seaweedfs, bucket, free) == []


@pytest.mark.acceptance(19)
def test_late_completion_overwrites_nothing(
    storage: S3MediaStorage,
    faults: FaultProxy,
    seaweedfs: SeaweedFS,
    bucket: str,
    key: str,
    parts: bytes,
) -> None:
    # The other writer comes between the HEAD and the completion.
    faults.inject(method="HEAD", status=404)
    assert put_bytes(storage, key, parts) is False
    assert faults.methods()[-2:] == ["POST", "DELETE"]
    assert fetch_bytes(storage, key) == CONTENT
    assert left_uploads(seaweedfs, bucket, key) == []


@pytest.mark.acceptance(19)
def test_completion_whose_response_was_lost_returns_true(
    patient: S3MediaStorage, faults: FaultProxy, free: str, parts: bytes
) -> None:
    faults.inject(method="POST", query="uploadId", forward=True, hang=True, times=1)
    assert put_bytes(patient, free, parts) is True
    assert fetch_bytes(patient, free) == parts


@pytest.mark.acceptance(19)
@pytest.mark.parametrize(
    "fault",
    [
        {"method": "PUT", "query": "partNumber=2", "status": 500, "code": "InternalError"},
        {"method": "POST", "query": "uploadId", "status": 400, "code": "InvalidPart"},
    ],
    ids=["part", "completion"],
)
def test_failing_multipart_upload_leaves_nothing(
    storage: S3MediaStorage,
    faults: FaultProxy,
    seaweedfs: SeaweedFS,
    bucket: str,
    free: str,
    parts: bytes,
    fault: dict[str, Any],
) -> None:
    faults.inject(**fault)
    with pytest.raises(StorageError):
        put_bytes(storage, free, parts)
    faults.clear()
    assert storage.stat(free) is None
    assert left_uploads(seaweedfs, bucket, free) == []


@pytest.mark.parametrize("size", [100_000, 12_000_000])
def test_error_of_content_during_upload_is_raised_unchanged(
    storage: S3MediaStorage, free: str, parts: bytes, size: int
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 60_000:
                raise ConnectionResetError("the client left")
            return super().read(min(size or 0, 60_000))

    with pytest.raises(ConnectionResetError, match="the client left"):
        storage.put(free, Failing(bytes(size)), content_type=JPEG, sha256="00" * 32)
    assert storage.stat(free) is None


# Deleting and listing


@pytest.mark.acceptance(42)
@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", StorageError), ("SlowDown", StorageBusy)]
)
def test_key_refused_by_batch_deletion_raises(
    storage: S3MediaStorage, faults: FaultProxy, key: str, code: str, error: type[MediaError]
) -> None:
    refused = f"<DeleteResult><Error><Key>{key}</Key><Code>{code}</Code></Error></DeleteResult>"
    faults.inject(method="POST", status=200, body=refused.encode())
    prefix = key.rpartition("/")[0] + "/"
    with pytest.raises(error, match=code):
        storage.delete_prefix(prefix)
    faults.clear()
    assert storage.delete_prefix(prefix) == 1


@pytest.mark.acceptance(42)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_failing_deletion_raises_storage_busy(
    storage: S3MediaStorage, faults: FaultProxy, key: str, method: str
) -> None:
    faults.inject(method=method, status=503, code="SlowDown")
    with pytest.raises(StorageBusy):
        storage.delete_prefix(key.rpartition("/")[0] + "/")
    if method == "GET":
        with pytest.raises(StorageBusy):
            list_keys(storage, "")
    faults.clear()
    assert fetch_bytes(storage, key) == CONTENT
