"""Private resizes and renditions in a bucket: the app redirects, and the bucket answers."""

from __future__ import annotations

import io
import re
import urllib.request
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from shift_media.core.keys import parse_original_key
from shift_media.storages import S3MediaStorage
from shift_media.video.playlists import parse_playlist
from tests.resizes.conftest import picture
from tests.servers.sites import S3Site

pytestmark = [pytest.mark.acceptance(79)]

PRIVATE = {"originals": "private", "derived": "private", "public_url": "/media/"}
MASTER = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="hls-a/index.m3u8"\nhls-96p/index.m3u8\n'
INDEX = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2.0,\ns00000.m4s\n#EXT-X-ENDLIST\n'


def get(url: str, method: str = "get") -> Any:
    return getattr(Client(), method)(url)


def read(url: str, method: str = "GET") -> tuple[int, Any, bytes]:
    """Request a URL of the bucket without any credentials."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, b""


def put(site: S3Site, original: str, leaf: str, content: bytes, type_: str = "video/mp4") -> str:
    key = f"{parse_original_key(original).prefix}{leaf}"
    assert site.storage.put(key, io.BytesIO(content), content_type=type_)
    site.proxy.clear()
    return key


def assert_private(response: Any) -> None:
    assert response["Cache-Control"].startswith("private")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response["Cross-Origin-Resource-Policy"] == "same-site"


def test_resize_is_made_and_answered_with_a_redirect_to_the_bucket(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    key = s3_site.add(picture())
    resize = s3_site.resize(key)
    url = resize.url
    assert url.startswith(f"/media/{resize.key}?expires=")
    assert s3_site.proxy.requests == []
    made = get(url)
    assert s3_site.proxy.methods() == ["HEAD", "GET", "PUT"]
    found = get(url)
    assert s3_site.proxy.methods() == ["HEAD", "GET", "PUT", "HEAD"]
    for response in (made, found):
        assert response.status_code == 302
        assert_private(response)
        status, headers, body = read(response["Location"])
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert body.startswith(b"\xff\xd8")
        assert headers["Cache-Control"].startswith("private")
        assert "Access-Control-Allow-Origin" not in headers
        assert read(response["Location"].partition("?")[0])[0] == 403
    assert get(f"/media/{resize.key}").status_code == 404
    head = get(url, "head")
    assert (head.status_code, read(head["Location"], "HEAD")[0]) == (302, 200)


def test_everything_stored_is_private_in_the_bucket(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE, default_acl="public-read", mezzanine=True)
    key = s3_site.add(picture())
    get(s3_site.resize(key).url)
    put(s3_site, key, "_web/a.mp4", b"film")
    assert len(s3_site.stored()) >= 3
    for name in s3_site.stored():
        stored = s3_site.client.head_object(Bucket=s3_site.bucket, Key=name)
        assert stored["CacheControl"].startswith("private"), name
        assert read(f"{s3_site.server.endpoint}/{s3_site.bucket}/{name}")[0] == 403, name


def test_presigned_url_ends_with_the_url_of_the_app(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    url = s3_site.resize(s3_site.add(picture())).url
    expires = int(parse_qs(urlsplit(url).query)["expires"][0])
    query = parse_qs(urlsplit(get(url)["Location"]).query)
    assert 3600 - 60 <= int(query["X-Amz-Expires"][0]) <= 7200
    assert expires % 3600 == 0


def test_content_mode_sends_the_bytes_itself(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE, delivery="content")
    url = s3_site.resize(s3_site.add(picture())).url
    for _ in range(2):
        response = get(url)
        assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
        assert "immutable" in response["Cache-Control"]
        assert_private(response)


def test_original_and_its_download_lead_to_the_bucket_by_the_app(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    key = s3_site.add(picture())
    url, download = s3_site.storage.url(key), s3_site.storage.download_url(key, "Été.jpg")
    assert url.startswith(f"/media/{key}?expires=")
    response = get(url)
    assert (response.status_code, response["Cache-Control"]) == (302, "private, no-store")
    status, headers, body = read(response["Location"])
    assert (status, body, headers["Content-Disposition"]) == (200, picture(), None)
    headers = read(get(download)["Location"])[1]
    assert headers["Content-Disposition"].startswith('attachment; filename="photo.jpg"')
    assert get(download.replace("download=", "download=x")).status_code == 404
    assert get(f"/media/{key}").status_code == 404


def test_playlists_come_from_the_app_with_presigned_names_of_segments(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    clip = s3_site.add(b"movie", "clip.mp4")
    type_ = "application/vnd.apple.mpegurl"
    master = put(s3_site, clip, "_web/hls.m3u8", MASTER.encode(), type_)
    put(s3_site, clip, "_web/hls-96p/index.m3u8", INDEX.encode(), type_)
    for name in ("init.mp4", "s00000.m4s"):
        put(s3_site, clip, f"_web/hls-96p/{name}", name.encode())
    url = s3_site.storage.derived_url(master)
    response = get(url)
    assert (response.status_code, response.content.decode()) == (200, MASTER)
    assert_private(response)
    index = get(url.replace("hls.m3u8", "hls-96p/index.m3u8"))
    assert index["Content-Type"] == type_
    assert_private(index)
    names = parse_playlist_urls(index.content.decode())
    assert len(names) == 2
    for name, content in zip(names, (b"init.mp4", b"s00000.m4s"), strict=True):
        status, headers, body = read(name)
        assert (status, body) == (200, content)
        assert headers["Cache-Control"].startswith("private")
    by_app = get(url.replace("hls.m3u8", "hls-96p/s00000.m4s"))
    assert by_app.status_code == 302
    assert read(by_app["Location"])[2] == b"s00000.m4s"
    assert len(parse_playlist(index.content.decode()).segments) == 1


def parse_playlist_urls(text: str) -> list[str]:
    return re.findall(r'https?://[^\s"]+', text)


def test_missing_playlist_and_segment_are_404_or_lead_to_404(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    clip = parse_original_key(s3_site.add(b"movie", "clip.mp4"))
    assert get(s3_site.storage.derived_url(f"{clip.prefix}_web/hls.m3u8")).status_code == 404
    gone = get(s3_site.storage.derived_url(f"{clip.prefix}_web/720p.mp4"))
    assert read(gone["Location"])[0] in (403, 404)


def test_names_that_leave_the_folder_are_not_signed(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE)
    clip = s3_site.add(b"movie", "clip.mp4")
    lines = ["#EXTM3U", "../_other/a.mp4", "../clip.mp4", "https://evil.example/a.ts", "a?b", ".."]
    key = put(s3_site, clip, "_web/hls.m3u8", "\n".join([*lines, ""]).encode())
    assert get(s3_site.storage.derived_url(key)).content.decode().splitlines() == lines


def test_storage_that_cannot_presign_has_its_files_sent_by_the_app(
    s3_site: S3Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_site.configure(**PRIVATE)
    monkeypatch.setattr(S3MediaStorage, "presigned_url", lambda *args, **options: None)
    clip = s3_site.add(b"movie", "clip.mp4")
    url = s3_site.storage.derived_url(put(s3_site, clip, "_web/720p.mp4", b"film"))
    for headers in ({}, {"Range": "bytes=1-2"}):
        response: Any = Client().get(url, headers=headers)
        assert (response.status_code, b"".join(response.streaming_content)) == (200, b"film")
        assert_private(response)


def test_location_stands_in_the_bucket_and_not_in_the_url(s3_site: S3Site) -> None:
    s3_site.configure(**PRIVATE, location="shop")
    resize = s3_site.resize(s3_site.add(picture()))
    assert resize.url.startswith(f"/media/{resize.key}?")
    location = get(resize.url)["Location"]
    assert f"/shop/{resize.key}?" in location
    assert read(location)[0] == 200
