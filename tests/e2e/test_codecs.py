"""AV1 beside H.264, as our jobs make it, in the players of a browser."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route

from shift_media.video.profiles import parse_profile
from tests.transcoding.conftest import H264, Draw, draw, sound
from tests.transcoding.test_hls import run

__all__ = ["draw"]

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium", "ffmpeg")]

FAST = {"preset": "ultrafast"}
BOTH = {"kind": "hls", "heights": [96, 48], "segment_seconds": 1, **FAST}
PROFILE: dict[str, Any] = {
    "96p-av1.mp4": {"kind": "mp4", "height": 96, "codec": "av1", **FAST},
    "av1.m3u8": {**BOTH, "codecs": ["av1"]},
    "both.m3u8": {**BOTH, "codecs": ["h264", "av1"]},
    "both.mpd": {"kind": "dash"},
}

PLAYED = """async (until) => {
  const video = document.querySelector("video");
  const began = performance.now();
  while ((video.currentTime < until || video.readyState < 3) && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  return [video.currentTime > until, video.error && video.error.message, video.videoWidth > 0];
}"""
HLS = """async (url) => {
  const hls = new Hls(), video = document.querySelector("video");
  const ready = new Promise((done) => hls.once(Hls.Events.MANIFEST_PARSED, done));
  hls.loadSource(url);
  hls.attachMedia(video);
  await ready;
  video.muted = true;
  await video.play();
  return hls.levels.map((level) => level.videoCodec.split(".")[0]);
}"""
SHAKA = """async (url) => {
  shaka.polyfill.installAll();
  const player = new shaka.Player(), video = document.querySelector("video");
  await player.attach(video);
  await player.load(url);
  video.muted = true;
  await video.play();
  return [...new Set(player.getVariantTracks().map((one) => one.videoCodec.split(".")[0]))];
}"""


@pytest.fixture(scope="module")
def made(draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the renditions."""
    picture = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=10:duration=3"]
    source = draw("codecs.mp4", *picture, *sound(3), *H264)
    root = tmp_path_factory.mktemp("codecs")
    job, _ = run(source, root, parse_profile("codecs", PROFILE))
    return root / job.prefix


@pytest.fixture
def show(page: Page, made: Path) -> Callable[..., None]:
    """Return a function that opens a page with a video, and serves the renditions to it."""

    def serve(route: Route) -> None:
        path = made / urlsplit(route.request.url).path.partition("/made/")[2]
        kind = mimetypes.guess_type(path.name)[0] or "video/iso.segment"
        route.fulfill(body=path.read_bytes(), content_type=kind)

    def show(source: str = "", script: Path | None = None) -> None:
        page.route("**/made/**", serve)
        page.route("**/codecs/", lambda route: route.fulfill(body=html, content_type="text/html"))
        html = f"<!doctype html><video muted>{source}</video>"
        page.goto("http://players.test/codecs/")
        if script is not None:
            page.add_script_tag(path=script)

    return show


@pytest.mark.needs("hls.js")
@pytest.mark.parametrize("playlist", ["av1", "both"])
def test_hls_js_plays_av1_alone_and_beside_h264(
    playlist: str, page: Page, show: Callable[..., None], needs: Callable[[str], Path]
) -> None:
    show(script=needs("hls.js"))
    codecs = page.evaluate(HLS, f"/made/{playlist}.m3u8")
    assert set(codecs) <= {"av01", "avc1"}
    assert playlist == "both" or set(codecs) == {"av01"}
    assert page.evaluate(PLAYED, 2.1) == [True, None, True]


@pytest.mark.needs("shaka-player")
def test_shaka_player_keeps_to_one_codec_of_a_manifest(
    page: Page, show: Callable[..., None], needs: Callable[[str], Path]
) -> None:
    show(script=needs("shaka-player"))
    assert page.evaluate(SHAKA, "/made/both.mpd") in (["av01"], ["avc1"])
    assert page.evaluate(PLAYED, 2.1) == [True, None, True]


def test_browser_takes_the_source_whose_codecs_it_knows(
    page: Page, show: Callable[..., None]
) -> None:
    show(
        "<source src='/made/none.mp4' type='video/mp4; codecs=\"vvc1.1.L51\"'>"
        "<source src='/made/96p-av1.mp4' type='video/mp4; codecs=\"av01.0.00M.08,mp4a.40.2\"'>"
    )
    page.evaluate("document.querySelector('video').play()")
    assert page.evaluate(PLAYED, 0.5) == [True, None, True]
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("96p-av1.mp4")
