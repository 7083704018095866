"""Public files that the web server sends, by ``X-Accel-Redirect`` or ``X-Sendfile``."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from shift_media.core.keys import parse_original_key
from shift_media.http import HEADERS
from shift_media.storages import LocalMediaStorage
from tests.resizes.conftest import picture
from tests.resizes.test_nginx import IMMUTABLE, Ask, app, start
from tests.servers.app import App

__all__ = ["app", "start"]


def get(key: str) -> Any:
    return Client().get(f"/media/{key}")


@pytest.mark.parametrize("header", ["X-Accel-Redirect", "X-Sendfile"])
def test_public_files_are_left_to_the_web_server(
    site: Any, add: Any, resize_of: Any, tmp_path: Path, header: str
) -> None:
    folder = tmp_path / "50% für alle"
    by_path = {"accel_header": header}
    storage = site(
        location=folder,
        **({"accel_location": "/stored/"} if header == "X-Accel-Redirect" else by_path),
    )
    key = add()
    poster = f"{parse_original_key(key).prefix}_poster.jpg"
    storage.put(poster, io.BytesIO(picture()), content_type="image/jpeg")
    resize = resize_of(key)
    for name in (resize.key, resize.key, key, poster):  # made, stored, stored, stored
        response = get(name)
        assert (response.status_code, response.content) == (200, b"")
        assert (response["Content-Type"], response["Cache-Control"]) == ("image/jpeg", IMMUTABLE)
        for field, value in HEADERS.items():
            assert response[field] == value
        sent = response[header]
        if header == "X-Sendfile":
            assert Path(unquote(sent)) == folder / name
            assert Path(unquote(sent)).is_file()
        else:
            assert sent == f"/stored/{name}"
    assert storage.calls["put"] == 2
    assert storage.calls["fetch"] == 1  # of the original; no stored file is read


def test_missing_public_file_is_a_404_that_names_no_path(
    site: Any, add: Any, resize_of: Any
) -> None:
    site(accel_header="X-Sendfile")
    resize, prefix = resize_of(add()), parse_original_key(add()).prefix
    wrong = f"{resize.key[:-36]}{'0' * 32}.jpg"
    for name in (wrong, f"{prefix}_web/gone.mp4"):
        response = get(name)
        assert (response.status_code, "X-Sendfile" in response) == (404, False)
        assert response["Cache-Control"] == "no-store"


def test_forged_key_is_refused_before_the_disk_is_asked_for_its_path(
    site: Any, add: Any, resize_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(accel_header="X-Sendfile")
    wrong = f"{resize_of(add()).key[:-36]}{'0' * 32}.jpg"
    asked: list[str] = []
    monkeypatch.setattr(LocalMediaStorage, "path", lambda self, name: asked.append(name))
    assert get(wrong).status_code == 404
    assert asked == []


def test_resize_that_the_storage_has_lost_is_answered_with_its_bytes(
    site: Any, add: Any, resize_of: Any
) -> None:
    storage = site(accel_location="/stored/")
    resize = resize_of(add())
    assert get(resize.key).content == b""
    storage.delete(resize.key)
    response = get(resize.key)
    assert (response["Cache-Control"], "X-Accel-Redirect" in response) == ("no-store", False)
    assert response.content.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "options",
    [{"accel_header": "X-Send"}, {"accel_header": "X-Sendfile", "accel_location": "/stored/"}],
)
def test_accel_options_that_do_not_fit_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match="accel_header"):
        LocalMediaStorage(**options)


@pytest.mark.slow
@pytest.mark.needs("nginx")
def test_nginx_sends_public_files_for_the_app(
    start: Callable[..., Ask], app: App, tmp_path: Path, site: Any, add: Any, resize_of: Any
) -> None:
    storage = site(location=tmp_path / "media", accel_location="/stored-media/")
    places = {"/srv/example": str(tmp_path), "127.0.0.1:8000": f"127.0.0.1:{app.port}"}
    asking = start("nginx-accel", places)
    key = add(picture())
    clip = f"{parse_original_key(key).prefix}_web/720p.mp4"
    storage.put(clip, io.BytesIO(b"a movie"), content_type="video/mp4")
    resize = resize_of(key)
    for name, content_type in (
        (resize.key, "image/jpeg"),
        (key, "image/jpeg"),
        (clip, "video/mp4"),
    ):
        status, headers, body = asking(f"/media/{name}")
        assert (status, headers["content-type"]) == (200, content_type)
        assert headers["cache-control"] == IMMUTABLE
        assert body == storage.fetch(name).read()
        for field, value in HEADERS.items():
            assert headers[field.lower()] == value
        status, _, part = asking(f"/media/{name}", Range="bytes=1-3")
        assert (status, part) == (206, body[1:4])
        wrong = ({"Range": f"bytes={len(body)}-"}, {"If-Match": '"other"'})
        for asked in wrong:
            status, refused, _ = asking(f"/media/{name}", **asked)
            assert (status, refused.get("cache-control")) in (
                (416, "public, no-cache"),
                (412, None),
            )
        status, whole, _ = asking(f"/media/{name}", Range="bytes=0-")
        assert (status, whole["cache-control"]) == (206, IMMUTABLE)
        status, _, rest = asking(f"/media/{name}", **{"If-None-Match": headers["etag"]})
        assert (status, rest) == (304, b"")
        assert asking(f"/stored-media/{name}")[0] == 404
