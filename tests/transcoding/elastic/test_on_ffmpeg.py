"""Profiles in preset ids with ffmpeg: files that play, and their legacy keys."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from django.template import Context, Template
from django.test import override_settings
from PIL import Image

from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from tests.testapp.models import Film
from tests.transcoding.conftest import H264, Draw, NewFilm, pattern, sound, work
from tests.transcoding.elastic.material import CUSTOM, PROJECT, WEB, defined

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]


def made(film: Film) -> dict[str, Rendition]:
    """Transcode, and return the renditions by file name."""
    work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    return {r.key.rpartition("/")[2]: r for r in film.video.renditions}


def look(path: Path) -> dict[str, Any]:
    """Decode a whole file and return its sides, rates and number of frames."""
    with av.open(str(path)) as media:
        found: dict[str, Any] = {}
        for stream in media.streams.video:
            context = stream.codec_context
            found |= {"sides": (context.width, context.height), "codec": context.name}
            found |= {"profile": stream.profile, "rate": stream.average_rate}
            found |= {"shape": stream.display_aspect_ratio, "tracks": len(media.streams)}
        for heard in media.streams.audio:
            found |= {"sound": heard.codec_context.name, "hz": heard.codec_context.sample_rate}
            found |= {"channels": heard.codec_context.channels}
    with av.open(str(path)) as media:
        if media.streams.video:
            frames = list(media.decode(video=0))
            keys = [number for number, frame in enumerate(frames) if frame.key_frame]
            found |= {"frames": len(frames), "keys": keys}
        else:
            found["samples"] = sum(frame.samples for frame in media.decode(audio=0))
    return found


@pytest.mark.slow
def test_profile_of_project_gives_files_that_play(
    new_film: NewFilm, draw: Draw, media_root: Path
) -> None:
    wide = draw("My Film.mp4", *pattern("640x360", 3, 50), *sound(3), *H264)
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": PROJECT}}):
        film = new_film(wide)
        found = made(film)
        shown = Template("{% load shift_media %}{% media_video film.video %}").render(
            Context({"film": film})
        )
    assert {file: r.legacy_key for file, r in found.items()} == {
        "720p.mp4": "videos/my-film/my-film-720p.mp4",
        "hls-index.m3u8": "videos/my-film/hls/index.m3u8",
        "sound.mp3": "videos/my-film/sound.mp3",
        "thumbs-00001.png": "videos/my-film/thumbs/00001-192x108.png",
    }
    mp4 = look(media_root / found["720p.mp4"].key)
    assert (mp4["sides"], mp4["profile"]) == ((640, 360), "Constrained Baseline")
    assert (mp4["sound"], mp4["hz"], mp4["channels"]) == ("aac", 44100, 2)
    assert mp4["rate"] == Fraction(30000, 1001)  # the preset's, of 50
    assert mp4["frames"] == pytest.approx(3 * 29.97, abs=2)
    heard = look(media_root / found["sound.mp3"].key)
    assert heard["sound"] in ("mp3", "mp3float")
    assert heard["samples"] / heard["hz"] == pytest.approx(3, abs=0.2)
    assert found["sound.mp3"].content_type == "audio/mpeg"
    check_hls(media_root / found["hls-index.m3u8"].key)
    assert TranscodeJob.objects.get().payload == {"userMetadata": {"site": "example"}}
    assert shown.index("hls-index.m3u8") < shown.index("720p.mp4")


def check_hls(master: Path) -> None:
    listed = master.read_text()
    assert "RESOLUTION=640x360" in listed
    assert "RESOLUTION=400x226" in listed
    for label, profile in {"hls-1m": "Main", "hls-400k": "Baseline"}.items():
        folder = master.parent / f"hls-index-{label}"
        parts = sorted(folder.glob("*.m4s"))
        assert len(parts) == 2
        whole = folder / "whole.mp4"
        whole.write_bytes(b"".join(p.read_bytes() for p in [*folder.glob("init*"), *parts]))
        found = look(whole)
        assert (found["profile"].split()[-1], found["sound"]) == (profile, "aac")
        assert found["rate"] == 25  # 50 frames per second, thinned out to at most 30
        assert {0, 50} <= set(found["keys"])  # each segment begins with one


@pytest.mark.slow
@pytest.mark.parametrize(
    ("video", "sides", "shape"),
    [
        ({"MaxWidth": "128", "MaxHeight": "128"}, (128, 96), Fraction(4, 3)),
        (
            {"MaxWidth": "128", "MaxHeight": "128", "PaddingPolicy": "Pad"},
            (128, 128),
            Fraction(1),
        ),
        (
            {"MaxWidth": "320", "MaxHeight": "320", "SizingPolicy": "Fit"},
            (320, 240),
            Fraction(4, 3),
        ),
        (
            {"MaxWidth": "200", "MaxHeight": "100", "SizingPolicy": "Fill"},
            (200, 100),
            Fraction(2),
        ),
        (
            {"MaxWidth": "200", "MaxHeight": "100", "SizingPolicy": "Stretch"},
            (200, 100),
            Fraction(2),
        ),
        (
            {"MaxWidth": "128", "MaxHeight": "96", "SizingPolicy": "Keep"},
            (128, 96),
            Fraction(4, 3),
        ),
        (
            {"MaxWidth": "128", "MaxHeight": "200", "SizingPolicy": "ShrinkToFill"},
            (128, 120),
            Fraction(128, 120),
        ),
        (
            {
                "MaxWidth": "144",
                "MaxHeight": "96",
                "DisplayAspectRatio": "16:9",
                "SizingPolicy": "Stretch",
            },
            (144, 96),
            Fraction(16, 9),
        ),
    ],
)
def test_sizing_padding_and_aspect_ratio_follow_preset(
    film_of: Any, video: dict[str, str], sides: tuple[int, int], shape: Fraction
) -> None:
    path = film_of({**defined(**video), "Thumbnails": {}})
    found = look(path)
    assert (found["sides"], found["shape"]) == (sides, shape)
    assert (found["hz"], found["channels"]) == (22050, 1)
    assert found["keys"] == [0]


@pytest.fixture
def film_of(new_film: NewFilm, media_root: Path) -> Any:
    """Return a function that transcodes 160 × 120 pixels with a project's own preset."""

    def make(preset: dict[str, Any]) -> Path:
        outputs = [{"Key": "a.mp4", "PresetId": CUSTOM}]
        profile = {"outputs": outputs, "presets": {CUSTOM: preset}}
        with override_settings(SHIFT_MEDIA={"PROFILES": {"web": profile}}):
            return media_root / made(new_film())["a.mp4"].key

    return make


@pytest.mark.slow
def test_padding_is_black_and_picture_centred(film_of: Any, draw: Draw) -> None:
    padded = film_of(defined(MaxWidth="160", MaxHeight="160", PaddingPolicy="Pad"))
    with av.open(str(padded)) as media:
        frame = next(media.decode(video=0)).to_image()
    assert frame.size == (160, 160)
    assert max(frame.getpixel((80, 5))) < 24
    assert max(frame.getpixel((80, 155))) < 24
    assert max(frame.getpixel((60, 40))) > 64


@pytest.mark.slow
def test_thumbnails_are_made_at_interval_of_preset(
    new_film: NewFilm, draw: Draw, media_root: Path
) -> None:
    long = draw("long.mp4", *pattern("160x120", 3.5), *H264)
    outputs = [{"Key": "a.mp4", "PresetId": CUSTOM, "ThumbnailPattern": "t/{count}"}]
    profile = {"outputs": outputs, "presets": {CUSTOM: defined()}}
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": profile}}):
        stills = made(new_film(long))["t-00001.jpg"]
    assert (stills.kind, stills.content_type) == ("stills", "image/jpeg")
    assert (stills.width, stills.height, stills.legacy_key) == (64, 64, "t/00001.jpg")
    first = media_root / stills.key
    files = sorted(first.parent.glob("t-*.jpg"))
    assert [path.name for path in files] == [f"t-0000{number}.jpg" for number in (1, 2, 3, 4)]
    assert stills.size == sum(path.stat().st_size for path in files)
    with Image.open(files[-1]) as last:
        assert last.size == (64, 64)
        assert max(last.getpixel((32, 3))) < 32  # padded: 64 × 48 within 64 × 64


@pytest.mark.slow
def test_two_equal_outputs_are_both_made(new_film: NewFilm, media_root: Path) -> None:
    same = "1351620000001-000010"
    outputs = [{"Key": "a.mp4", "PresetId": WEB}, {"Key": "b.mp4", "PresetId": same}]
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": {"outputs": outputs}}}):
        found = made(new_film())
    assert sorted(found) == ["a.mp4", "b.mp4"]
    assert look(media_root / found["a.mp4"].key)["profile"] == "Main"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "codec"), [("1351620000001-100240", "vp8"), ("1351620000001-100260", "vp9")]
)
def test_webm_preset_gives_file_that_plays(
    new_film: NewFilm, media_root: Path, preset: str, codec: str
) -> None:
    outputs = [{"Key": "a.webm", "PresetId": preset}]
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": {"outputs": outputs}}}):
        film = new_film()
        made_of = made(film)["a.webm"]
        shown = Template("{% load shift_media %}{% media_video film.video %}").render(
            Context({"film": film})
        )
    found = look(media_root / made_of.key)
    assert (found["codec"].removeprefix("lib"), found["sides"]) == (codec, (160, 120))
    assert found["sound"].endswith("vorbis")
    assert (made_of.kind, made_of.content_type) == ("webm", "video/webm")
    assert f'type="video/webm; codecs=&quot;{codec},vorbis&quot;"' in shown


@pytest.mark.slow
def test_silent_source_gives_silent_renditions(
    new_film: NewFilm, draw: Draw, media_root: Path
) -> None:
    silent = draw("silent.mp4", *pattern(), *H264)
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": PROJECT}}):
        found = made(new_film(silent))
    assert sorted(found) == ["720p.mp4", "hls-index.m3u8", "thumbs-00001.png"]
    assert look(media_root / found["720p.mp4"].key)["tracks"] == 1


@pytest.mark.slow
def test_impossible_output_fails_with_alternative(new_film: NewFilm) -> None:
    outputs = [{"Key": "a.flv", "PresetId": "1351620000001-100210"}]
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": {"outputs": outputs}}}):
        new_film()
        work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error_code, job.attempts) == (State.ERROR, "not_made_here", 1)
    assert "take an MP4, 1351620000001-000010 is 720p" in job.error
