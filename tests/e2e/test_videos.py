"""A video in the gallery: uploaded, transcoded while the page is open, played by the browser."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Page, expect

from tests.e2e.conftest import enforce_policy
from tests.parts import ROOT
from tests.transcoding.conftest import H264, Draw, draw, pattern, sound

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

__all__ = ["draw"]

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium", "ffmpeg")]

READY_MS = 240_000
# Browser and worker may be slow, so the script waits for events and not for a fixed time.
PLAYED = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  const began = performance.now();
  while (video.currentTime <= 0.3 && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  return [video.currentTime, video.videoWidth, video.videoHeight, video.currentSrc];
}"""

ONLY_MP4 = """() => {
  const video = document.querySelector("video");
  const plain = video.cloneNode(true);
  plain.querySelectorAll("source:not([type^='video/mp4'])").forEach((s) => s.remove());
  plain.removeAttribute("src");
  video.replaceWith(plain);
}"""

PLAYED_MP4 = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  const began = performance.now();
  while (video.currentTime < 0.3 && performance.now() - began < 90000)
    await new Promise((done) => setTimeout(done, 50));
  const poster = Object.assign(new Image(), {src: video.poster});
  await poster.decode();
  return {
    time: video.currentTime, error: video.error && video.error.message,
    size: [video.videoWidth, video.videoHeight],
    poster: [poster.naturalWidth, poster.naturalHeight],
    heard: video.webkitAudioDecodedByteCount > 0,
  };
}"""


@pytest.fixture
def worker(site: Site) -> Iterator[None]:
    """Run the site's jobs, as a worker process does."""
    command = [sys.executable, "manage.py", "media_transcode", "--watch"]
    with (site.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=site.environment(), stdout=log, stderr=log
        )
        yield
        process.terminate()
        assert process.wait(60) == 0


def upright(draw: Draw) -> Path:
    """Draw a video that players rotate: blue on the left, which they show at the bottom."""
    halves = "color=red:size=320x240:rate=10:duration=3,drawbox=w=160:color=blue:t=fill"
    flat = draw("flat3.mp4", "-f", "lavfi", "-i", halves, *sound(3), *H264)
    return draw("turned3.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")


@pytest.mark.acceptance(52)
def test_uploaded_video_is_transcoded_and_plays(
    page: Page, draw: Draw, worker: None, console: Console
) -> None:
    enforce_policy(page)
    page.goto("/videos/")
    page.set_input_files("#id_video", upright(draw))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("turned3.mp4")
    page.reload()  # Now this document has the policy, too.
    expect(page.locator("video")).to_be_visible(timeout=READY_MS)  # The page was not reloaded.
    time, width, height, source = page.evaluate(PLAYED)
    assert time > 0.3
    assert height > width
    assert "/_web/" in source or source.startswith("blob:")  # hls.js
    assert_mp4_plays(page)
    poster = page.request.get(page.locator("video").get_attribute("poster") or "")
    picture = Image.open(io.BytesIO(poster.body())).convert("RGB")
    assert picture.size == (240, 320)
    red, _, blue = ImageStat.Stat(picture.crop((20, 200, 220, 300))).mean
    assert blue > red
    page.goto("/videos/")
    assert page.locator(".tile img").first.evaluate("image => image.decode().then(() => 1)") == 1
    assert console.errors == []


def assert_mp4_plays(page: Page) -> None:
    """Play the MP4 by itself too, because the player has chosen HLS."""
    page.evaluate(ONLY_MP4)
    time, width, height, source = page.evaluate(PLAYED)
    assert source.endswith("480p.mp4")
    assert time > 0.3
    assert (width, height) == (240, 320)


@pytest.fixture
def unhurried(needs: Callable[[str], Path], tmp_path: Path) -> Iterator[None]:
    """Let ffmpeg read what it encodes no faster than it plays, so that a short video lasts."""
    program = tmp_path / "ffmpeg"
    slowly = 'case "$*" in *" -progress "*) set -- -readrate 1 "$@";; esac'
    program.write_text(f'#!/bin/sh\n{slowly}\nexec "{needs("ffmpeg")}" "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
        yield


def test_transcoding_progress_updates_without_reload(
    page: Page, draw: Draw, unhurried: None, worker: None
) -> None:
    page.goto("/videos/")
    page.set_input_files("#id_video", draw("six.mp4", *pattern(seconds=6), *H264))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("six.mp4")
    page.evaluate("window.loadedOnce = true")
    page.wait_for_function(
        """() => {
          window.seen ??= new Set();
          const bar = document.querySelector("progress");
          if (bar) window.seen.add(bar.value);
          return [...window.seen].filter((value) => value > 0 && value < 100).length > 1;
        }""",
        timeout=READY_MS,
    )
    expect(page.locator("video")).to_be_visible(timeout=READY_MS)
    assert page.evaluate("window.loadedOnce")


def test_pending_video_and_refused_file_are_explained(
    page: Page, draw: Draw, tmp_path: Path
) -> None:
    page.goto("/videos/")
    (tmp_path / "page.mp4").write_text("<!doctype html>")
    page.set_input_files("#id_video", tmp_path / "page.mp4")
    expect(page.locator(".shift-media-file")).to_contain_text("Choose MP4")
    page.set_input_files("#id_video", upright(draw))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Pending, 0 %")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".message")).to_contain_text("were deleted")


def oddities(
    draw: Draw, corpus: Path
) -> dict[Path, tuple[tuple[int, int], tuple[int, int], bool]]:
    """Return unusual videos, the sizes of their MP4s and posters, and whether they have sound."""
    three = pattern(seconds=3)
    drawn = {
        "silent.mp4": [*three, *H264],
        "odd.webm": [*pattern("161x121", 3), *sound(3)[:4], "-c:v", "libvpx", "-c:a", "libopus"],
        "wide.mp4": [*three, *sound(3), *H264, "-vf", "setsar=2"],
        "surround.mp4": [*three, *sound(3, "5.1"), *H264],
        "ten-bit.mov": [*three, *sound(3), "-c:v", "libx264", "-pix_fmt", "yuv422p10le"],
    }
    sides = {"odd.webm": ((160, 120), (161, 121)), "wide.mp4": ((320, 120), (320, 120))}
    usual = ((160, 120), (160, 120))
    found = {
        draw(name, *arguments): (*sides.get(name, usual), name != "silent.mp4")
        for name, arguments in drawn.items()
    }
    whole = corpus / "hostile" / "rails__rails" / "rotated_hdr_video.mov"
    rotated = draw("rotated.mov", "-i", str(whole), "-t", "0.8", "-map", "0:v", "-c", "copy")
    return {**found, rotated: ((720, 1280), (1080, 1920), False)}


@pytest.mark.acceptance(52)
@pytest.mark.needs("corpus")
def test_browser_plays_rendition_of_every_upload(
    page: Page, draw: Draw, corpus: Path, worker: None, console: Console
) -> None:
    videos, pages = oddities(draw, corpus), {}
    for path in videos:  # All of them first, so that the worker does not wait for the browser.
        page.goto("/videos/")
        page.set_input_files("#id_video", path)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(path.name)
        pages[path] = page.url
    for path, (size, poster, heard) in videos.items():
        page.goto(pages[path])
        expect(page.locator("video")).to_be_visible(timeout=READY_MS)
        page.evaluate(ONLY_MP4)
        seen = page.evaluate(PLAYED_MP4)
        assert seen.pop("time") >= 0.3, (path.name, seen)
        expected = {"error": None, "size": [*size], "poster": [*poster], "heard": heard}
        assert seen == expected, path.name
    assert console.errors == []
