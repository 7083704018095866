"""Private resizes and renditions on local disk: who gets them, and what no cache may keep."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import (
    ImproperlyConfigured,
    ObjectDoesNotExist,
    PermissionDenied,
)
from django.http import Http404, HttpRequest
from django.test import Client

from shift_media.core.keys import parse_original_key
from shift_media.core.private_urls import HOUR
from shift_media.storages import LocalMediaStorage, default_media_storage
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage

pytestmark = [pytest.mark.acceptance(79)]

Add = Callable[..., str]
Site = Callable[..., CountingStorage]
NOW = 1_764_244_800 + 600  # ten minutes after a full hour
EXPIRES = 1_764_244_800 + 2 * HOUR
PRIVATE = {"originals": "private", "derived": "private"}
PLAYLIST = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhls-96p/index.m3u8\n"
OPEN = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")

ID = {"X-Request-ID": "a-request"}
"""Answers to requests of one id can be compared; each gets another one otherwise."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the clock at `NOW`; return a function that sets it."""

    def set_clock(now: float) -> None:
        monkeypatch.setattr("time.time", lambda: now)

    set_clock(NOW)
    return set_clock


def get(url: str, method: str = "get", **headers: Any) -> Any:
    response: Any = getattr(Client(headers=ID), method)(url, headers=headers)
    streamed = response.streaming
    response.body = b"".join(response.streaming_content) if streamed else response.content
    return response


def put(original: str, leaf: str, content: bytes) -> str:
    """Store a rendition beside an original, and return its key."""
    key = f"{parse_original_key(original).prefix}{leaf}"
    storage: Any = default_media_storage
    assert storage.put(key, io.BytesIO(content), content_type="video/mp4")
    storage.calls.clear()
    return key


def url_of(key: str) -> str:
    storage: Any = default_media_storage
    return str(storage.derived_url(key))


def assert_private(response: Any) -> None:
    """Assert that neither a shared cache nor another site may use a response."""
    caching = response["Cache-Control"]
    assert caching == "no-store" or caching.startswith("private")
    assert "public" not in caching
    assert not any(name in response.headers for name in OPEN)
    assert response["Cross-Origin-Resource-Policy"] == "same-site"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert not response.cookies


def assert_refused(response: Any) -> None:
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert response.json()["code"] == "not_stored"
    assert_private(response)


# Who gets a resize


def test_resize_is_made_and_sent_until_its_url_expires(
    site: Site, add: Add, resize_of: Any, clock: Callable[[float], None]
) -> None:
    storage = site(**PRIVATE)
    resize = resize_of(add())
    url = resize.url
    assert re.fullmatch(rf"/media/{resize.key}\?expires={EXPIRES}&signature=[0-9a-f]{{32}}", url)
    made, found = get(url), get(url)
    for response in (made, found):
        assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
        assert response["Cache-Control"] == f"private, max-age={EXPIRES - NOW}, immutable"
        assert_private(response)
    assert found.body == made.body
    assert storage.calls["put"] == 1
    assert get(url, **{"If-None-Match": found["ETag"]}).status_code == 304
    clock(EXPIRES - 1)
    assert get(url)["Cache-Control"] == "private, max-age=1, immutable"
    clock(EXPIRES)
    assert_refused(get(url))


def test_urls_are_made_without_any_call_and_are_the_same_for_an_hour(
    site: Site, add: Add, resize_of: Any, clock: Callable[[float], None]
) -> None:
    storage = site(**PRIVATE)
    key = add()
    first = resize_of(key).url
    clock(NOW + 2999)
    assert resize_of(key).url == first
    clock(NOW + 3000)
    assert resize_of(key).url != first
    assert not storage.calls


FORGED = {
    "no signature": lambda url, other: url.partition("?")[0],
    "empty signature": lambda url, other: re.sub("signature=.*", "signature=", url),
    "other signature": lambda url, other: url[:-1] + ("0" if url[-1] != "0" else "1"),
    "later expiry": lambda url, other: url.replace(str(EXPIRES), str(EXPIRES + HOUR)),
    "spelling of the expiry": lambda url, other: url.replace("expires=", "expires=0"),
    "another size": lambda url, other: url.replace("400x300", "401x300"),
    "query of another file": lambda url, other: url.replace(
        urlsplit(url).query, urlsplit(other).query
    ),
    "token of a folder": lambda url, other: url.replace(
        "/media/", f"/media/{EXPIRES}-{'0' * 32}/"
    ),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forged_url_is_404_before_any_call(
    site: Site, add: Add, resize_of: Any, forge: Callable[[str, str], str]
) -> None:
    storage = site(**PRIVATE)
    resize, other = resize_of(add()), resize_of(add())
    assert_refused(get(forge(resize.url, other.url)))
    assert not storage.calls


def test_refusals_for_all_reasons_are_the_same(
    site: Site, add: Add, resize_of: Any, clock: Callable[[float], None]
) -> None:
    site(**PRIVATE)
    key = add()
    resize, poster = resize_of(key).url, url_of(put(key, "_poster.jpg", picture()))
    gone = resize_of(key.replace(key[:8], "00000000")).url
    answers = [get(gone), get(resize.partition("?")[0]), get(resize.replace(".jpg?", "0.jpg?"))]
    clock(EXPIRES)
    answers += [get(resize), get(poster)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_post_of_a_private_url_is_405(site: Site, add: Add, resize_of: Any) -> None:
    site(**PRIVATE)
    response = get(resize_of(add()).url, "post")
    assert response.status_code == 405
    assert_private(response)


def test_signature_of_a_file_is_none_of_an_original(site: Site, add: Add) -> None:
    storage: Any = site(**PRIVATE)
    key = add()
    assert get(storage.url(key)).status_code == 200
    assert_private(get(storage.url(key)))
    assert_refused(get(storage.derived_url(key)))
    assert_refused(get(f"/media/{EXPIRES}-{'0' * 32}/{key}"))


def test_original_in_a_storage_with_public_resizes_is_private_too(
    site: Site, add: Add, resize_of: Any
) -> None:
    storage: Any = site(originals="private")
    key = add()
    assert_private(get(storage.url(key)))
    assert get(resize_of(key).url)["Access-Control-Allow-Origin"] == "*"


def test_mezzanine_of_a_private_storage_is_404(site: Site, add: Add) -> None:
    site(**PRIVATE, mezzanine=True)
    key = put(add(), "_m/2048.jpg", picture())
    assert_refused(get(url_of(key)))


# Renditions and their folders


def test_playlist_has_a_token_that_its_relative_names_inherit(site: Site, add: Add) -> None:
    site(**PRIVATE)
    clip = add(b"movie", "clip.mp4")
    master = put(clip, "_web/hls.m3u8", PLAYLIST)
    put(clip, "_web/hls-96p/index.m3u8", b"#EXTM3U\ns00000.m4s\n")
    put(clip, "_web/hls-96p/s00000.m4s", b"segment")
    url = url_of(master)
    assert re.fullmatch(rf"/media/{EXPIRES}-[0-9a-f]{{32}}/{master}", url)
    folder = url.rpartition("/")[0]
    for path, body in (
        (url, PLAYLIST),
        (f"{folder}/hls-96p/index.m3u8", b"#EXTM3U\ns00000.m4s\n"),
        (f"{folder}/hls-96p/s00000.m4s", b"segment"),
    ):
        response = get(path)
        assert (response.status_code, response.body) == (200, body)
        assert response["Cache-Control"] == f"private, max-age={EXPIRES - NOW}, immutable"
        assert_private(response)
    segment = get(f"{folder}/hls-96p/s00000.m4s", Range="bytes=1-3")
    assert (segment.status_code, segment.body) == (206, b"egm")
    assert_private(segment)


def test_token_opens_nothing_outside_of_its_folder(
    site: Site, add: Add, resize_of: Any, clock: Callable[[float], None]
) -> None:
    storage = site(**PRIVATE)
    clip, other = add(b"movie", "clip.mp4"), add(b"movie", "clip.mp4")
    master = put(clip, "_web/hls.m3u8", PLAYLIST)
    token = url_of(master).removeprefix("/media/").partition("/")[0]
    for key in (
        clip,
        put(clip, "_poster.jpg", picture()),
        put(clip, "_web2/hls.m3u8", PLAYLIST),
        put(clip, "_we/b.m3u8", PLAYLIST),
        put(other, "_web/hls.m3u8", PLAYLIST),
        resize_of(clip).key,
    ):
        assert_refused(get(f"/media/{token}/{key}"))
        assert not storage.calls
    for wrong in (token[:-1] + ("0" if token[-1] != "0" else "1"), f"2{token[1:]}"):
        assert_refused(get(f"/media/{wrong}/{master}"))
    assert_refused(get(f"/media/{master}"))
    clock(EXPIRES)
    assert_refused(get(f"/media/{token}/{master}"))


def test_public_file_is_404_with_a_token(site: Site, add: Add, resize_of: Any) -> None:
    site()
    key = resize_of(add()).key
    assert get(f"/media/{EXPIRES}-{'0' * 32}/{key}").status_code == 404
    assert get(f"/media/{key}").status_code == 200


def test_mp4_and_poster_are_signed_alone(site: Site, add: Add) -> None:
    site(**PRIVATE)
    clip = add(b"movie", "clip.mp4")
    for leaf in ("_web/720p.mp4", "_poster.jpg", "_new-poster/0a1b2c3d/poster.jpg"):
        url = url_of(put(clip, leaf, b"bytes"))
        assert f"?expires={EXPIRES}&signature=" in url
        assert get(url).body == b"bytes"
        assert_private(get(url))
        assert_refused(get(url.replace(".mp4?", ".webm?").replace(".jpg?", ".png?")))


def test_url_of_a_video_is_valid_until_its_end(site: Site, add: Add) -> None:
    storage: Any = site(**PRIVATE)
    clip = add(b"movie", "clip.mp4")
    url = storage.playback_url(put(clip, "_web/720p.mp4", b"film"), 5400.0)
    assert f"expires={EXPIRES + 2 * HOUR}&" in url
    assert get(url)["Cache-Control"] == f"private, max-age={EXPIRES + 2 * HOUR - NOW}, immutable"


def test_token_before_an_encoded_key_is_404(site: Site, add: Add) -> None:
    site(**PRIVATE)
    url = url_of(put(add(b"movie", "clip.mp4"), "_web/hls.m3u8", PLAYLIST))
    raw = url.replace("hls.m3u8", "hls%2Em3u8")
    assert_refused(Client(REQUEST_URI=raw).get(raw))
    right = Client(REQUEST_URI=url).get(url)
    assert right.status_code == 200
    assert b"".join(right.streaming_content) == PLAYLIST  # type: ignore[attr-defined]


# MAY_READ

ANSWERS: dict[str, Any] = {}
ASKED: list[tuple[str, str]] = []


def may_read(request: HttpRequest, key: str) -> bool:
    ASKED.append((request.path, key))
    answer = ANSWERS["answer"]
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]


MAY_READ = {"MAY_READ": "tests.resizes.test_private.may_read"}


def test_permitted_reader_gets_everything_and_no_cache_keeps_it(
    site: Site, add: Add, resize_of: Any
) -> None:
    storage: Any = site(**PRIVATE, shift_media=MAY_READ)
    ANSWERS["answer"] = True
    key = add()
    for url in (resize_of(key).url, storage.url(key), url_of(put(key, "_web/a.m3u8", PLAYLIST))):
        ASKED.clear()
        response = get(url)
        assert (response.status_code, response["Cache-Control"]) == (200, "private, no-store")
        assert_private(response)
        assert len(ASKED) == 1
        assert ASKED[0][0].endswith(ASKED[0][1])


@pytest.mark.parametrize(
    "answer",
    [False, None, "yes", 1, PermissionDenied("no"), Http404("no"), ObjectDoesNotExist("no")],
    ids=repr,
)
def test_reader_without_permission_gets_404_and_nothing_is_made(
    site: Site, add: Add, resize_of: Any, answer: Any
) -> None:
    storage: Any = site(**PRIVATE, shift_media=MAY_READ)
    ANSWERS["answer"] = answer
    key = add()
    for url in (resize_of(key).url, storage.url(key), url_of(put(key, "_web/a.m3u8", PLAYLIST))):
        assert_refused(get(url))
        assert not storage.calls


def test_permission_is_asked_for_after_the_signature_and_never_for_public_files(
    site: Site, add: Add, resize_of: Any
) -> None:
    site(**PRIVATE, shift_media=MAY_READ)
    ANSWERS["answer"] = True
    ASKED.clear()
    resize = resize_of(add())
    assert_refused(get(f"{resize.url}0"))
    assert_refused(get(f"{resize.url.replace('400x300', '401x300')}"))
    assert ASKED == []
    site(shift_media=MAY_READ)
    key = add()
    assert get(resize_of(key).url).status_code == get(f"/media/{key}").status_code == 200
    assert ASKED == []


@pytest.mark.django_db
def test_permission_may_depend_on_the_user_of_the_session(
    site: Site, add: Add, resize_of: Any, django_user_model: Any
) -> None:
    site(**PRIVATE, shift_media={"MAY_READ": "tests.resizes.test_private.is_staff"})
    resize = resize_of(add())
    for staff, status in ((False, 404), (True, 200)):
        client = Client()
        user = django_user_model.objects.create_user(f"user-{staff}", is_staff=staff)
        client.force_login(user)
        response = client.get(resize.url)
        assert response.status_code == status
        assert not response.cookies


def is_staff(request: Any, key: str) -> bool:
    return bool(request.user.is_staff)


# nginx sends the file


def test_file_is_left_to_nginx_with_the_headers_of_the_app(
    site: Site, add: Add, resize_of: Any
) -> None:
    storage: Any = site(**PRIVATE, accel_location="/private-media/")
    key = add()
    resize = resize_of(key)
    listed = put(key, "_web/a.m3u8", PLAYLIST)
    for name, url in (
        (resize.key, resize.url),
        (key, storage.url(key)),
        (listed, url_of(listed)),
    ):
        response = get(url)
        assert (response.status_code, response.body) == (200, b"")
        assert response["X-Accel-Redirect"] == f"/private-media/{name}"
        assert ("image/jpeg" in response["Content-Type"]) == name.endswith(".jpg")
        assert_private(response)
    assert storage.calls["put"] == 1
    assert_refused(get(url_of(f"{parse_original_key(key).prefix}_web/gone.mp4")))


@pytest.mark.parametrize("location", ["media", "/media", "https://x/", "/../", "/a b/", None])
def test_accel_location_that_is_no_path_is_refused(location: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="accel_location"):
        LocalMediaStorage(accel_location=location)


# Options


def test_private_resizes_of_public_originals_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be combined with public originals"):
        LocalMediaStorage(derived="private")
    with pytest.raises(ImproperlyConfigured, match="'public' or 'private'"):
        LocalMediaStorage(originals="private", derived="secret")


def test_placeholder_is_drawn_only_for_a_signed_url(
    site: Site, add: Add, resize_of: Any, settings: Any
) -> None:
    site(**PRIVATE, shift_media={"DEV_PLACEHOLDERS": True})
    settings.DEBUG = True
    gone = resize_of(add())
    default_media_storage.delete_prefix(gone.original.prefix)  # type: ignore[attr-defined]
    assert_refused(get(gone.url.partition("?")[0]))
