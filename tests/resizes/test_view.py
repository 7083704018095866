"""The resize view over HTTP: its answers, and the storage calls that requests cost."""

from __future__ import annotations

import dataclasses
import io
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client, override_settings
from PIL import Image

from shift_media.checks.storages import INVALID_KEY
from shift_media.conf import settings
from shift_media.core.errors import InvalidSpec, LimitExceeded
from shift_media.core.keys import ResizeKey, new_original_key, parse_original_key
from shift_media.core.spec import Spec
from shift_media.resizes.resize import Resize
from shift_media.storages import default_media_storage
from tests.resizes.conftest import PUBLIC_URL, picture
from tests.resizes.counting import CountingStorage

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Site = Callable[..., CountingStorage]

IMMUTABLE = "public, max-age=31536000, immutable"
NOWHERE = f"/media/{INVALID_KEY}"
ID = {"X-Request-ID": "a-request"}
"""Answers to requests of one id can be compared; each gets another one otherwise."""
SHAPE = re.compile("/media/[^/]{8}/([^/]{4}/){3}[^/]{12}/.")


def get(path: str, **kwargs: Any) -> Any:
    """Return the response to a GET, with its content in ``body``."""
    return read(Client(headers=ID).get(path, **kwargs))


def read(response: Any) -> Any:
    streamed = response.streaming
    response.body = b"".join(response.streaming_content) if streamed else response.content
    return response


def sign(key: str, spec: Spec) -> str:
    """Return the signed key of any spec, even of one over the limits."""
    resize = ResizeKey(parse_original_key(key), spec, "0" * 32)
    return str(dataclasses.replace(resize, signature=settings.resize_signer.sign(resize.payload)))


def answer(response: Any) -> tuple[int, bytes, dict[str, str]]:
    return response.status_code, response.body, dict(response.headers)


def test_missing_resize_is_made_once_and_returned(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    resize = resize_of(add())
    first = get(resize.url)
    assert first.status_code == 200
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}
    storage.calls.clear()
    second = get(resize.url)
    assert second.body == first.body
    assert storage.calls == {"stat": 1, "fetch": 1}
    assert Image.open(io.BytesIO(get(resize.url).body)).size == (400, 300)


@pytest.mark.slow
@pytest.mark.acceptance(1)
def test_one_wrong_character_gives_the_same_404(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    url = resize_of(add(), mode="fill", format="webp", focal=(30, 70)).url
    missing = answer(get(NOWHERE))
    assert missing[0] == 404
    storage.calls.clear()
    for at in range(len("/media/"), len(url)):
        for character in ("", "0", "1", "a", "f", "x", "A", "-", "/", "."):
            wrong = url[:at] + character + url[at + 1 :]
            if wrong != url and SHAPE.match(wrong):
                assert answer(get(wrong)) == missing, wrong
            elif wrong != url:  # It is left to the patterns that follow the include.
                assert get(wrong).status_code == 404, wrong
    assert not storage.calls


@pytest.mark.acceptance(2)
def test_bad_signatures_are_404(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    url = resize_of(add()).url
    stem, signature = url[:-36], url[-36:-4]
    wrong = [
        "",
        signature[:31],
        signature * 2,
        signature.upper(),
        "é" * 32,
        "f" * 10_000,
        "٣" * 32,
    ]
    for bad in wrong:
        assert get(f"{stem}{bad}.jpg").status_code == 404, bad
    for tail in (f"-{signature}", signature, f"{signature}.", f"{signature}.jpeg", ""):
        assert get(stem.rstrip("-") + tail).status_code == 404, tail
    assert not storage.calls


@pytest.mark.acceptance(3, 4)
def test_moved_or_repeated_part_is_404(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key, other = add(), add()
    resize, second = resize_of(key), resize_of(other)
    prefix, leaf = resize.url.rsplit("/", 1)
    signature = leaf[-36:-4]
    wrong = [
        resize.url.replace("400x300", "300x400"),
        resize.url.replace("400x300-fit", "40x0300-fit"),
        resize.url.replace("400x300", "4x00300"),
        resize.url.replace(".jpg", ".png").replace("photo.png", "photo.jpg"),
        f"{prefix}/{second.url.rsplit('/', 1)[1]}",
        resize.url.replace(signature, second.url[-36:-4]),
        f"{prefix}/{leaf}.jpg",
        f"{prefix}/{leaf}/{leaf}",
        f"{resize.url}{resize.url}",
        f"/media{resize.url}",
        resize.url.replace("photo.jpg/", f"photo-{signature}.jpg/"),
    ]
    for url in wrong:
        assert get(url).status_code == 404, url
    assert not storage.calls


@pytest.mark.acceptance(5)
@pytest.mark.parametrize(
    "tail",
    [
        "/../x", "/..", "/%2e%2e/x", "/%252e%252e/x", "%2f", "%5c..", "//", ";x", "%00", "%0a",
        "%0d%0aSet-Cookie:%20a=b", "%ff", "%20", "/.", "?", "#",
    ],
)  # fmt: skip
def test_path_that_needs_decoding_or_normalising_is_404(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, tail: str
) -> None:
    url = resize_of(add()).url
    directory = url.rsplit("/", 1)[0]
    for wrong in (f"{url}{tail}x", f"{directory}{tail}{url}", f"/media{tail}{url[6:]}"):
        if tail in "?#":
            continue
        try:
            response = get(wrong)
        except SuspiciousOperation:  # pragma: no cover
            continue
        assert response.status_code in (400, 404), wrong
        assert "Set-Cookie" not in response.headers
    assert not storage.calls


@pytest.mark.acceptance(5)
def test_encoded_character_is_404(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    url = resize_of(add()).url
    encoded = url[:-40] + url[-40:].replace("-", "%2d", 1)
    assert get(url, RAW_URI=encoded).status_code == 404
    assert get(url, REQUEST_URI=f"{encoded}?a=b").status_code == 404
    assert not storage.calls
    assert get(url, RAW_URI=f"{url}?a=b").status_code == 200


@pytest.mark.acceptance(6)
@pytest.mark.parametrize(
    "size",
    ["٤٠٠x300", "４００x300", "²x300", "+10x10", "1_0x10", "010x10", "0x0", "-1x1", "x",
     "9" * 5000, f"{'9' * 5000}x1", "10000x1", "4e2x3", " 400x300", "400x300\n", "400X300",
     "400×300"],
)  # fmt: skip
def test_odd_numbers_are_refused_by_builder_and_view(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, size: str
) -> None:
    key = add()
    with pytest.raises(InvalidSpec):
        resize_of(key, size)
    url = resize_of(key).url
    assert get(url.replace("400x300", quote(size, safe="+"))).status_code == 404
    assert not storage.calls


@pytest.mark.acceptance(7)
@pytest.mark.parametrize(
    "name",
    [unicodedata.normalize("NFC", "größe.jpg"), unicodedata.normalize("NFD", "größe.jpg"),
     "🦋.jpg", "a+b.jpg", "a%20b.jpg", "a#b?c.jpg", "\u202eevil.jpg"],
)  # fmt: skip
def test_each_name_has_exactly_one_url(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, name: str
) -> None:
    resize = resize_of(add(name=name))
    assert resize.url.isascii()
    assert get(resize.url).status_code == 200
    assert get(resize.url.replace("/400x300", "%2F400x300").upper()).status_code == 404


@pytest.mark.acceptance(8)
def test_signed_key_over_limits_is_404_without_storage_call(
    site: Site, add: Add, resize_of: ResizeOf
) -> None:
    storage = site(shift_media={"MAX_OUTPUT": (2000, 1_000_000)})
    key = add()
    for size in ("2001x1", "1x2001", "1001x1001"):
        with pytest.raises(LimitExceeded):
            resize_of(key, size, mode="stretch", upscale=True)
        spec = Spec.make(size, mode="stretch", upscale=True, format="jpg")
        assert get(f"/media/{sign(key, spec)}").status_code == 404
    assert not storage.calls


@pytest.mark.acceptance(8)
def test_result_over_limits_is_404_and_remembered(site: Site, add: Add) -> None:
    storage = site(shift_media={"MAX_OUTPUT": (2000, 1_000_000)})
    key = add(picture(size=(10, 400)))
    spec = Spec.make("1000x", upscale=True, format="jpg")
    for _ in range(3):
        assert get(f"/media/{sign(key, spec)}").status_code == 404
    assert storage.calls["put"] == 0
    assert storage.calls["fetch"] == 1  # remembered


@pytest.mark.acceptance(8)
def test_quality_zero_and_unknown_formats_are_refused(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    for options in ({"quality": 0}, {"quality": 100}, {"format": "tiff"}, {"format": "jpeg"}):
        with pytest.raises(InvalidSpec):
            resize_of(key, **options)
    directory = key.rsplit("/", 1)[0]
    for leaf in ("400x300-fit-0-noupscale.jpg", "400x300-fit-80-noupscale.tiff"):
        stem, _, extension = f"{directory}/{leaf}".rpartition(".")
        signature = settings.resize_signer.sign(f"{stem}.{extension}")
        assert get(f"/media/{stem}-{signature}.{extension}").status_code == 404
    assert not storage.calls


@pytest.mark.slow
@pytest.mark.acceptance(9)
def test_unsigned_keys_cost_no_storage_call_and_queries_no_copy(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    resize = resize_of(add())
    for side in range(1, 1001):
        unsigned = resize.url.replace("400x300", f"{side}x{side}")
        assert get(unsigned).status_code == 404
    assert not storage.calls
    for number in range(1, 1001):
        assert get(f"{resize.url}?x={number}").status_code == 200
    assert storage.calls["put"] == 1


@pytest.mark.acceptance(10)
@override_settings(ALLOWED_HOSTS=["*"], USE_X_FORWARDED_HOST=True)
def test_location_is_public_url_for_any_host_header(
    bucket: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    for width, headers in enumerate(
        (
            {"HTTP_HOST": "evil"},
            {"HTTP_X_FORWARDED_HOST": "evil"},
            {"HTTP_X_FORWARDED_PROTO": "ftp"},
        ),
        start=100,
    ):
        resize = resize_of(key, f"{width}x")
        response = get(f"/media/{resize.key}", **headers)
        assert response.status_code == 302
        assert response["Location"] == f"{PUBLIC_URL}/{resize.key}"


@pytest.mark.acceptance(11)
@pytest.mark.parametrize("base", ["https://bucket.example", "https://bucket.example/"])
def test_path_cannot_change_host_of_location(
    site: Site, add: Add, resize_of: ResizeOf, base: str
) -> None:
    site(delivery="redirect", public_url=base)
    resize = resize_of(add())
    for evil in ("@evil.example/x", ".evil.example/x", "//evil.example", "\\evil", "%5cevil"):
        response = get(f"/media/{evil}")
        assert response.status_code == 404
        assert "Location" not in response.headers
    assert get(f"/media/{resize.key}")["Location"] == f"https://bucket.example/{resize.key}"


@pytest.mark.slow
@pytest.mark.acceptance(12)
@pytest.mark.django_db
def test_redirects_and_errors_are_no_store_without_cookie(
    bucket: CountingStorage, add: Add, resize_of: ResizeOf, admin_client: Client
) -> None:
    resize = resize_of(add())
    made = admin_client.get(f"/media/{resize.key}")
    assert (made.status_code, made["Cache-Control"]) == (302, "no-store")
    found = read(admin_client.get(f"/media/{resize.key}"))
    assert (found.status_code, found["Cache-Control"]) == (200, IMMUTABLE)
    missing = admin_client.get(NOWHERE)
    assert (missing.status_code, missing["Cache-Control"]) == (404, "no-store")
    for response in (made, found, missing, admin_client.post(NOWHERE)):
        assert not response.cookies
        assert "Cookie" not in response.get("Vary", "")
        assert response["Access-Control-Allow-Origin"] == "*"
        assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.acceptance(13)
def test_resize_that_was_lost_is_answered_with_bytes(
    site: Site, add: Add, resize_of: ResizeOf
) -> None:
    key = add_to(site(delivery="redirect", public_url=PUBLIC_URL))
    site("LossyStorage", delivery="redirect", public_url=PUBLIC_URL)
    resize = resize_of(key)
    first, second = (get(f"/media/{resize.key}") for _ in range(2))
    assert first.status_code == 302
    assert second.status_code == 200
    assert second["Cache-Control"] == "no-store"
    assert Image.open(io.BytesIO(second.body)).size == (400, 300)


def add_to(storage: CountingStorage) -> str:
    key = str(new_original_key("photo", "jpg"))
    storage.put(key, io.BytesIO(picture()), content_type="image/jpeg")
    return key


@pytest.mark.acceptance(18, 20)
def test_missing_original_is_404_and_stores_nothing(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    resize = resize_of(key)
    storage.delete_prefix(parse_original_key(key).prefix)
    assert get(resize.url).status_code == 404
    assert list(storage.entries()) == []


@pytest.mark.acceptance(18)
def test_truncated_original_is_503_and_stores_nothing(
    site: Site, add: Add, resize_of: ResizeOf
) -> None:
    site()
    key = add(picture("PNG"), "photo.png")
    storage = site("CutStorage")
    response = get(resize_of(key).url)
    assert (response.status_code, response["Cache-Control"]) == (503, "no-store")
    assert response["Retry-After"]
    assert [entry.key for entry in storage.entries()] == [key]


@pytest.mark.acceptance(19)
def test_storage_that_cannot_write_is_503_without_secrets(
    site: Site, add: Add, resize_of: ResizeOf
) -> None:
    site()
    key = add()
    site("FailingStorage")
    response = get(resize_of(key).url)
    assert response.status_code == 503
    assert b"secret" not in response.body
    assert response.json() == {
        "code": "storage_error", "message": "The media storage is not available at the moment.",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.acceptance(17, 30)
def test_corrupt_original_is_422_and_read_once_for_all_resizes(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add(picture()[:2000])
    for number in range(100):
        response = get(resize_of(key, f"{100 + number}x").url)
        assert response.status_code == 422
        assert response["Cache-Control"] == "no-store"
        assert response.json()["code"] == "undecodable"
    assert storage.calls["fetch"] == 1


@pytest.mark.acceptance(17)
def test_empty_crop_is_422_and_other_resizes_are_made(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    outside = resize_of(key, crop=(5000, 0, 10, 10))
    assert get(outside.url).status_code == 422
    assert get(outside.url).json()["code"] == "empty_crop"
    assert get(resize_of(key).url).status_code == 200


@pytest.mark.acceptance(25)
def test_header_bomb_is_422(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    bomb = (
        b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
    )
    response = get(resize_of(add(bomb, "bomb.gif")).url)
    assert (response.status_code, response.json()["code"]) == (422, "too_many_pixels")


@pytest.mark.acceptance(21)
def test_other_methods_are_405(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    url, client = resize_of(add()).url, Client()
    for method in (client.post, client.put, client.delete, client.patch, client.options):
        response = method(url)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
    assert not storage.calls


@pytest.mark.acceptance(21)
def test_head_has_the_headers_of_get(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    resize = resize_of(key)
    for url in (resize.url, f"/media/{key}", NOWHERE):
        head = Client(headers=ID).head(url)
        full = get(url)
        assert head.content == b""
        assert {**head.headers} == {**full.headers}, url
        assert head.status_code == full.status_code


@pytest.mark.acceptance(21)
def test_range_of_original_or_resize_is_206(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    content = picture()
    key = add(content)
    for url in (f"/media/{key}", resize_of(key).url):
        whole = get(url).body
        for asked, start, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=10-", 10, len(whole)),
            ("bytes=-7", len(whole) - 7, len(whole)),
            (f"bytes=5-{10**15}", 5, len(whole)),
        ):
            part = get(url, HTTP_RANGE=asked)
            assert part.status_code == 206
            assert part.body == whole[start:end]
            assert part["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
            assert part["Content-Length"] == str(end - start)
        assert get(url, HTTP_RANGE=f"bytes={len(whole)}-").status_code == 416
        many = "bytes=" + ",".join(f"{i}-{i}" for i in range(5000))
        for ignored in (many, "bytes=9-5", "lines=1-2", "bytes=--1", "bytes=²-", "bytes="):
            assert get(url, HTTP_RANGE=ignored).body == whole, ignored
        assert get(url, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE='"other"').status_code == 200


def test_matching_etag_is_304(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    key = add()
    for url in (f"/media/{key}", resize_of(key).url):
        first = get(url)
        again = get(url, HTTP_IF_NONE_MATCH=first["ETag"])
        assert again.status_code == 304
        assert again["ETag"] == first["ETag"]
        assert get(url, HTTP_IF_NONE_MATCH='"other"').status_code == 200


def test_original_on_disk_has_safe_headers(storage: CountingStorage, add: Add) -> None:
    content = picture()
    response = get(f"/media/{add(content)}")
    assert response.body == content
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == IMMUTABLE
    assert "sandbox" in response["Content-Security-Policy"]
    html = get(f"/media/{add(b'<script>alert(1)</script>', 'x.html')}")
    assert html["Content-Type"] == "application/octet-stream"
    assert html["Content-Disposition"] == 'attachment; filename="x.html"'


@pytest.mark.acceptance(74)
def test_drawing_that_was_never_sanitized_is_served_with_a_policy_against_scripts(
    storage: CountingStorage, add: Add
) -> None:
    svg = get(f"/media/{add(b'<svg onload=alert(1)>', 'x.svg')}")
    assert svg["Content-Type"] == "image/svg+xml"
    assert svg["X-Content-Type-Options"] == "nosniff"
    policy = svg["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    assert "script" not in svg["Content-Security-Policy"]


def test_private_original_needs_valid_signature(site: Site, add: Add) -> None:
    site(originals="private")
    key = add()
    assert get(f"/media/{key}").status_code == 404
    assert get(f"/media/{key}?expires=9999999999&signature=").status_code == 404
    private = get(default_media_storage.url(key))
    assert private.status_code == 200
    assert private["Cache-Control"] == "private, no-store"
    assert get(f"{default_media_storage.url(key)}0").status_code == 404


@pytest.mark.acceptance(48)
def test_url_of_listed_old_signing_key_is_valid(site: Site, add: Add, resize_of: ResizeOf) -> None:
    site(shift_media={"SIGNING_KEYS": ["old"]})
    key = add()
    old = resize_of(key).url
    site(shift_media={"SIGNING_KEYS": ["new", "old"]})
    new = resize_of(key).url
    assert new != old
    assert get(old).status_code == get(new).status_code == 200
    site(shift_media={"SIGNING_KEYS": ["new"]})
    assert get(old).status_code == 404


def test_resize_url_can_be_reversed(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    from django.urls import reverse

    resize = resize_of(add())
    assert f"/{resize.key}" in reverse("shift_media:resize", args=[resize.key])
