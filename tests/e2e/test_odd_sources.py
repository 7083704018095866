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

PLAY_ALL = """async (moments) => {
  const late = new Promise((done) => setTimeout(done, 90000));
  const happens = (media, name) =>
    new Promise((done) => media.addEventListener(name, done, {once: true}));
  const play = async (media) => {
    media.muted = true;
    media.playbackRate = 2;
    const error = await Promise.race([late, media.play().catch((error) => error)]);
    if (error) return error.name;
    const events = ["ended", "error"].map((name) => happens(media, name));
    if (!media.ended && !media.error) await Promise.race([late, ...events]);
    return null;
  };
  // The end is a later frame than each of the moments, so an earlier one is that of the moment.
  const isShown = (video, moment) => new Promise((done) => {
    const next = (_, {mediaTime}) =>
      mediaTime <= moment ? done(mediaTime) : video.requestVideoFrameCallback(next);
    video.requestVideoFrameCallback(next);
  });
  const seek = async (video, moment) => {
    const waits = [isShown(video, moment), happens(video, "seeked")];
    video.currentTime = moment;
    const [shown] = await Promise.race([Promise.all(waits), late.then(() => [null])]);
    return shown;
  };
  // The means of 6 × 2 fields, which hardly depend on the size of the stream.
  const colorsOf = (video) => {
    const [width, height] = [video.videoWidth, video.videoHeight];
    const context = Object.assign(document.createElement("canvas"), {width, height})
      .getContext("2d", {willReadFrequently: true});
    context.drawImage(video, 0, 0);
    const [sums, counts] = [new Float64Array(6 * 2 * 3), new Float64Array(6 * 2)];
    context.getImageData(0, 0, width, height).data.forEach((value, i) => {
      const [x, y] = [(i >> 2) % width, Math.floor((i >> 2) / width)];
      const field = Math.floor(y * 2 / height) * 6 + Math.floor(x * 6 / width);
      if (i % 4 === 3) counts[field] += 1;
      else sums[field * 3 + i % 4] += value;
    });
    return [...sums].map((sum, i) => sum / counts[Math.floor(i / 3)]);
  };
  const all = [...document.querySelectorAll("video, audio")];
  return Promise.all(all.map(async (media, i) => {
    const refused = await play(media);
    const seen = {
      refused, ended: media.ended, time: media.currentTime, duration: media.duration,
      error: media.error && media.error.message,
      src: media.currentSrc.startsWith("blob:") ? "hls.js" : media.currentSrc.split("/").pop(),
      size: media.videoWidth ? [media.videoWidth, media.videoHeight] : null,
      heard: media.webkitAudioDecodedByteCount > 0, frame: null, colors: [],
    };
    if (!seen.ended || !media.videoWidth) return seen;
    const frame = await seek(media, moments[i]);
    return {...seen, frame, colors: colorsOf(media)};
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
    # A frame lasts a tenth of a second or less: these are not at the edge of one.
    moments = [int(SECONDS.get(name, 2) * 5) / 10 + 0.05 for name in sources]
    segments = page.evaluate(PLAY_ALL, moments)
    check(sources, segments, by="hls.js")
    shot(page, "odd-sources-hls")
    page.evaluate(ONLY_FILES)
    files = page.evaluate(PLAY_ALL, moments)
    check(sources, files, by="240p.mp4")
    shot(page, "odd-sources-mp4")
    for name, one, other in zip(sources, segments, files, strict=True):
        assert one["frame"] == pytest.approx(other["frame"], abs=0.02), name
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
