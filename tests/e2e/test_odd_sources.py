"""A page with the renditions of fourteen odd sources: every one plays, as HLS and as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page

from tests.e2e.clips import draw_odd, make_clips
from tests.transcoding.conftest import Draw, draw

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

__all__ = ["draw"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.needs("chromium", "ffmpeg", "hls.js"),
]

STYLE = """
  body { margin: 1rem; font: 15px/1.4 "DejaVu Sans", sans-serif; background: #f3f4f6; }
  main { display: grid; grid-template-columns: repeat(5, 1fr); gap: 1rem; }
  figure { margin: 0; padding: .6rem; background: #fff; border-radius: .5rem; }
  video { width: 100%; height: 10rem; background: #000; }
  audio { width: 100%; height: 10rem; }
"""

PLAY_ALL = """async () => {
  const colorsOf = (video) => {
    if (!video.videoWidth) return [];
    const canvas = Object.assign(document.createElement("canvas"), {width: 60, height: 1});
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 60, 1); // the mean of the bars at six places
    return [...context.getImageData(0, 0, 60, 1).data].filter((_, i) => i % 4 < 3);
  };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const all = [...document.querySelectorAll("video, audio")];
  return Promise.all(all.map(async (media) => {
    media.muted = true;
    media.playbackRate = 1;
    await media.play().catch((error) => { media.dataset.refused = error.name; });
    const began = performance.now();
    // On a busy machine hls.js 1.7 may leave a video of 0.3 s at its end without saying so.
    const isOver = () => media.ended || media.currentTime >= media.duration - 0.005;
    while (!isOver() && performance.now() - began < 90000) await wait(50);
    return {
      ended: isOver(), time: media.currentTime, duration: media.duration,
      error: media.error && media.error.message, refused: media.dataset.refused || null,
      src: media.currentSrc.startsWith("blob:") ? "hls.js" : media.currentSrc.split("/").pop(),
      size: media.videoWidth ? [media.videoWidth, media.videoHeight] : null,
      state: [media.paused, media.seeking, media.readyState, media.networkState],
      colors: colorsOf(media), heard: media.webkitAudioDecodedByteCount > 0,
    };
  }));
}"""

ONLY_FILES = """() => {
  for (const video of document.querySelectorAll("video")) {
    const plain = video.cloneNode(true);
    plain.querySelectorAll("source[type*=mpegurl]").forEach((source) => source.remove());
    plain.removeAttribute("src");
    video.replaceWith(plain);
  }
}"""

SECONDS = {"sound-longer.mp4": 3, "short.mp4": 0.3, "variable-rate.mkv": 3}
"""All others last two seconds."""

SILENT = {"half-tagged-pq.mp4", "size-changes.mkv"}


def test_renditions_of_odd_sources_play(
    page: Page, site: Site, draw: Draw, shot: Callable[[Page, str], Path], console: Console
) -> None:
    sources = draw_odd(draw)
    clips, script = make_clips(site, sources.values())
    made = dict(zip(sources, clips, strict=True))
    assert {name: clip["error"] for name, clip in made.items() if clip["error"]} == {}
    figures = "".join(
        f"<figure>{clip['html']}<figcaption>{name}</figcaption></figure>"
        for name, clip in made.items()
    )
    html = f"<!doctype html><title>Odd</title><style>{STYLE}</style><main>{figures}</main>{script}"
    page.route(
        "**/odd/", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8")
    )
    page.goto("/odd/")
    page.wait_for_function(
        "[...document.querySelectorAll('video')].every((v) => v.currentSrc.startsWith('blob:'))"
    )
    segments = page.evaluate(PLAY_ALL)
    check(sources, segments, by="hls.js")
    shot(page, "odd-sources-hls")
    page.evaluate(ONLY_FILES)
    files = page.evaluate(PLAY_ALL)
    check(sources, files, by="240p.mp4")
    shot(page, "odd-sources-mp4")
    for name, one, other in zip(sources, segments, files, strict=True):
        # Without the names of colours Chromium assumes others for segments than for a file.
        assert one["colors"] == pytest.approx(other["colors"], abs=12), name
    assert console.errors == []


def check(sources: dict[str, Path], results: list[dict[str, Any]], by: str) -> None:
    for name, seen in zip(sources, results, strict=True):
        where = f"{name}: {seen}"
        assert (seen["error"], seen["refused"]) == (None, None), where
        assert seen["ended"], where
        assert seen["time"] == pytest.approx(SECONDS.get(name, 2), abs=0.2), where
        is_sound = name.endswith(".m4a")
        assert seen["src"] == ("listen.m4a" if is_sound else by), where
        if not is_sound:  # The player may have chosen the smaller stream.
            expected = 180 / 320 if name == "rotated.mp4" else 320 / 180
            assert seen["size"][0] / seen["size"][1] == pytest.approx(expected, abs=0.02), where
        assert seen["heard"] == (name not in SILENT), where
