"""Sounds become AAC and Opus of one loudness, and a drawing of their waves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from django.core.files.base import ContentFile
from django.template import Context, Template
from django.test import override_settings
from PIL import Image

from shift_media.transcoding.backends.ffmpeg import measuring
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import AUDIO_FORMATS, VideoLimits, probe_video
from shift_media.validators import InvalidMedia
from tests.testapp.models import Film, Song
from tests.transcoding.conftest import Draw, work
from tests.transcoding.odd_sources import draw_source, graph

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

# A tone that is far too quiet, and whose loudness changes.
QUIET = "sine=frequency=440:duration=4,volume='if(lt(t,2),0.05,0.02)':eval=frame"
SOURCES: dict[str, list[str]] = {
    "quiet.wav": graph(QUIET),
    "quiet.flac": graph(QUIET),
    "quiet.mp3": [*graph(QUIET), "-c:a", "libmp3lame"],
    "quiet.ogg": [*graph(QUIET), "-c:a", "libvorbis"],
    "quiet.m4a": [*graph(QUIET), "-c:a", "aac"],
}


def save(path: Path) -> Song:
    return Song.objects.create(sound=ContentFile(path.read_bytes(), path.name))


def made(song: Song, root: Path) -> dict[str, Path]:
    work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    keys = [rendition.key for rendition in Song.objects.get().sound.renditions]
    return {key.rpartition("/")[2]: root / key for key in keys}


def loudness_of(program: Path, path: Path) -> dict[str, float]:
    command = [
        program,
        "-hide_banner",
        "-nostats",
        "-i",
        path,
        "-af",
        "loudnorm=print_format=json",
    ]
    said = subprocess.run(
        [*command, "-f", "null", "-"], capture_output=True, text=True, check=True
    ).stderr
    values = json.loads(said[said.rindex("{") : said.rindex("}") + 1])
    return {name: float(value) for name, value in values.items() if name.startswith("input_")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_sound_becomes_aac_and_opus_of_one_loudness_and_a_drawing(
    name: str, draw: Draw, media_root: Path, needs: Callable[[str], Path]
) -> None:
    song = save(draw(name, *SOURCES[name]))
    assert song.sound.duration == pytest.approx(4, abs=0.1)
    files = made(song, media_root)
    assert list(files) == ["listen.m4a", "listen.ogg", "_poster.jpg"]
    for file, codec in (("listen.m4a", "aac"), ("listen.ogg", "opus")):
        facts = probe_video(files[file], VideoLimits(), formats=AUDIO_FORMATS)
        assert (facts.codecs, facts.video) == (codec, "")
        assert facts.duration == pytest.approx(4, abs=0.1)
    before = loudness_of(needs("ffmpeg"), draw(name, *SOURCES[name]))
    after = loudness_of(needs("ffmpeg"), files["listen.m4a"])
    assert before["input_i"] < -30
    assert after["input_i"] == pytest.approx(-16, abs=1)
    assert after["input_tp"] <= -1
    # The gain is one for the whole sound: the second half stays quieter.
    assert after["input_lra"] == pytest.approx(before["input_lra"], abs=1)
    with Image.open(files["_poster.jpg"]) as picture:
        pixels = numpy.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (320, 1280, 3)
    assert (pixels[:, :, 0] > 200).mean() > 0.5  # the background
    drawn = pixels[:, :, 0] < 150
    assert drawn[:, :600].sum() > drawn[:, 700:].sum() > 0


def test_loudness_is_read_from_messages() -> None:
    messages = '{"input_i" : "-30.00", "input_tp" : "-10.00", "input_lra" : "1"}'
    assert measuring.parse_loudness(messages) == (-30, -10)
    assert measuring.parse_loudness('{"input_i" : "-inf", "input_tp" : "-inf"}') == (0, 0)


@pytest.mark.parametrize(
    ("loudness", "true_peak", "gain"),
    [(-30.0, -20.0, 14.0), (-30.0, -10.0, 8.5), (-9.0, 0.5, -7.0), (0.0, 0.0, 0.0)],
)
def test_gain_reaches_the_loudness_unless_peaks_forbid_it(
    loudness: float, true_peak: float, gain: float
) -> None:
    from shift_media.transcoding.backends.ffmpeg.filters import choose_gain
    from shift_media.video.facts import VideoFacts
    from shift_media.video.specs import Audio

    facts = VideoFacts(audio="aac", loudness=loudness, true_peak=true_peak)
    assert choose_gain(Audio(file="a.m4a", loudness=-16), facts) == gain


@pytest.mark.slow
def test_silence_stays_silent(draw: Draw, media_root: Path) -> None:
    song = save(draw("silence.wav", *graph("anullsrc=duration=1")))
    assert set(made(song, media_root)) == {"listen.m4a", "listen.ogg", "_poster.jpg"}


@pytest.mark.slow
def test_tag_offers_each_sound_in_the_order_of_the_profile(draw: Draw, media_root: Path) -> None:
    song = save(draw("quiet.wav", *SOURCES["quiet.wav"]))
    page = Template("{% load shift_media %}{% media_audio s.sound controls=True class_='p' %}")
    assert page.render(Context({"s": song})) == ""
    made(song, media_root)
    html = page.render(Context({"s": Song.objects.get()}))
    assert html.startswith("<audio")
    assert " controls" in html
    assert html.index('type="audio/mp4; codecs=') < html.index('type="audio/ogg; codecs=')
    assert page.render(Context({"s": Song()})) == ""


@pytest.mark.slow
def test_job_of_a_deleted_sound_is_deleted(draw: Draw, media_root: Path) -> None:
    song = save(draw("quiet.wav", *SOURCES["quiet.wav"]))
    song.delete()
    assert not TranscodeJob.objects.exists()


@pytest.mark.slow
def test_video_in_audio_field_is_refused_and_video_profile_needs_pictures(
    draw: Draw, media_root: Path
) -> None:
    with pytest.raises(InvalidMedia):
        save(draw_source(draw, "short.mp4"))
    song = save(draw("quiet.m4a", *SOURCES["quiet.m4a"]))
    song.sound.transcode("web")
    work()
    job = TranscodeJob.objects.get(profile="web")
    assert (job.state, job.error_code) == (State.ERROR, "no_video")


@pytest.mark.slow
def test_audio_profile_of_a_video_has_its_poster(draw: Draw, media_root: Path) -> None:
    source = draw_source(draw, "picture-later.mkv")
    film = Film.objects.create(video=ContentFile(source.read_bytes(), "film.mkv"))
    with override_settings(SHIFT_MEDIA={}):
        TranscodeJob.objects.all().delete()
        film.video.transcode("audio")
        work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    assert film.video.poster is not None
    assert (film.video.poster.width, film.video.poster.height) == (64, 48)
