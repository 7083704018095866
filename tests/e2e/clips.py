"""Videos in the gallery that are made by a process of its own, and a table of odd ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.parts import ROOT
from tests.transcoding.conftest import H264, Draw
from tests.transcoding.odd_sources import AAC, LIVE, graph, tone

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

SIZE = "320x180"


def make_clips(site: Site, paths: Iterable[Path]) -> tuple[list[dict[str, Any]], str]:
    """Store and transcode files; return what became of each, and the script of the player."""
    command = [sys.executable, "-m", "tests.e2e.make_clips", *map(str, paths)]
    env = site.environment("tests.e2e.player_settings")
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    return answer["clips"], answer["script"]


def moving(seconds: float = 2, rate: int = 10, size: str = SIZE) -> list[str]:
    return graph(f"testsrc2=size={size}:rate={rate}:duration={seconds}")


FIELDS = f"testsrc2=size={SIZE}:rate=50:duration=2,tinterlace=interleave_top,setfield=tff"
NO_MP3 = ["-c:v", "mpeg4", "-c:a", "libmp3lame"]

ODD: dict[str, list[str]] = {
    "no-duration.webm": [*moving(), *tone(2), "-c:v", "libvpx", "-c:a", "libopus", *LIVE],
    "sound-longer.mp4": [*moving(1), *tone(3), *H264, *AAC],
    "interlaced.mp4": [*graph(FIELDS), *tone(2), *H264, "-flags", "+ilme+ildct", *AAC],
    "begins-at-5.mkv": [*moving(), *tone(2), *H264, *AAC, "-output_ts_offset", "5"],
    "half-tagged-pq.mp4": [*moving(), *H264, "-vf", "setparams=color_trc=smpte2084"],
    "short.mp4": [*moving(0.3), *tone(0.3), *H264, *AAC],
    "variable-rate.mkv": [
        *graph(f"testsrc2=size={SIZE}:rate=10:duration=3,select='lt(n,5)+gt(n,20)'"),
        *[*tone(3), *H264, *AAC, "-fps_mode", "vfr"],
    ],
    "container.avi": [*moving(rate=25), *tone(2), *NO_MP3],
    "container.flv": [*moving(rate=25), *tone(2), "-c:v", "flv1", "-c:a", "libmp3lame"],
    "two-sounds.mkv": [
        *[*moving(), *tone(2), *graph("sine=frequency=880:duration=2")],
        *["-map", "0", "-map", "1", "-map", "2", *H264, *AAC],
        *["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng"],
    ],
}
"""Odd sources that one command draws; `draw_odd` adds those of several steps."""


def draw_odd(draw: Draw) -> dict[str, Path]:
    """Return fourteen odd sources by their names."""
    drawn = {name: draw(name, *arguments) for name, arguments in ODD.items()}
    flat = draw("flat.mp4", *moving(), *tone(2), *H264, *AAC)
    turned = ["-display_rotation", "90", "-i", str(flat), "-c", "copy"]
    cues = flat.with_name("cues.srt")
    cues.write_text("1\n00:00:00,100 --> 00:00:01,800\nHello from a subtitle.\n")
    titled = ["-i", str(flat), "-i", str(cues), "-c", "copy", "-c:s", "srt"]
    cover = draw("cover.jpg", *graph("color=red:size=64x64:duration=0.1"), "-frames:v", "1")
    attached = "-map 0 -map 1 -c:v mjpeg -disposition:v attached_pic".split()
    return drawn | {
        "rotated.mp4": draw("rotated.mp4", *turned),
        "size-changes.mkv": _change_size(draw),
        "subtitles.mkv": draw("subtitles.mkv", *titled, "-metadata:s:s:0", "language=eng"),
        "cover.m4a": draw("cover.m4a", *tone(2), "-i", str(cover), *AAC, *attached),
    }


def _change_size(draw: Draw) -> Path:
    """Draw a second in small frames, and a second in larger ones."""
    parts = [
        draw(f"part{size}.264", *moving(1, size=size), *H264, "-f", "h264")
        for size in (SIZE, "480x270")
    ]
    both = parts[0].with_name("both.264")
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    return draw("size-changes.mkv", "-framerate", "10", "-i", str(both), "-c", "copy")
