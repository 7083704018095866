"""Profiles in preset ids with MediaConvert: the same files and legacy keys."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from django.test import override_settings
from PIL import Image

from shift_media.transcoding import services
from shift_media.transcoding.backends.mediaconvert import schema
from shift_media.transcoding.backends.mediaconvert.job_settings import build_groups, build_settings
from shift_media.transcoding.backends.mediaconvert.sources import input_settings
from shift_media.transcoding.base import State
from shift_media.video import planning
from shift_media.video.elastic.presets import system
from shift_media.video.elastic.profiles import read_profile
from shift_media.video.facts import VideoFacts
from shift_media.video.sizing import POLICIES
from tests.transcoding.conftest import H264, Draw, pattern, sound, work
from tests.transcoding.elastic.material import CUSTOM, PROJECT, defined
from tests.transcoding.mediaconvert_site import (
    MediaConvertSite,
    aws,
    new_film,
    site_settings,
    the_job,
)

__all__ = ["aws"]

WIDE = VideoFacts(duration=60, width=1920, height=1080, fps=50, video="h264", audio="aac")
HLS = [id for id in system() if "-2000" in id]


def settings_for(profile: dict[str, Any], facts: VideoFacts = WIDE) -> dict[str, Any]:
    plan = planning.build_plan(read_profile("web", profile), facts)
    groups = build_groups(plan, "s3://b/k/_web/0a1b2c3d/")
    return build_settings(groups, input_settings(plan, "s3://b/k/film.mp4"))


def made_here() -> list[str]:
    """Return the system presets that other transcoders make, each as one file."""
    found = []
    for id in system():
        more = {"SegmentDuration": "6"} if id.startswith("1351620000001-2") else {}
        job = read_profile("web", {"outputs": [{"Key": "a", "PresetId": id, **more}]}).elastic
        found += [] if job is None or job.impossible else [id]
    return found


@pytest.mark.parametrize("id", made_here())
def test_settings_of_each_system_preset_are_valid(id: str) -> None:
    output = {"Key": "a", "PresetId": id, "SegmentDuration": "6", "ThumbnailPattern": "{count}"}
    settings = settings_for({"outputs": [output]})
    assert list(schema.find_faults({"Settings": settings})) == []


def test_thirty_eight_system_presets_are_made() -> None:
    assert len(made_here()) == 38


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("padding", ["Pad", "NoPad"])
@pytest.mark.parametrize("size", [(1920, 1080), (640, 1138), (333, 251)])
def test_settings_of_every_sizing_policy_are_valid(
    policy: str, padding: str, size: tuple[int, int]
) -> None:
    preset = defined(MaxWidth="400", MaxHeight="400", SizingPolicy=policy, PaddingPolicy=padding)
    output = {"Key": "a.mp4", "PresetId": CUSTOM, "ThumbnailPattern": "{count}"}
    facts = VideoFacts(
        duration=3, width=size[0], height=size[1], fps=25, video="h264", audio="aac"
    )
    settings = settings_for({"outputs": [output], "presets": {CUSTOM: preset}}, facts)
    assert list(schema.find_faults({"Settings": settings})) == []
    video = settings["OutputGroups"][0]["Outputs"][0]["VideoDescription"]
    if cut := video.get("Crop"):
        assert cut["X"] + cut["Width"] <= size[0]
        assert cut["Y"] + cut["Height"] <= size[1]
    if place := video.get("Position"):
        assert place["X"] + place["Width"] <= video["Width"]
        assert place["Y"] + place["Height"] <= video["Height"]


def test_rates_follow_preset() -> None:
    settings = settings_for({"outputs": [{"Key": "a", "PresetId": "1351620000001-000010"}]})
    (video,) = [
        output["VideoDescription"]["CodecSettings"]["H264Settings"]
        for output in settings["OutputGroups"][0]["Outputs"]
    ]
    assert (video["RateControlMode"], video["Bitrate"]) == ("CBR", 2_400_000)
    assert (video["CodecProfile"], video["CodecLevel"]) == ("BASELINE", "LEVEL_3_1")
    assert (video["FramerateNumerator"], video["FramerateDenominator"]) == (30000, 1001)
    assert (video["GopSizeUnits"], video["GopSize"]) == ("FRAMES", 90)


@pytest.mark.needs("ffmpeg")
@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
def test_profile_of_project_gives_renditions_with_legacy_keys(
    aws: MediaConvertSite, draw: Draw, tmp_path: Path
) -> None:
    wide = draw("My Film.mp4", *pattern("640x360", 3, 50), *sound(3), *H264)
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES={"web": PROJECT})):
        film = new_film(wide)
        work()
        aws.finish()
        job = services.refresh(the_job())
        assert (job.state, job.error) == (State.COMPLETE, "")
        found = {r.key.rpartition("/")[2]: r for r in film.video.renditions}
    assert {file: r.legacy_key for file, r in found.items()} == {
        "720p.mp4": "videos/my-film/my-film-720p.mp4",
        "hls-index.m3u8": "videos/my-film/hls/index.m3u8",
        "sound.mp3": "videos/my-film/sound.mp3",
        "thumbs-00001.png": "videos/my-film/thumbs/00001-192x108.png",
    }
    (sent,) = aws.server.jobs.values()
    assert sent.answer["userMetadata"]["site"] == "example"
    assert job.payload["userMetadata"] == {"site": "example"}
    with av.open(BytesIO(aws.read(found["720p.mp4"].key))) as media:
        video = media.streams.video[0]
        assert (video.codec_context.width, video.average_rate) == (640, Fraction(30000, 1001))
        assert sum(1 for _ in media.decode(video=0)) == pytest.approx(90, abs=2)
    with av.open(BytesIO(aws.read(found["sound.mp3"].key))) as media:
        heard = media.streams.audio[0].codec_context
        assert heard.name.startswith("mp3")
    assert "hls-index-hls-1m.m3u8" in aws.read(found["hls-index.m3u8"].key).decode()
    with Image.open(BytesIO(aws.read(found["thumbs-00001.png"].key))) as first:
        assert (first.format, first.size) == ("PNG", (192, 108))
    assert [key for key in aws.stored() if "frame" in key] == []


@pytest.mark.needs("ffmpeg")
@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
def test_pictures_are_cropped_and_padded_as_preset_says(
    aws: MediaConvertSite, clip: Path, tmp_path: Path
) -> None:
    cut = defined(MaxWidth="100", MaxHeight="96", SizingPolicy="Keep")
    padded = defined(MaxWidth="160", MaxHeight="160", PaddingPolicy="Pad")
    other = CUSTOM.replace("abc", "def")
    profile = {
        "outputs": [
            {"Key": "cut.mp4", "PresetId": CUSTOM},
            {"Key": "free.webm", "PresetId": "1351620000001-100240"},
            {"Key": "padded.mp4", "PresetId": other, "ThumbnailPattern": "t{count}"},
        ],
        "presets": {CUSTOM: cut, other: padded},
    }
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES={"web": profile})):
        film = new_film(clip)
        work()
        aws.finish()
        job = services.refresh(the_job())
        assert (job.state, job.error) == (State.COMPLETE, "")
        found = {r.key.rpartition("/")[2]: r for r in film.video.renditions}
    frames = {}
    for file in ("cut.mp4", "padded.mp4"):
        with av.open(BytesIO(aws.read(found[file].key))) as media:
            frames[file] = next(media.decode(video=0)).to_image()
    with av.open(str(clip)) as media:
        original = next(media.decode(video=0)).to_image()
    assert frames["cut.mp4"].size == (100, 96)
    middle = original.getpixel((80, 60))
    shown = frames["cut.mp4"].getpixel((50, 48))
    assert all(abs(one - other) < 40 for one, other in zip(middle, shown, strict=True))
    assert frames["padded.mp4"].size == (160, 160)
    assert max(frames["padded.mp4"].getpixel((80, 4))) < 24
    with av.open(BytesIO(aws.read(found["free.webm"].key))) as media:
        assert media.format.name == "matroska,webm"
        assert media.streams.video[0].codec_context.name.removeprefix("lib") == "vp8"
    assert (found["free.webm"].kind, found["free.webm"].legacy_key) == ("webm", "free.webm")
    assert (found["t-00001.jpg"].width, found["t-00001.jpg"].height) == (64, 64)
