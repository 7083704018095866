"""Videos of two fields in each frame that are shown turned: ffmpeg turns before it filters."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest

from shift_media.sandbox.ffmpeg import find_program
from shift_media.transcoding.backends.ffmpeg import filters, measuring
from shift_media.transcoding.backends.ffmpeg.inputs import FFmpegOptions
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video.facts import VideoFacts
from tests.transcoding.conftest import Draw
from tests.transcoding.odd_sources import INTERLACED

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.acceptance(84), pytest.mark.slow]


@pytest.fixture(params=[90, 180, 270])
def turned(request: pytest.FixtureRequest, draw: Draw) -> tuple[Path, Path]:
    """Return a video of fields, and the same turned when it is shown."""
    source = draw("marked.mp4", *INTERLACED["marked.mp4"])
    turn = ["-display_rotation", str(request.param), "-i", str(source), "-c", "copy"]
    return source, draw(f"turned-{request.param}.mp4", *turn)


def whole_frames(path: Path) -> tuple[VideoFacts, numpy.ndarray[Any, Any]]:
    """Return the facts of a video, and its frames as the renditions have them."""
    facts = probe_video(path, VideoLimits())
    steps = ",".join([*filters.source_filters(facts, tone_map=False), "format=gray"])
    command = [find_program(), "-v", "error", "-i", str(path), "-vf", steps]
    raw = [*command, "-f", "rawvideo", "-"]
    content = subprocess.run(raw, capture_output=True, check=True).stdout
    return facts, numpy.frombuffer(content, numpy.uint8).reshape(-1, facts.height, facts.width)


def test_fields_of_turned_video_become_the_same_whole_frames(turned: tuple[Path, Path]) -> None:
    upright, expected = whole_frames(turned[0])
    facts, frames = whole_frames(turned[1])
    assert (upright.rotation, facts.interlaced) == (0, True)
    turns = facts.rotation // 90
    assert turns in (1, 2, 3)
    assert len(frames) == len(expected) == 25
    assert (frames == numpy.rot90(expected, turns, axes=(1, 2))).all()


def test_fields_of_turned_video_are_counted(turned: tuple[Path, Path]) -> None:
    options = FFmpegOptions(find_program(), VideoLimits())
    for path in turned:
        facts = probe_video(path, VideoLimits())
        command = measuring.fields_command(options, str(path), facts, 50)
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        assert measuring.parse_field_order(said) == "tff"
