"""The players of pages: hls.js, shaka-player and the browser's own, on what our jobs make."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route

from tests.e2e.clips import make_clips
from tests.transcoding.conftest import H264, Draw, draw, sound

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

__all__ = ["draw"]

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium", "ffmpeg")]

STRICT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "media-src 'self' blob:"
)
"""The policy for a page with the player, on the host of the media."""

CUES = "1\n00:00:00,500 --> 00:00:02,500\nHello.\n"

PLAYED = """async (until) => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play().catch(() => {});
  const began = performance.now();
  while ((video.currentTime < until || video.readyState < 3) && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  return {
    time: video.currentTime, error: video.error && video.error.message, src: video.currentSrc,
    size: [video.videoWidth, video.videoHeight],
    heard: video.webkitAudioDecodedByteCount > 0, seen: video.webkitDecodedFrameCount > 0,
    tracks: [...video.textTracks].map((track) => `${track.kind} ${track.language}`.trim()),
  };
}"""

SHAKA = """async ([url, until]) => {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(document.querySelector("video"));
  await player.load(url);
  return player.getVariantTracks().map((track) => track.height);
}"""


@dataclass
class Made:
    """A video of the gallery."""

    page: str
    html: str
    urls: dict[str, str]


@pytest.fixture(scope="module")
def made(site: Site, draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Store and transcode four seconds with sound and subtitles."""
    cues = tmp_path_factory.mktemp("cues") / "cues.srt"
    cues.write_text(CUES)
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=4"]
    text = ["-i", str(cues), "-c:s", "mov_text", "-metadata:s:s:0", "language=eng"]
    inputs, own = sound(4)[:-2], sound(4)[-2:]
    path = draw("players.mp4", *picture, *inputs, *text[:2], *text[2:], *own, *H264)
    (clip,), script = make_clips(site, [path])
    html = f"<!doctype html><title>Player</title>{clip['html']}{script}"
    return Made(clip["page"], html, clip["urls"])


@pytest.fixture(scope="module")
def small(site: Site, draw: Draw, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the tags of a GIF of two colours, whose right half is empty, and of a short video."""
    frames = []
    for color in ("red", "blue"):
        frames.append(Image.new("RGBA", (128, 96)))
        frames[-1].paste(color, (0, 0, 64, 96))
    path = tmp_path_factory.mktemp("loop") / "colors.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200, disposal=2, loop=0)
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=0.3"]
    clips, script = make_clips(site, [path, draw("short.mp4", *picture, *sound(0.3), *H264)])
    loop, short = [clip["html"] for clip in clips]
    return {"loop": loop, "short": f"{short}{script}"}


def show(page: Page, html: str, policy: str = STRICT) -> None:
    """Open a page of the site with this HTML and this policy."""

    def fulfill(route: Route) -> None:
        headers = {"Content-Security-Policy": policy} if policy else {}
        route.fulfill(body=html, headers=headers, content_type="text/html; charset=utf-8")

    page.route("**/player/", fulfill)
    page.goto("/player/")


@pytest.mark.needs("hls.js")
def test_hls_plays_by_hls_js_under_a_strict_policy(
    page: Page, made: Made, console: Console
) -> None:
    show(page, made.html)
    page.wait_for_function("() => document.querySelector('video').currentSrc.startsWith('blob:')")
    played = page.evaluate(PLAYED, 2.2)  # beyond two boundaries of segments
    assert played["time"] > 2.2
    assert (played["error"], played["heard"], played["seen"]) == (None, True, True)
    assert played["size"][0] in (320, 160)
    assert played["tracks"] == ["captions en", "metadata"]  # not those of the playlist, too
    assert console.errors == []


SUBTITLES = """async () => {
  const {textTracks} = document.querySelector("video");
  const began = performance.now();
  while (!textTracks.length && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  const [track] = textTracks;
  track.mode = "showing";
  while (!track.cues?.length && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  return [textTracks.length, track.language, track.cues[0].startTime, track.cues[0].text];
}"""


@pytest.mark.needs("hls.js")
def test_subtitles_of_the_playlist_are_shown_at_their_time(page: Page, made: Made) -> None:
    html = re.sub('<track kind="captions"[^>]*>', "", made.html)
    show(page, html.replace('<track kind="metadata"', "<data"))
    page.evaluate(PLAYED, 0.1)
    number, language, begins, text = page.evaluate(SUBTITLES)
    assert (number, language, text) == (1, "en", "Hello.")
    assert begins == pytest.approx(0.5, abs=0.05)


@pytest.mark.needs("hls.js")
def test_video_goes_on_with_the_mp4_if_playlists_are_missing(page: Page, made: Made) -> None:
    page.route("**/*.m3u8", lambda route: route.fulfill(status=404))
    show(page, made.html)
    page.wait_for_function(
        "() => document.querySelector('video').currentSrc.endsWith('240p.mp4')", timeout=40_000
    )
    played = page.evaluate(PLAYED, 0.5)
    assert played["time"] > 0.5
    assert played["src"].endswith("240p.mp4")


def test_video_plays_without_the_library(page: Page, made: Made) -> None:
    page.route("**/hls.min.js", lambda route: route.abort())
    show(page, made.html)
    played = page.evaluate(PLAYED, 0.5)
    assert played["time"] > 0.5
    assert not played["src"].startswith("blob:")


def test_mp4_plays_by_itself_with_captions_and_poster(
    page: Page, made: Made, console: Console
) -> None:
    html = made.html.replace(f'<source src="{made.urls["hls.m3u8"]}"', "<source hidden")
    show(page, html)
    played = page.evaluate(PLAYED, 0.5)
    assert played["src"].endswith("240p.mp4")
    assert (played["time"] > 0.5, played["heard"], played["size"]) == (True, True, [320, 240])
    cue = page.wait_for_function(
        """() => {
          const {track} = document.querySelector("track[kind=captions]");
          track.mode = "showing";
          return track.cues?.length && track.cues[0].text;
        }"""
    )
    assert cue.json_value() == "Hello."
    assert console.errors == []


def test_video_that_cannot_be_played_is_explained(page: Page, made: Made) -> None:
    page.route("**/_web/**", lambda route: route.fulfill(status=404))
    show(page, made.html)
    alert = page.get_by_role("alert")
    assert alert.inner_text() == "This video cannot be played in this browser. Download it"
    assert (alert.get_by_role("link").get_attribute("href") or "").endswith("240p.mp4")


LOOPED = """async () => {
  const video = document.querySelector("video"), colors = new Set();
  const context = document.createElement("canvas")
    .getContext("2d", {willReadFrequently: true});
  let [last, loops] = [-1, 0];
  await new Promise((done) => {
    setTimeout(done, 90000);
    const next = (_, {mediaTime}) => {
      loops += mediaTime < last;
      last = mediaTime;
      context.clearRect(0, 0, 64, 48);
      context.drawImage(video, 0, 0, 64, 48);
      const parts = [16, 48].map((x) => [...context.getImageData(x, 24, 1, 1).data]);
      colors.add(JSON.stringify(parts.map((part) => part.map((value) => value > 127))));
      if (loops < 2 || colors.size < 2) video.requestVideoFrameCallback(next);
      else done();
    };
    video.requestVideoFrameCallback(next);
  });
  return {
    loops, colors: [...colors].map(JSON.parse).sort(), src: video.currentSrc.split("/").pop(),
    size: [video.videoWidth, video.videoHeight], shown: [video.width, video.height],
  };
}"""


@pytest.mark.parametrize("file", ["loop.webm", "loop.mp4"])
def test_transparent_gif_loops_as_webm_and_as_mp4(
    page: Page, small: dict[str, str], file: str, console: Console
) -> None:
    loop = small["loop"]
    html = loop if file == "loop.webm" else re.sub("<source [^>]*webm[^>]*>", "", loop)
    show(page, f"<!doctype html><title>Loop</title>{html}")
    seen = page.evaluate(LOOPED)
    assert (seen["src"], seen["loops"]) == (file, 2)
    assert (seen["size"], seen["shown"]) == ([128, 96], [64, 48])
    empty = [file == "loop.mp4"] * 4  # white, as in the poster
    red, blue = [True, False, False, True], [False, False, True, True]
    assert seen["colors"] == sorted([[red, empty], [blue, empty]])
    assert console.errors == []


ENDED = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  const block = () => { for (const end = performance.now() + 800; performance.now() < end;); };
  video.addEventListener("playing", block, {once: true});
  const events = ["ended", "error"].map((name) => new Promise(
    (done) => video.addEventListener(name, () => done(name), {once: true})));
  const late = new Promise((done) => setTimeout(() => done("late"), 30000));
  await video.play();
  return Promise.race([...events, late]);
}"""


@pytest.mark.needs("hls.js")
def test_short_video_ends_although_the_page_was_busy_all_the_time(
    page: Page, small: dict[str, str]
) -> None:
    show(page, f"<!doctype html><title>Short</title>{small['short']}")
    page.wait_for_function("() => document.querySelector('video').currentSrc.startsWith('blob:')")
    assert page.evaluate(ENDED) == "ended"


ENDS_EARLY = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  video.pause();
  const events = [];
  const trigger = Hls.prototype.trigger;
  Hls.prototype.trigger = function (name, data) {
    events.push(name);
    return trigger.call(this, name, data);
  };
  const wait = (duration) => {
    Object.defineProperty(video, "duration", {get: () => duration, configurable: true});
    events.length = 0;
    video.dispatchEvent(new Event("waiting"));
    delete video.duration;
    return events.includes(Hls.Events.BUFFER_EOS);
  };
  const ends = [wait(video.currentTime)];
  Object.defineProperty(video, "currentTime", {get: () => video.duration, configurable: true});
  return [...ends, wait(video.duration)];
}"""


@pytest.mark.needs("hls.js")
def test_video_that_waits_for_its_second_segment_does_not_end(
    page: Page, small: dict[str, str]
) -> None:
    show(page, f"<!doctype html><title>Short</title>{small['short']}")
    page.wait_for_function("() => document.querySelector('video').currentSrc.startsWith('blob:')")
    assert page.evaluate(ENDS_EARLY) == [False, True]


@pytest.mark.needs("shaka-player")
@pytest.mark.parametrize("manifest", ["hls.mpd", "hls.m3u8"])
def test_shaka_player_plays(
    page: Page, made: Made, manifest: str, needs: Callable[[str], Path], console: Console
) -> None:
    script = needs("shaka-player").read_text()
    page.route("**/shaka.js", lambda route: route.fulfill(body=script))
    show(page, "<video></video><script src='/shaka.js'></script>", policy="")
    heights: list[Any] = page.evaluate(SHAKA, [made.urls[manifest], 2.2])
    assert sorted(heights) == [120, 240]
    played = page.evaluate(PLAYED, 2.2)
    assert (played["time"] > 2.2, played["heard"], played["error"]) == (True, True, None)
    assert console.errors == []
