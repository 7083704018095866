"""A private video in Chromium: every request has a signature, and none works without it."""

from __future__ import annotations

import io
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from playwright.sync_api import Page, Request

from shift_media.core.keys import new_original_key
from shift_media.storages import LocalMediaStorage, default_media_storage
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.base import RUNNING, Job, State
from shift_media.video.profiles import parse_profile
from tests.servers.app import App
from tests.servers.fixtures import media_on, new_bucket, storage_options
from tests.transcoding.conftest import H264, Draw, draw, sound

__all__ = ["draw"]

pytestmark = [
    pytest.mark.acceptance(79),
    pytest.mark.e2e,
    pytest.mark.needs("chromium", "ffmpeg", "hls.js"),
]

PROFILE = {"hls.m3u8": {"kind": "hls", "heights": [120], "segment_seconds": 1, "preset": "fast"}}
PRIVATE = {"originals": "private", "derived": "private"}
PLAY = """async (url) => {
  const video = document.querySelector("video");
  video.muted = true;
  const player = new Hls();
  player.loadSource(url);
  player.attachMedia(video);
  video.play().catch(() => {});
  const began = performance.now();
  while ((video.currentTime < 1.2 || video.readyState < 3) && performance.now() - began < 20000)
    await new Promise((done) => setTimeout(done, 30));
  return [video.currentTime, video.videoHeight];
}"""


@dataclass
class Video:
    """The renditions of a video by their keys, and where they came from."""

    playlist: str
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def video(draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Video:
    """Transcode two and a half seconds without a database."""
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2.5"]
    path = draw("private.mp4", *picture, *sound(2.5), *H264)
    storage = LocalMediaStorage(location=str(tmp_path_factory.mktemp("made")), base_url="/media/")
    original = new_original_key("film", "mp4")
    storage.put(str(original), ContentFile(path.read_bytes()), content_type="video/mp4")
    transcoder = FFmpeg()
    job = Job(1, "0a1b2c3d", original, parse_profile("web", PROFILE), storage)
    transcoder.submit(job)
    while (report := transcoder.read(job)).state in RUNNING:
        pass
    assert report.state == State.COMPLETE, report.error
    (playlist,) = [each.key for each in report.renditions if each.kind == "hls"]
    files = {}
    for entry in storage.entries(original.prefix):
        with storage.fetch(entry.key) as source:
            files[entry.key] = source.read()
    return Video(playlist, files)


@pytest.fixture
def site(video: Video) -> Iterator[Any]:
    """Serve the app in this process, whose settings a test changes."""
    app = App(get_wsgi_application())
    with override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
        yield SimpleNamespace(url=f"http://127.0.0.1:{app.port}", app=app)
    app.stop()


@pytest.fixture(params=["disk", pytest.param("bucket", marks=pytest.mark.s3)])
def url(request: pytest.FixtureRequest, video: Video, site: Any, tmp_path: Path) -> Iterator[str]:
    """Store the video in a private storage; yield the URL of its playlist."""
    if request.param == "bucket":
        server = request.getfixturevalue("seaweedfs")
        options = storage_options(server, new_bucket(server)) | {"public_url": "/media/"}
        backend = media_on({**options, **PRIVATE})
    else:
        options = {"location": tmp_path / "media", "base_url": "/media/", **PRIVATE}
        backend = on_disk(options)
    with backend, override_settings(SHIFT_MEDIA={"SITE_URL": site.url}):
        storage: Any = default_media_storage
        for key, content in video.files.items():
            storage.put(key, io.BytesIO(content), content_type=type_of(key))
        if request.param == "bucket":
            call_command("media_bucket", "apply", "--cors", "--yes", stdout=io.StringIO())
        yield storage.derived_url(video.playlist)


def on_disk(options: dict[str, Any]) -> Any:
    from django.conf import settings

    media = {"BACKEND": "shift_media.storages.LocalMediaStorage", "OPTIONS": options}
    return override_settings(STORAGES={**settings.STORAGES, "media": media})


def type_of(key: str) -> str:
    return "application/vnd.apple.mpegurl" if key.endswith("m3u8") else "video/mp4"


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_private_hls_plays_and_each_request_of_it_is_signed(
    page: Page, site: Any, url: str, needs: Callable[[str], Path]
) -> None:
    requests: list[str] = []

    def note(request: Request) -> None:
        requests.append(request.url)

    page.on("request", note)
    # A page of the server: one that the test fulfills may not read from loopback.
    page.goto("/no-such-page/")
    page.evaluate("document.body.innerHTML = '<video></video>'")
    page.add_script_tag(content=needs("hls.js").read_text())
    time, height = page.evaluate(PLAY, url)
    assert (time > 1.2, height) == (True, 120)
    asked = [one for one in requests if "/_web/" in one]
    assert sum(one.partition("?")[0].endswith(".m3u8") for one in asked) >= 2
    assert sum(".m4s" in one for one in asked) >= 2
    for one in asked:
        bare = re.sub(r"\?.*|[0-9]{10}-[0-9a-f]{32}/", "", one)
        assert bare != one
        assert status_of(bare) in (403, 404)
