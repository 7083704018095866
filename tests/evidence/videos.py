"""A demonstration of videos: upload and playback, a killed worker, and cleaning up after failures.

``python -m tests.evidence`` needs chromium, ffmpeg and the corpus, takes a minute or two, and
prints times and what is left. It asserts nothing; the tests do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from testproject.servers.processes import Processes, free_ports, is_responding
from tests.parts import ROOT, locate
from tests.transcoding.conftest import children_in
from tests.transcoding.test_command import NEW_FILMS, Site

CLIPS = ("bigbuckbunny.mp4", "bikes.mp4")
PLAY = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  while (video.currentTime < 0.3) await new Promise((done) => setTimeout(done, 10));
  return [video.currentTime, video.videoWidth, video.videoHeight, video.currentSrc];
}"""
STORED = """
import sys, django
django.setup()
from pathlib import Path
from django.core.files.base import ContentFile
from django.core.management import call_command
from shift_media.core.keys import new_original_key
from shift_media.storages import default_media_storage
from tests.testapp.models import Film
call_command("migrate", run_syncdb=True, verbosity=0)
content = Path(sys.argv[1]).read_bytes()
key = str(new_original_key("clip", Path(sys.argv[1]).suffix[1:]))
default_media_storage.put(key, ContentFile(content), content_type="video/mp4")
Film.objects.create(video=key)
Film.objects.get().video.transcode()
"""
DO = "import django; django.setup()\nfrom shift_media.transcoding import services\n"
DO += "from shift_media.models import TranscodeJob\nfrom tests.testapp.models import Film\n"
CANCEL = DO + "print(services.cancel(TranscodeJob.objects.get()))"
DELETE = DO + "Film.objects.get().delete()"
ENDED = DO + (
    "from shift_media.storages import default_media_storage as s\n"
    "job = TranscodeJob.objects.first()\n"
    "print(' '.join(f'{job.state}: {job.error_code}: {job.error}'.split()) if job else 'no job')\n"
    "print(*sorted(entry.key.rpartition('/')[2] for entry in s.entries()))"
)


def main() -> None:
    """Run all demonstrations in order."""
    corpus, chromium = locate("corpus"), locate("chromium")
    if corpus is None or chromium is None:
        sys.exit("The corpus and chromium are needed. See tests/README.rst.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        upload_and_play(browser, [corpus / "video" / name for name in CLIPS])
        browser.close()
    kill_and_recover(corpus / "video" / "bigbuckbunny.mp4")
    failures(corpus)
    cancelled_and_deleted(corpus / "video" / "bigbuckbunny.mp4")


def say(*words: object) -> None:
    """Print without buffering."""
    print(*words, flush=True)  # noqa: T201


def upload_and_play(browser: Browser, clips: list[Path]) -> None:
    """Upload videos to a new demo, and wait until the browser plays them."""
    say("\n== Upload → play on a fresh `manage.py demo`")
    with tempfile.TemporaryDirectory() as name:
        (port,) = free_ports(1)
        demo = Processes(Path(name) / "demo.log")
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
            "SHIFT_MEDIA_DEMO_DIR": name,
            "TMPDIR": name,
        }
        address = f"127.0.0.1:{port}"
        demo.start([sys.executable, "manage.py", "demo", address], cwd=ROOT, env=env)
        try:
            demo.wait(lambda: is_responding(f"http://{address}/videos/"), "The demo", 180)
            for clip in clips:
                watch(browser, f"http://{address}", clip)
        finally:
            demo.stop(gently=True)
        say(f"  left: processes {children_in(Path(name))}, {scratch(Path(name))}")


def watch(browser: Browser, site: str, clip: Path) -> None:
    """Upload one video, play it, and print the time of each step."""
    page = browser.new_page()
    page.goto(f"{site}/videos/")
    page.set_input_files("#id_video", clip)
    began = time.monotonic()
    page.get_by_role("button", name="Upload").click()
    page.locator("h1", has_text=clip.name).wait_for()
    uploaded = time.monotonic() - began
    page.locator("video").wait_for(timeout=120_000)
    ready = time.monotonic() - began
    at, width, height, source = page.evaluate(PLAY)
    playing = time.monotonic() - began
    page.close()
    say(f"  {clip.name}: page {uploaded:.2f} s, ready {ready:.2f} s, playing {playing:.2f} s:")
    say(f"    currentTime {at:.2f}, {width} × {height}, …/{source.rpartition('/')[2]}")


@contextlib.contextmanager
def new_site(options: dict[str, object] | None = None, preset: str = "fast") -> Iterator[Site]:
    """Yield a site in a folder of its own; its processes and its folder are removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder, {"NAME": str(folder / "db.sqlite3")}, preset)
        site.scratch.mkdir()
        with (folder / "site_settings.py").open("a") as settings:
            settings.write(f'SHIFT_MEDIA["TRANSCODER"] = {{"OPTIONS": {options or {}!r}}}\n')
        try:
            yield site
        finally:
            site.close()


def until_it_encodes(site: Site) -> None:
    """Wait until an encoder runs in the site's folder."""
    while not any("libx264" in command for command in children_in(site.scratch)):
        time.sleep(0.05)


def scratch(folder: Path) -> str:
    """Describe our temporary files in a folder, except the lock."""
    ours = (path.name for path in folder.glob("shift_media-*") if path.suffix != ".lock")
    return f"temporary folders {sorted(ours)}"


def left(site: Site) -> str:
    """Describe the processes and temporary folders of a site."""
    programs = [command.split("\0")[-2][-20:] for command in children_in(site.scratch)]
    return f"processes {programs}, {scratch(site.scratch)}"


def kill_and_recover(clip: Path) -> None:
    """Kill a worker while it encodes, and let another one take over the job."""
    say("\n== kill -9 of an encoding worker (lease of 2 s)")
    with new_site() as site:
        site.python(NEW_FILMS, str(clip), "1")
        say("  before:   ", left(site), "|", *site.python(ENDED).split("\n"))
        worker = site.start()
        until_it_encodes(site)
        time.sleep(0.5)
        say("  encoding: ", left(site), "|", *site.python(ENDED).split("\n"))
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        time.sleep(0.3)
        say("  killed:   ", left(site), "|", *site.python(ENDED).split("\n"))
        began = time.monotonic()
        out = site.run("--wait")
        say(f"  next worker, {time.monotonic() - began:.1f} s:", out.splitlines()[-1])
        say("  after:    ", left(site), "|", *site.python(ENDED).split("\n"), site.jobs())


def failures(corpus: Path) -> None:
    """Let videos fail in different ways, and print what is left."""
    say("\n== Failures")
    hostile, video = corpus / "hostile", corpus / "video" / "bigbuckbunny.mp4"
    with tempfile.TemporaryDirectory() as name:
        half = Path(name) / "half.mp4"
        front = Path(name) / "front.mp4"
        fast_start(video, front)
        half.write_bytes(front.read_bytes()[: front.stat().st_size // 2])
        text = Path(name) / "list.mp4"
        text.write_text("ffconcat version 1.0\nfile /etc/hostname\n")
        none = hostile / "rails__rails" / "video_without_video_stream.mp4"
        frameless = hostile / "mozilla__nestegg" / "test_media_bug1480003.webm"
        bomb = hostile / "webmproject__libwebm" / "invalid_invalid_vp9_bitstream-bug_1416.webm"
        for title, path, options in (
            ("cut off midway", half, {}),
            ("a text that names a file", text, {}),
            ("no picture", none, {}),
            ("no frame", frameless, {}),
            ("152 Mpx", bomb, {}),
            ("too long", video, {"max_seconds": 2}),
            ("deadline", video, {"timeout": 1}),
            ("too large an output", video, {"max_file_bytes": 100_000}),
            ("too little memory", video, {"max_memory_bytes": 64 << 20}),
        ):
            show(title, path, options)


def cancelled_and_deleted(video: Path) -> None:
    """Cancel, delete and interrupt running jobs."""
    for title, midway in (
        ("cancelled while it ran", lambda site: site.python(CANCEL)),
        ("deleted while it ran", lambda site: site.python(DELETE)),
        ("Ctrl-C while it ran", interrupt),
    ):
        show(title, video, {}, midway)


def interrupt(site: Site) -> None:
    """Send SIGINT to the worker, as Ctrl-C does."""
    site._running[-1].send_signal(signal.SIGINT)


def fast_start(source: Path, target: Path) -> None:
    """Write a copy with the index first, so that half of the file can be decoded."""
    program = str(locate("ffmpeg"))
    command = [program, "-loglevel", "error", "-i", source, "-c", "copy"]
    subprocess.run([*command, "-movflags", "+faststart", target], check=True)


def show(
    title: str,
    path: Path,
    options: dict[str, object],
    midway: Callable[[Site], object] | None = None,
) -> None:
    """Run one job that fails, and print processes, files and objects before and after."""
    with new_site(options) as site:
        site.python(STORED, str(path))
        before = left(site), *site.python(ENDED).split("\n")[1:]
        worker = site.start()
        if midway is not None:
            until_it_encodes(site)
            midway(site)
        worker.communicate(timeout=120)
        state, objects, *_ = site.python(ENDED).split("\n")
        say(f"  {title}: exit code {worker.returncode}: {state}")
        say("    before:", *before)
        say("    after: ", left(site), objects)
