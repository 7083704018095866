"""The threads of ffmpeg and the limit of its address space."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from shift_media.conf import settings
from shift_media.transcoding.backends.ffmpeg.memory import (
    LEAST,
    default_threads,
    needed_memory,
)
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import build_plan
from shift_media.video.profiles import parse_profile
from tests.transcoding.conftest import H264, Draw, NewFilm, pattern, work

FACTS = VideoFacts(duration=9, width=640, height=360, fps=25, video="h264", audio="", hdr=False)
SIDES = (2160, 1440, 1080, 720, 480)
LADDER = {
    "web": {f"{side}p.mp4": {"kind": "mp4", "height": side} for side in SIDES}
    | {"_poster.jpg": {"kind": "poster"}}
}
UHD: dict[str, Any] = {"kind": "mp4", "height": 2160}
FFMPEG = "shift_media.transcoding.backends.ffmpeg.FFmpeg"
sizes = st.integers(16, 6000)
threads = st.integers(1, 16)


@settings_of_hypothesis(max_examples=30, deadline=None)
@given(sizes, sizes, threads, threads, st.booleans())
def test_memory_grows_with_pixels_threads_and_hdr(
    width: int, height: int, few: int, more: int, hdr: bool
) -> None:
    plan = build_plan(
        settings.PROFILES["web"], replace(FACTS, width=width, height=height, hdr=hdr)
    )
    larger = build_plan(
        settings.PROFILES["web"], replace(FACTS, width=6000, height=6000, hdr=True)
    )
    least, most = sorted((few, more))
    assert LEAST <= needed_memory(plan, least) <= needed_memory(plan, most)
    assert needed_memory(plan, few) <= needed_memory(larger, few)


def test_memory_is_enough_for_measured_codecs() -> None:
    facts = replace(FACTS, width=3840, height=2160)
    needed = {
        codec: needed_memory(build_plan(parse_profile("one", {file: rendition}), facts), 16)
        for codec, file, rendition in (
            *((codec, "a.mp4", {**UHD, "codec": codec}) for codec in ("h264", "hevc", "av1")),
            ("vp9", "a.webm", {**UHD, "kind": "webm"}),
        )
    }
    measured = {"h264": 2718, "hevc": 3674, "av1": 8399, "vp9": 3022}
    for codec, measured_mb in measured.items():
        assert needed[codec] > measured_mb << 20


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 3), (8, 12), (16, 16), (128, 16)])
def test_threads_are_bounded(cores: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert default_threads() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert default_threads() == expected


@contextmanager
def machine(**options: int) -> Iterator[None]:
    transcoder = {"BACKEND": FFMPEG, "OPTIONS": {"threads": 16, **options}}
    with override_settings(SHIFT_MEDIA={"PROFILES": LADDER, "TRANSCODER": transcoder}):
        yield


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.django_db(transaction=True)
def test_4k_video_is_made_with_the_threads_of_a_large_machine(
    new_film: NewFilm, draw: Draw
) -> None:
    """With 16 threads for each encoder four outputs took more than the 4 GB they were given."""
    with machine(max_memory_bytes=LEAST):
        new_film(draw("4k.mp4", *pattern("3840x2160", seconds=0.12, rate=25), *H264))
        work()
        assert TranscodeJob.objects.get().state != State.COMPLETE
    with machine():
        TranscodeJob.objects.get().restart()
        TranscodeJob.objects.update(state=State.PENDING)
        work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error) == (State.COMPLETE, "")
    assert job.renditions.count() == len(SIDES) + 1
