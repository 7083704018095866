"""The resize view on real S3 servers: the requests it costs, and its answers to faults."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from django.test import Client, override_settings
from PIL import Image

from shift_media.checks.storages import INVALID_KEY
from shift_media.imaging import engine
from tests.imaging import images
from tests.resizes.conftest import picture
from tests.servers.sites import PUBLIC_URL, S3Site
from tests.waiting import wait_until

IMMUTABLE = "public, max-age=31536000, immutable"
MANY = 50  # a thousand on disk; fewer here, because each costs a request

# For requests that are never answered; others are answered within this time.
IMPATIENT = Config(read_timeout=3)


def get(key: str, **kwargs: Any) -> Any:
    """Return the response for a key, with its content in ``body``."""
    response: Any = Client().get(f"/media/{key}", **kwargs)
    streamed = response.streaming
    response.body = b"".join(response.streaming_content) if streamed else response.content
    return response


def size_of(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that no temporary file is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []
    assert [path for path in opened() if path.startswith(str(folder))] == []


def opened() -> Iterator[str]:
    """Yield the paths of open files; those that other threads close meanwhile are left out."""
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/self/fd/{number}")


def test_first_resize_costs_head_get_and_put(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    resize = s3_site.resize(key)
    made = get(resize.key)
    assert (made.status_code, made["Location"]) == (302, PUBLIC_URL + resize.key)
    assert s3_site.proxy.methods() == ["HEAD", "GET", "PUT"]
    assert s3_site.counts() == {("HEAD", resize.key): 1, ("GET", key): 1, ("PUT", resize.key): 1}
    stored = s3_site.client.get_object(Bucket=s3_site.bucket, Key=resize.key)
    assert stored["ContentType"] == "image/jpeg"
    assert stored["CacheControl"] == IMMUTABLE
    assert size_of(stored["Body"].read()) == (400, 300)


@pytest.mark.acceptance(12)
def test_redirected_request_for_stored_resize_returns_bytes(s3_site: S3Site) -> None:
    resize = s3_site.resize(s3_site.add(picture()))
    made, found = get(resize.key), get(resize.key)
    assert (made.status_code, made["Cache-Control"]) == (302, "no-store")
    assert (found.status_code, found["Cache-Control"]) == (200, IMMUTABLE)
    assert size_of(found.body) == (400, 300)
    assert "Location" not in found.headers
    for answer in (made, found, get(INVALID_KEY)):
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")


def test_content_mode_returns_the_made_bytes(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    s3_site.configure(delivery="content")
    resize = s3_site.resize(key)
    made = get(resize.key)
    assert (made.status_code, made["Cache-Control"]) == (200, IMMUTABLE)
    assert s3_site.proxy.methods() == ["HEAD", "GET", "PUT"]
    found = get(resize.key)
    assert (found.body, found["ETag"]) == (made.body, made["ETag"])


@pytest.mark.acceptance(1, 2, 9)
def test_unsigned_keys_cost_no_request_and_queries_no_copy(s3_site: S3Site) -> None:
    resize = s3_site.resize(s3_site.add(picture()))
    for side in range(1, MANY):
        assert get(resize.key.replace("400x300", f"{side}x{side}")).status_code == 404
        assert get(resize.key.replace(".jpg", f"{side}.jpg")).status_code == 404
    assert s3_site.proxy.requests == []
    for number in range(MANY):
        assert get(f"{resize.key}?x={number}").status_code in (200, 302)
    assert s3_site.counts()["PUT", resize.key] == 1
    assert len(s3_site.stored()) == 2


@pytest.mark.acceptance(10, 11)
@override_settings(ALLOWED_HOSTS=["*"], USE_X_FORWARDED_HOST=True)
@pytest.mark.parametrize("base", ["https://cdn.example", "https://cdn.example/"])
def test_location_is_public_url_for_any_host_header(s3_site: S3Site, base: str) -> None:
    key = s3_site.add(picture())
    s3_site.configure(public_url=base)
    for width, (name, value) in enumerate(
        (
            ("HTTP_HOST", "evil"),
            ("HTTP_X_FORWARDED_HOST", "evil"),
            ("HTTP_X_FORWARDED_PROTO", "ftp"),
        ),
        100,
    ):
        resize = s3_site.resize(key, f"{width}x")
        answer = get(resize.key, **{name: value})
        assert answer["Location"] == PUBLIC_URL + resize.key
    for evil in ("@evil.example/x", ".evil.example/x", "//evil.example", "\\evil"):
        assert get(evil).status_code == 404


@pytest.mark.acceptance(13)
def test_resize_lost_by_bucket_is_answered_with_bytes(s3_site: S3Site) -> None:
    resize = s3_site.resize(s3_site.add(picture()))
    s3_site.proxy.inject(method="PUT", lose=True)
    first, second, third = get(resize.key), get(resize.key), get(resize.key)
    assert first.status_code == 302
    for answer in (second, third):
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        assert size_of(answer.body) == (400, 300)


# The original cannot be read


def gone(site: S3Site, key: str) -> None:
    site.client.delete_object(Bucket=site.bucket, Key=key)


def fault(**options: Any) -> Callable[[S3Site, str], None]:
    def inject(site: S3Site, key: str) -> None:
        site.proxy.inject(method="GET", key=key, **options)

    return inject


UNREADABLE = {
    "404": (gone, 404),
    "403 for a missing key": (fault(status=403, code="AccessDenied"), 404),
    "403 for the site's own key": (fault(status=403, code="SignatureDoesNotMatch"), 503),
    "500": (fault(status=500, code="InternalError"), 503),
    "SlowDown": (fault(status=503, code="SlowDown"), 503),
    "no such bucket": (fault(status=404, code="NoSuchBucket"), 503),
    "timeout": (fault(hang=True), 503),
    "cut at once": (fault(cut=0), 503),
    "cut mid-body": (fault(cut=70_000), 503),
    "shorter than it was": (fault(shorten=10), 503),
    "wrong checksum": (fault(corrupt=True), 503),
}


@pytest.mark.acceptance(18)
@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_original_is_404_or_503_and_stores_nothing(s3_site: S3Site, case: str) -> None:
    break_it, status = UNREADABLE[case]
    if case == "timeout":
        s3_site.configure(client_config=IMPATIENT)
    key = s3_site.add(picture("PNG", size=(900, 700), compress_level=0), "photo.png")
    resize, stored = s3_site.resize(key), s3_site.stored()
    break_it(s3_site, key)
    answer = get(resize.key)
    assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")
    assert ("Retry-After" in answer.headers) == (status == 503)
    secrets = (key, s3_site.bucket, s3_site.server.access_key, "127.0.0.1")
    assert not any(secret.encode() in answer.body for secret in secrets)
    assert s3_site.stored() == stored - ({key} if case == "404" else set())
    assert ("PUT", resize.key) not in s3_site.counts()
    if case != "404":
        s3_site.proxy.clear()
        assert get(resize.key).status_code == 302  # not remembered


@pytest.mark.acceptance(18)
def test_front_of_progressive_original_is_enough_but_no_less(s3_site: S3Site) -> None:
    content = photograph()
    key = s3_site.add(content)
    resize = s3_site.resize(key, "150x100")
    front = engine.needed_bytes(io.BytesIO(content), resize.spec)
    assert front + 100_000 < 0.9 * len(content)
    s3_site.proxy.inject(method="GET", key=key, cut=front - 1)
    assert get(resize.key).status_code == 503
    assert s3_site.stored() == {key}
    s3_site.proxy.clear()
    s3_site.proxy.inject(method="GET", key=key, cut=front + 100_000)
    assert get(resize.key).status_code == 302
    stored = s3_site.client.get_object(Bucket=s3_site.bucket, Key=resize.key)["Body"].read()
    assert stored == engine.make(io.BytesIO(content), resize.spec).content
    assert get(s3_site.resize(key, "1500x1000").key).status_code == 503


def photograph() -> bytes:
    """Return a progressive JPEG of noise in several sizes, to which every scan adds something."""
    file = io.BytesIO()
    images.photograph(2400, 1600).save(file, "JPEG", quality=90, progressive=True)
    return file.getvalue()


@pytest.mark.acceptance(18)
def test_large_original_cut_mid_body_leaves_no_temporary_file(s3_site: S3Site) -> None:
    noise = Image.frombytes("RGB", (2600, 2600), os.urandom(2600 * 2600 * 3))
    file = io.BytesIO()
    noise.save(file, "PNG", compress_level=0)
    key = s3_site.add(file.getvalue(), "noise.png")
    s3_site.proxy.inject(method="GET", key=key, cut=18_000_000)
    assert get(s3_site.resize(key).key).status_code == 503
    assert s3_site.stored() == {key}


@pytest.mark.acceptance(18)
def test_refused_head_is_ignored_and_failing_head_is_503(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    s3_site.proxy.inject(method="HEAD", status=403)
    assert get(s3_site.resize(key).key).status_code == 302
    s3_site.proxy.clear()
    s3_site.proxy.inject(method="HEAD", status=500)
    answer = get(s3_site.resize(key, "40x30").key)
    assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
    assert "PUT" not in s3_site.proxy.methods()


# The resize cannot be written

UNWRITABLE = {
    "412": ({"status": 412, "code": "PreconditionFailed", "times": 1}, 302, 1),
    "409 once": ({"status": 409, "code": "ConditionalRequestConflict", "times": 1}, 302, 2),
    "409 always": ({"status": 409, "code": "ConditionalRequestConflict"}, 503, None),
    "500 once": ({"status": 500, "code": "InternalError", "times": 1}, 302, 2),
    "500 always": ({"status": 500, "code": "InternalError"}, 503, None),
    "SlowDown always": ({"status": 503, "code": "SlowDown"}, 503, None),
    "403": ({"status": 403, "code": "AccessDenied"}, 503, 1),
    "timeout after success": ({"forward": True, "hang": True, "times": 1}, 302, 2),
    "500 after success": ({"forward": True, "status": 500, "times": 1}, 302, 2),
    "timeout always": ({"hang": True}, 503, None),
}


@pytest.mark.acceptance(19)
@pytest.mark.parametrize("case", UNWRITABLE)
def test_unwritable_resize_is_302_or_503_by_its_cause(s3_site: S3Site, case: str) -> None:
    options, status, puts = UNWRITABLE[case]
    if "timeout" in case:
        s3_site.configure(client_config=IMPATIENT)
    key = s3_site.add(picture())
    resize = s3_site.resize(key)
    s3_site.proxy.inject(method="PUT", key=resize.key, **options)
    answer = get(resize.key)
    assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert s3_site.counts()["GET", key] == 1
    assert s3_site.counts()["PUT", resize.key] == (puts or s3_site.counts()["PUT", resize.key])
    written = status == 302 and case != "412"
    assert s3_site.stored() == ({key, resize.key} if written else {key})
    s3_site.proxy.clear()
    assert get(resize.key).status_code in (200, 302)
    assert s3_site.stored() == {key, resize.key}


@pytest.mark.acceptance(19)
def test_resize_written_meanwhile_by_another_is_kept(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    resize = s3_site.resize(key)
    written = threading.Event()
    s3_site.proxy.inject(method="PUT", key=resize.key, until=written)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, resize.key)
        wait_until(lambda: "PUT" in s3_site.proxy.methods())
        s3_site.client.put_object(Bucket=s3_site.bucket, Key=resize.key, Body=b"the first")
        written.set()
        assert answer.result().status_code == 302
    assert get(resize.key).body == b"the first"


# Storms, corrupt originals, unusual requests


@pytest.mark.acceptance(16)
@pytest.mark.usefixtures("lock_files")
def test_storm_is_bounded_and_surplus_gets_retry_after(s3_site: S3Site) -> None:
    key = s3_site.add(picture(size=(4000, 3000)))
    s3_site.configure(shift_media={"CONCURRENCY": 2, "QUEUE": 6, "QUEUE_SECONDS": 120})
    keys = [s3_site.resize(key, f"{width}x").key for width in range(600, 664)]
    start = threading.Barrier(len(keys))

    def ask(resize: str) -> Any:
        start.wait()
        return get(resize)

    refused = threading.Event()
    s3_site.proxy.inject(method="GET", key=key, until=refused)
    with ThreadPoolExecutor(len(keys)) as pool:
        asked = [pool.submit(ask, resize) for resize in keys]
        wait_until(lambda: sum(one.done() for one in asked) == len(keys) - 8)
        refused.set()
        answers = [one.result() for one in asked]
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {302: 8, 503: len(keys) - 8}
    assert all(answer["Retry-After"] for answer in answers if answer.status_code == 503)
    assert len(s3_site.stored()) == 1 + statuses[302]


@pytest.mark.acceptance(17)
def test_corrupt_original_on_s3_is_read_once_for_all_resizes(s3_site: S3Site) -> None:
    key = s3_site.add(picture()[:2000])
    for number in range(MANY):
        answer = get(s3_site.resize(key, f"{100 + number}x").key)
        assert (answer.status_code, answer.json()["code"]) == (422, "undecodable")
    assert s3_site.counts()["GET", key] == 1
    assert s3_site.stored() == {key}


@pytest.mark.acceptance(20)
def test_resize_of_deleted_original_is_404(s3_site: S3Site) -> None:
    key, other = s3_site.add(picture()), s3_site.add(picture(size=(320, 320)))
    resize = s3_site.resize(key)
    s3_site.storage.delete_prefix(f"{key.rpartition('/')[0]}/")
    answer = get(resize.key)
    assert answer.status_code == 404
    assert answer.json() == get(INVALID_KEY).json()
    assert get(s3_site.resize(other).key).status_code == 302
    assert s3_site.stored() == {other, s3_site.resize(other).key}


@pytest.mark.acceptance(21)
def test_stored_resize_answers_methods_ranges_and_head(s3_site: S3Site) -> None:
    resize = s3_site.resize(s3_site.add(picture()))
    client, url = Client(), f"/media/{resize.key}"
    for method in (client.post, client.put, client.delete, client.patch):
        assert method(url).status_code == 405
    assert s3_site.proxy.requests == []
    assert client.head(url)["Location"] == PUBLIC_URL + resize.key
    whole = get(resize.key)
    head = client.head(url)
    assert (head.content, dict(head.headers)) == (b"", dict(whole.headers))
    part = get(resize.key, HTTP_RANGE="bytes=10-19")
    assert (part.status_code, part.body) == (206, whole.body[10:20])
    many = "bytes=" + ",".join(f"{i}-{i}" for i in range(5000))
    assert get(resize.key, HTTP_RANGE=many).body == whole.body
