"""Requests, stored objects and client of the S3 storage, on two servers."""

from __future__ import annotations

import pickle
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.base import ContentFile
from django.test import override_settings

from shift_media.core.keys import new_original_key
from shift_media.storages import S3MediaStorage
from shift_media.storages.s3 import upload
from shift_media.testing.contents import pattern
from shift_media.testing.steps import JPEG, fetch_bytes, list_keys, new_key, put_bytes
from tests import parts
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.servers.seaweedfs import SeaweedFS
from tests.waiting import wait_until

SERVERS = [
    pytest.param("seaweedfs", marks=pytest.mark.s3),
    pytest.param("rgw", marks=pytest.mark.rgw),
]
PLAYLIST = "application/vnd.apple.mpegurl"
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def storage(server: S3Server) -> S3MediaStorage:
    return S3MediaStorage(**storage_options(server, new_bucket(server)))


def private_of(storage: S3MediaStorage, server: S3Server, **options: Any) -> S3MediaStorage:
    arguments = storage_options(server, storage.bucket_name)
    return S3MediaStorage(**arguments, originals="private", **options)


def head_of(server: S3Server, storage: S3MediaStorage, key: str) -> dict[str, Any]:
    return dict(client_of(server).head_object(Bucket=storage.bucket_name, Key=key))


def get(url: str) -> tuple[int, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


# Stored objects


@pytest.mark.parametrize(
    ("file", "content_type", "stored_type", "disposition"),
    [
        ("photo.webp", "image/webp", "image/webp", None),
        ("clip.mp4", "video/mp4", "video/mp4", None),
        (
            "_web/index.m3u8",
            "application/vnd.apple.mpegurl",
            "application/vnd.apple.mpegurl",
            None,
        ),
        ("page.html", "application/octet-stream", "binary/octet-stream", "attachment"),
        ("page.svg", "image/svg+xml", "image/svg+xml", "attachment"),
        ("page.pdf", "application/pdf", "binary/octet-stream", "attachment"),
    ],
)
@pytest.mark.acceptance(23)
def test_stored_object_has_type_and_headers_of_its_key(
    server: S3Server,
    storage: S3MediaStorage,
    file: str,
    content_type: str,
    stored_type: str,
    disposition: str | None,
) -> None:
    key = new_key().prefix + file
    assert storage.put(key, ContentFile(b"x"), content_type=content_type)
    head = head_of(server, storage, key)
    assert head["ContentType"] == stored_type
    assert head.get("ContentDisposition") == disposition
    assert head["CacheControl"] == FOREVER


def test_save_takes_type_from_key_not_from_client(
    server: S3Server, storage: S3MediaStorage
) -> None:
    key = str(new_original_key("x", "png"))
    content = ContentFile(b"x", name="evil.html")
    content.content_type = "text/html"  # type: ignore[attr-defined]
    storage.save(key, content)
    assert head_of(server, storage, key)["ContentType"] == "image/png"


def test_private_original_is_stored_with_private_cache_control(
    server: S3Server, storage: S3MediaStorage
) -> None:
    private, key = private_of(storage, server), new_key()
    put_bytes(private, str(key), b"x")
    put_bytes(private, f"{key.prefix}320x-fit-80-noupscale-0.webp", b"x")
    stored = {
        entry.key: head_of(server, storage, entry.key)["CacheControl"]
        for entry in private.entries(key.prefix)
    }
    assert stored.pop(str(key)) == FOREVER.replace("public", "private")
    assert list(stored.values()) == [FOREVER]


def test_url_of_private_original_opens_it_until_it_expires(
    server: S3Server, storage: S3MediaStorage
) -> None:
    private = private_of(storage, server, url_expire=5)
    key, other = str(new_key()), str(new_key())
    for name in (key, other):
        put_bytes(private, name, name.encode())
    url = private.url(key)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert get(url) == (200, key.encode())
    assert get(url.replace(key, other))[0] == 403
    assert get(url.partition("?")[0])[0] == 403, "the bucket is public"
    wait_until(lambda: get(url)[0] == 403)
    assert private.may_read(key, {}) is False


@pytest.mark.parametrize("originals", ["public", "private"])
def test_download_is_an_attachment_with_its_own_name(
    storage: S3MediaStorage, server: S3Server, originals: str
) -> None:
    arguments = storage_options(server, storage.bucket_name)
    own, key = S3MediaStorage(**arguments, originals=originals), str(new_key())
    put_bytes(own, key, b"picture")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(own.download_url(key, "Ein Tag am See.jpg"), timeout=60) as answer:
        assert answer.read() == b"picture"
        disposition = answer.headers["Content-Disposition"]
    assert "attachment" in disposition
    assert "filename*=UTF-8''Ein%20Tag%20am%20See.jpg" in disposition


def test_object_parameters_of_site_are_sent(server: S3Server, storage: S3MediaStorage) -> None:
    options = storage_options(server, storage.bucket_name)
    other = S3MediaStorage(
        **options, object_parameters={"CacheControl": "max-age=60", "ContentType": "text/html"}
    )
    key = str(new_key())
    put_bytes(other, key, b"x")
    head = head_of(server, storage, key)
    assert (head["CacheControl"], head["ContentType"]) == ("max-age=60", JPEG)


def test_multipart_upload_to_taken_key_overwrites_nothing(
    storage: S3MediaStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_SINGLE_PUT", 6_000_000)
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    key, content = str(new_key()), pattern(1, 7_000_000)
    assert put_bytes(storage, key, content) is True
    assert put_bytes(storage, key, content) is False
    assert put_bytes(storage, key, b"small") is False
    assert fetch_bytes(storage, key) == content


def test_copy_keeps_type_and_headers(server: S3Server, storage: S3MediaStorage) -> None:
    key = new_key("png")
    storage.put(f"{key.prefix}a", ContentFile(b"x"), content_type="image/png")
    assert storage.copy(f"{key.prefix}a", f"{key.prefix}b")
    old, new = (head_of(server, storage, key.prefix + name) for name in "ab")
    for name in ("ContentType", "CacheControl", "Metadata", "ContentLength"):
        assert old[name] == new[name]


def test_listdir_returns_folders_and_files(storage: S3MediaStorage) -> None:
    key = new_key()
    for name in ("a", "b/c", "b/d"):
        put_bytes(storage, key.prefix + name, b"x")
    assert storage.listdir(key.prefix) == (["b"], ["a"])
    assert storage.listdir(f"{key.prefix}b") == ([], ["c", "d"])
    assert key.id[:8] in storage.listdir("")[0]


# Requests


@pytest.mark.s3
def test_each_operation_costs_its_number_of_requests(
    seaweedfs: SeaweedFS, bucket: str, faults: FaultProxy
) -> None:
    storage = S3MediaStorage(**storage_options(seaweedfs, bucket, faults.endpoint))
    key = new_key()
    resize = f"{key.prefix}320x-fit-80-noupscale-0.webp"

    def requests(call: Any, *args: Any, **kwargs: Any) -> list[str]:
        faults.clear()
        call(*args, **kwargs)
        return faults.methods()

    assert requests(storage.save, str(key), ContentFile(b"original")) == ["PUT"]
    assert requests(put_bytes, storage, resize, b"resize") == ["PUT"]
    assert requests(fetch_bytes, storage, str(key)) == ["GET"]
    assert requests(lambda: storage.open(str(key)).close()) == ["GET"]
    for method in (storage.stat, storage.exists, storage.size, storage.get_modified_time):
        assert requests(method, str(key)) == ["HEAD"]
    for free in (storage.url, storage.derived_url, storage.get_available_name):
        assert requests(free, str(key)) == []
    assert requests(list_keys, storage, key.prefix) == ["GET"]
    assert requests(storage.delete_prefix, key.prefix) == ["GET", "POST"]
    assert requests(storage.delete_prefix, key.prefix) == ["GET"]


@pytest.mark.s3
def test_put_sends_condition_checksum_and_headers(
    seaweedfs: SeaweedFS, bucket: str, faults: FaultProxy
) -> None:
    acl = {"ACL": "public-read"}
    with override_settings(AWS_DEFAULT_ACL="public-read", AWS_S3_OBJECT_PARAMETERS=acl):
        storage = S3MediaStorage(**storage_options(seaweedfs, bucket, faults.endpoint))
    put_bytes(storage, str(new_key()), b"x")
    (request,) = faults.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["if-none-match"] == "*"
    assert headers["cache-control"] == FOREVER
    assert len(headers["x-amz-meta-sha256"]) == 64
    assert not [name for name in headers if "acl" in name or "grant" in name]


MEASURE = """
import os, sys, tempfile, time
from django.conf import settings
settings.configure(SECRET_KEY="x", USE_TZ=True)
from django.core.files.base import File
from shift_media.storages import S3MediaStorage
from shift_media.testing.steps import new_key, put_bytes
endpoint, access, secret, bucket, size = sys.argv[1:]
storage = S3MediaStorage(endpoint_url=endpoint, access_key=access, secret_key=secret,
    bucket_name=bucket, region_name="us-east-1", addressing_style="path", public_url="/m/")
def peak():  # ru_maxrss may be that of the parent process, if it is larger
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024
put_bytes(storage, str(new_key()), b"x" * 5_000_000)
before, key = peak(), new_key("mp4")
with tempfile.TemporaryFile() as file:
    file.truncate(int(size))
    started = time.monotonic()
    storage.save(str(key), File(file))
    sent = time.monotonic() - started
count = 0
with storage.fetch(str(key)) as source:
    while part := source.read(1 << 20):
        count += len(part)
assert count == int(size) == storage.size(str(key)), count
assert storage.delete_prefix(key.prefix) == 1
print(before, peak(), round(sent, 1))
"""


@pytest.mark.s3
@pytest.mark.long
def test_large_upload_takes_no_more_memory_than_small_one(
    seaweedfs: SeaweedFS, bucket: str
) -> None:
    size = 1_000_000_000 if parts.full() else 120_000_000
    access = [seaweedfs.endpoint, seaweedfs.access_key, seaweedfs.secret_key]
    command = [sys.executable, "-c", MEASURE, *access, bucket, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    before, after, _ = map(float, done.stdout.split())
    assert after - before < 40, f"{before} MB before, {after} MB after"


# The client


def offline(**options: Any) -> S3MediaStorage:
    given = {"bucket_name": "b", "public_url": "https://cdn.example/", "region_name": "eu-west-1"}
    return S3MediaStorage(**{**given, **options})


def config_of(storage: S3MediaStorage) -> Any:
    return storage.client.meta.config


def test_threads_share_one_client() -> None:
    storage = offline()
    with ThreadPoolExecutor(20) as pool:
        clients = list(pool.map(lambda _: storage.client, range(100)))
    assert len(set(map(id, clients))) == 1


@pytest.mark.s3
def test_forked_process_creates_its_own_client(seaweedfs: SeaweedFS, bucket: str) -> None:
    code = """
import os, sys
from django.conf import settings
settings.configure(SECRET_KEY="x", USE_TZ=True)
from shift_media.storages import S3MediaStorage
storage = S3MediaStorage(endpoint_url=sys.argv[1], access_key=sys.argv[2], secret_key=sys.argv[3],
    bucket_name=sys.argv[4], region_name="us-east-1", addressing_style="path", public_url="/m/")
assert storage.stat("a/b") is None
parent = storage.client
children = [os.fork()]
if children[0] == 0:
    mine = storage.client is not parent and storage.stat("a/b") is None
    os._exit(0 if mine else 1)
assert os.waitpid(children[0], 0)[1] == 0
assert storage.client is parent and storage.stat("a/b") is None
"""
    access = [seaweedfs.endpoint, seaweedfs.access_key, seaweedfs.secret_key, bucket]
    subprocess.run([sys.executable, "-c", code, *access], check=True, timeout=300)


def test_client_has_timeouts_attempts_and_bounded_pool() -> None:
    config = config_of(offline(max_pool_connections=33))
    assert config.max_pool_connections == 33
    assert (config.connect_timeout, config.read_timeout) == (5, 20)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert config.signature_version == "s3v4"
    assert 10 <= config_of(offline()).max_pool_connections <= 50


def test_client_config_of_site_wins() -> None:
    config = config_of(offline(client_config=Config(read_timeout=3)))
    assert (config.read_timeout, config.connect_timeout) == (3, 5)


def test_storage_with_client_can_be_pickled() -> None:
    storage = offline()
    client = storage.client
    again = pickle.loads(pickle.dumps(storage))
    assert again.derived_url("a") == "https://cdn.example/a"
    assert again.client is not client
