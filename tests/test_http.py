"""Ranges and conditional requests over HTTP, of files on disk and of resizes in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils.http import http_date

from shift_media.http import BLOCK
from shift_media.resizes.resize import Resize
from tests.resizes.conftest import add, lock_dir, picture, resize_of, site, storage
from tests.resizes.counting import CountingStorage

__all__ = ["add", "lock_dir", "resize_of", "site", "storage"]

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]

IMMUTABLE = "public, max-age=31536000, immutable"
LONG_AGO, FAR_OFF = http_date(1), http_date(4e9)

ID = {"X-Request-ID": "a-request"}
"""Answers to requests of one id can be compared; each gets another one otherwise."""


@pytest.fixture(params=["original", "resize"])
def url(
    request: pytest.FixtureRequest, storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> str:
    """Return the URL of a file on disk, and of a resize, whose bytes are in memory."""
    key = add()
    return f"/media/{key}" if request.param == "original" else resize_of(key).url


def get(url: str, method: str = "get", **headers: str) -> Any:
    response = getattr(Client(headers=ID), method)(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    response.body = response.getvalue()
    return response


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"range": "bytes=999999-"}, 416),
        ({"range": "bytes=-0"}, 416),
        ({"if_match": '"other"'}, 412),
        ({"if_match": '"other"', "range": "bytes=0-9"}, 412),
        ({"if_match": '"other"', "if_none_match": "*"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_refused_range_or_condition_is_not_cached(
    url: str, headers: dict[str, str], status: int, method: str
) -> None:
    response = get(url, method, **headers)
    assert (response.status_code, response["Cache-Control"]) == (status, "no-store")
    assert response["Access-Control-Allow-Origin"] == "*"


def test_unmodified_since_is_ignored_without_modification_date(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    resize = resize_of(key).url
    for since in (LONG_AGO, FAR_OFF, "no date"):
        response = get(resize, if_unmodified_since=since)
        assert response.status_code == 200
        assert "Last-Modified" not in response
    statuses = {
        since: get(f"/media/{key}", if_unmodified_since=since).status_code
        for since in (LONG_AGO, FAR_OFF, "no date")
    }
    assert statuses == {LONG_AGO: 412, FAR_OFF: 200, "no date": 200}


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-99999999", "bytes=-99999999"])
def test_range_of_whole_file_is_206(url: str, asked: str) -> None:
    whole = get(url)
    part = get(url, range=asked)
    size = len(whole.body)
    assert (part.status_code, part.body) == (206, whole.body)
    assert part["Content-Range"] == f"bytes 0-{size - 1}/{size}"
    assert part["Cache-Control"] == IMMUTABLE


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=5-9", "bytes=-7", "bytes=999999-"])
def test_head_with_range_has_the_headers_of_get(url: str, asked: str) -> None:
    head, full = get(url, "head", range=asked), get(url, range=asked)
    assert head.body == b""
    assert (head.status_code, dict(head.headers)) == (full.status_code, dict(full.headers))


def test_range_holds_only_for_the_version_of_if_range(url: str) -> None:
    first = get(url)
    for name in ("ETag", "Last-Modified"):
        if name in first:
            assert get(url, range="bytes=0-9", if_range=first[name]).status_code == 206
    for other in ('"other"', f"W/{first['ETag']}", LONG_AGO, FAR_OFF, ""):
        assert get(url, range="bytes=0-9", if_range=other).status_code == 200


def test_range_of_empty_file_is_the_file_or_416(storage: CountingStorage, add: Add) -> None:
    url = f"/media/{add(b'')}"
    statuses = {
        asked: get(url, range=f"bytes={asked}").status_code for asked in ("-5", "0-", "0-0")
    }
    assert statuses == {"-5": 200, "0-": 416, "0-0": 416}


def test_scripts_of_other_origins_may_read_what_they_need(url: str) -> None:
    response = get(url, range="bytes=0-9")
    exposed = response["Access-Control-Expose-Headers"].split(", ")
    assert {"Content-Range", "ETag"} <= {name for name in exposed if name in response}
    assert "Retry-After" in exposed


def test_post_without_csrf_token_is_405(url: str) -> None:
    response = Client(enforce_csrf_checks=True).post(url, {"a": "b"})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("range", ["", "bytes=0-", "bytes=7-", "bytes=-7", f"bytes=3-{BLOCK + 9}"])
def test_file_is_streamed_in_blocks_under_asgi(
    storage: CountingStorage, add: Add, range: str
) -> None:
    content = picture("BMP", (400, 300))
    assert len(content) > BLOCK
    path = f"/media/{add(content)}"
    expected = get(path, **({"range": range} if range else {}))

    async def ask() -> tuple[Any, list[bytes]]:
        response: Any = await AsyncClient().get(path, headers={"range": range} if range else {})
        assert response.is_async
        return response, [block async for block in response.streaming_content]

    response, blocks = asyncio.run(ask())
    assert response.status_code == expected.status_code
    assert b"".join(blocks) == expected.body
    assert max(map(len, blocks)) <= BLOCK
    for name in ("Content-Length", "Content-Range", "ETag", "Content-Type"):
        assert response.get(name) == expected.get(name)


def test_file_is_closed_if_client_under_asgi_leaves(storage: CountingStorage, add: Add) -> None:
    path = f"/media/{add(picture('BMP', (400, 300)))}"

    async def leave() -> Any:
        response: Any = await AsyncClient().get(path)
        blocks = aiter(response.streaming_content)
        await anext(blocks)
        await blocks.aclose()
        return response

    asyncio.run(leave())  # An open file is a ResourceWarning, which is an error.
