"""Odd but ordinary videos become complete and right renditions."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest
from django.core.files.base import ContentFile
from django.test import override_settings
from PIL import Image

from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import measuring
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import ffprobe
from shift_media.validators import InvalidMedia
from shift_media.video.facts import VideoFacts
from shift_media.video.playlists import parse_playlist
from tests.testapp.models import Film
from tests.transcoding.conftest import Draw, save_film, work
from tests.transcoding.odd_sources import (
    COLORS,
    CONTAINERS,
    DENIED,
    DRAWN,
    INTERLACED,
    draw_source,
)

pytestmark = [
    pytest.mark.needs("ffmpeg"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.acceptance(84),
]

SMALL: dict[str, Any] = {
    "48p.mp4": {"kind": "mp4", "height": 48, "preset": "ultrafast"},
    "hls.m3u8": {"kind": "hls", "heights": [48], "segment_seconds": 1},
    "_poster.jpg": {"kind": "poster", "at": 75},
    "preview.vtt": {"kind": "sprite", "seconds": 1},
}

DURATIONS = {
    "sound-longer.mp4": 3,
    "sound-shorter.mp4": 2,
    "still-end.mp4": 3,
    "picture-later.mkv": 3,
    "sound-later.mkv": 2,
    "second-video-longer.mkv": 2,
    "variable-rate.mkv": 2,
    "size-changes.mkv": 2,
    "short.mp4": 0.2,
    "one-frame.mp4": 0.1,
}
"""In seconds; all other sources last one second."""

Color = tuple[int, int, int]
RED, BLUE = "red", "blue"


@dataclass
class Made:
    """The renditions of a source."""

    film: Film
    root: Path

    def path(self, file: str) -> Path:
        keys = [rendition.key for rendition in self.film.video.renditions]
        return self.root / next(key for key in keys if key.endswith(f"/{file}"))

    def stream(self, kind: str) -> list[Fraction]:
        """Return the times of all frames of the MP4, in order."""
        import av

        with av.open(str(self.path("48p.mp4"))) as media:
            return [Fraction(frame.time or 0) for frame in media.decode(**{kind: 0})]

    def poster_color(self) -> str:
        return color_of(Image.open(self.path("_poster.jpg")))

    def sprite_colors(self) -> list[str]:
        with Image.open(self.path("preview.vtt").with_suffix(".jpg")) as sheet:
            tiles = range(0, sheet.width, 64)
            return [color_of(sheet.crop((left, 0, left + 64, 48))) for left in tiles]

    def segment_seconds(self) -> list[float]:
        """Return the duration of each list of segments: of the picture, and of the sound."""
        lists = self.path("hls.m3u8").parent.glob("hls-*/index.m3u8")
        return [parse_playlist(file.read_text()).seconds for file in sorted(lists)]


def color_of(picture: Image.Image) -> str:
    red, _, blue = numpy.asarray(picture.convert("RGB")).mean(axis=(0, 1))
    return RED if red > blue else BLUE


@pytest.fixture
def make(draw: Draw, media_root: Path) -> Callable[..., Made]:
    """Return a function that transcodes an odd source."""

    def make(name: str, profile: dict[str, Any] = SMALL, program: str = "") -> Made:
        options = {"OPTIONS": {"program": program} if program else {}}
        with override_settings(SHIFT_MEDIA={"PROFILES": {"web": profile}, "TRANSCODER": options}):
            film = save_film(ContentFile(draw_source(draw, name).read_bytes(), name))
            work()
        job = TranscodeJob.objects.get()
        assert job.state == State.COMPLETE, (job.error_code, job.error)
        return Made(Film.objects.get(pk=film.pk), media_root)

    return make


def check_times(name: str, made: Made) -> None:
    expected = DURATIONS.get(name, 1)
    assert made.film.video.duration == pytest.approx(expected, abs=0.1)
    renditions = {rendition.kind: rendition for rendition in made.film.video.renditions}
    for kind in ("mp4", "hls"):
        assert renditions[kind].duration == pytest.approx(expected, abs=0.12)
    lists = made.segment_seconds()
    assert len(lists) == (2 if made.film.video.metadata.channels else 1)
    assert lists == pytest.approx([expected] * len(lists), abs=0.12)
    times = made.stream("video")
    assert times[0] <= 0.12
    assert float(times[-1]) == pytest.approx(expected, abs=0.26)
    if made.film.video.metadata.channels:
        sounds = made.stream("audio")
        assert sounds[0] <= 0.12
        assert float(sounds[-1]) == pytest.approx(expected, abs=0.26)


ALL = [*DRAWN, "size-changes.mkv", "cue-later.mkv", "unknown-first-sound.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_odd_source_lasts_from_beginning_to_end_in_each_rendition(
    name: str, make: Callable[..., Made]
) -> None:
    made = make(name)
    check_times(name, made)
    if name == "size-changes.mkv":
        assert made.sprite_colors() == [RED, BLUE]
        assert made.poster_color() == BLUE
    if name == "picture-later.mkv":
        # Red begins with the second second, and blue with the third.
        assert made.sprite_colors() == [RED, RED, BLUE]
        assert made.poster_color() == BLUE
    if name == "unknown-first-sound.mp4":
        assert made.film.video.metadata.codecs == "h264, aac"
    if name.startswith("half-tagged"):
        picture = numpy.asarray(Image.open(made.path("_poster.jpg")).convert("RGB"))
        assert picture.max() > 90  # A tone map without a matrix fails, or is black.


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTAINERS)
def test_other_container_is_accepted_by_its_full_type_and_transcoded(
    name: str, make: Callable[..., Made], draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = draw_source(draw, name)
    format = detect(source.read_bytes()[:HEAD_BYTES])
    extension = name.rpartition(".")[2]
    assert format.extension == {"3gp": "mp4"}.get(extension, extension)
    if not format.in_wildcard:
        with pytest.raises(InvalidMedia):
            Film.objects.create(video=ContentFile(source.read_bytes(), name))
        monkeypatch.setattr(Film._meta.get_field("video"), "accept", [format.content_type])
    made = make(name)
    check_times(name, made)
    assert made.film.video.key.endswith(f".{format.extension}")


def combing(picture: numpy.ndarray[Any, Any]) -> float:
    """Return by how much rows differ more from the next one than from the one after that."""
    rows = picture.astype(float)
    next_row = abs(rows[2:] - rows[1:-1]).mean()
    after_that = abs(rows[2:] - rows[:-2]).mean()
    return float(next_row - after_that)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*INTERLACED, *DENIED])
def test_frames_of_two_fields_become_whole_in_each_rendition(
    name: str, make: Callable[..., Made], draw: Draw
) -> None:
    import av

    made = make(name)
    segment = made.path("hls.m3u8").parent / "hls-48p" / "s00000.m4s"
    header = segment.with_name("init.mp4").read_bytes()
    combed = {}
    for place, content in {
        "source": draw_source(draw, name).read_bytes(),
        "mp4": made.path("48p.mp4").read_bytes(),
        "hls": header + segment.read_bytes(),
    }.items():
        with av.open(io.BytesIO(content)) as media:
            frames = [frame.to_ndarray(format="gray") for frame in media.decode(video=0)]
        assert len(frames) == 25
        combed[place] = max(combing(frame) for frame in frames)
    for file in ("_poster.jpg", "preview.jpg"):
        path = made.path("_poster.jpg") if file == "_poster.jpg" else made.path("preview.vtt")
        with Image.open(path.with_name(file)) as picture:
            combed[file] = combing(numpy.asarray(picture.convert("L")))
    assert combed.pop("source") > 10
    assert max(combed.values()) < 3


@pytest.mark.slow
def test_poster_is_neither_black_nor_of_another_second(make: Callable[..., Made]) -> None:
    near = make(
        "black-then-red-then-blue.mkv", {**SMALL, "_poster.jpg": {"kind": "poster", "at": 0}}
    )
    assert near.poster_color() == RED  # The first frame is black.
    with Image.open(near.path("_poster.jpg")) as picture:
        assert numpy.asarray(picture.convert("RGB"))[8, 8].max() > 200
    TranscodeJob.objects.all().delete()
    exact = make(
        "black-then-red-then-blue.mkv", {**SMALL, "_poster.jpg": {"kind": "poster", "second": 3}}
    )
    assert exact.poster_color() == BLUE


@pytest.mark.slow
@pytest.mark.parametrize("name", COLORS)
def test_colors_have_the_range_and_the_tags_that_players_expect(
    name: str, make: Callable[..., Made]
) -> None:
    import av

    made = make(name)
    with av.open(str(made.path("48p.mp4"))) as media:
        frame = next(media.decode(video=0))
        context = media.streams.video[0].codec_context
        luma = int(frame.to_ndarray()[8, 8])
    assert context.pix_fmt == "yuv420p"
    assert int(context.color_range) in (0, 1)  # unspecified, which means limited, or limited
    if name == "full-range.mp4":
        assert luma == pytest.approx(235, abs=2)
    else:
        assert (int(context.colorspace), int(context.color_primaries)) == (1, 1)  # BT.709
        shown = numpy.asarray(Image.open(made.path("_poster.jpg")).convert("RGB"))[8, 8]
        assert shown.tolist() == pytest.approx([0, 128, 0], abs=6)
        assert luma == pytest.approx(16 + 219 * 0.7152 * 128 / 255, abs=3)


@pytest.mark.slow
@pytest.mark.needs("ffprobe")
@pytest.mark.parametrize("name", ["picture-later.mkv", "sound-longer.mp4", "short.mp4"])
def test_debian_ffmpeg_and_ffprobe_make_the_same_of_odd_source(
    name: str,
    make: Callable[..., Made],
    needs: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "READERS", (ffprobe.FFprobe,))
    check_times(name, make(name, program=str(needs("ffprobe").with_name("ffmpeg"))))


@pytest.mark.slow
@pytest.mark.parametrize("profile", [SMALL, {"listen.m4a": {"kind": "audio"}}])
def test_sound_that_cannot_be_decoded_is_an_error_and_not_silence(
    profile: dict[str, Any], draw: Draw, media_root: Path
) -> None:
    source = draw_source(draw, "unknown-sound.mp4")
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": profile}}):
        save_film(ContentFile(source.read_bytes(), source.name))
        work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error_code) == (State.ERROR, "unknown_sound")


@pytest.mark.slow
def test_song_with_cover_is_no_video_and_becomes_audio(
    draw: Draw, make: Callable[..., Made]
) -> None:
    made = make("cover.mp4", {"listen.m4a": {"kind": "audio"}})
    assert made.film.video.metadata.codecs == "aac"
    assert (made.film.video.width, made.film.video.duration) == (None, 1.0)
    (listen,) = made.film.video.renditions
    assert listen.duration == pytest.approx(1, abs=0.1)
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": SMALL}}):
        made.film.video.transcode(force=True)
        work()
    job = TranscodeJob.objects.latest("pk")
    assert (job.state, job.error_code) == (State.ERROR, "no_video")


DETECTION = "[idet] Multi frame detection: TFF:{:6} BFF:{:6} Progressive:{:6} Undetermined:{:6}"


@pytest.mark.parametrize(
    ("counts", "order", "sure"),
    [
        ((50, 0, 0, 0), "tff", "tff"),
        ((0, 48, 2, 0), "bff", "bff"),
        ((38, 37, 25, 0), "tff", ""),  # measured of testsrc2, a drawing with fine lines
        ((30, 0, 20, 0), "tff", ""),
        ((30, 0, 0, 20), "tff", ""),
        ((0, 0, 50, 0), "", ""),
        ((0, 0, 0, 50), "", ""),
        ((0, 0, 0, 0), "", ""),
    ],
)
def test_fields_that_a_stream_denies_need_more_proof(
    counts: tuple[int, ...], order: str, sure: str
) -> None:
    messages = DETECTION.format(*counts)
    assert measuring.parse_field_order(messages) == order
    assert measuring.parse_sure_field_order(messages) == sure
    assert measuring.parse_field_order("") == measuring.parse_sure_field_order("") == ""


def test_whole_frames_are_measured_only_where_fields_are_usual() -> None:
    hd = VideoFacts(video="h264", width=1920, height=1080, fps=25)
    assert hd.may_be_marked_wrongly
    assert not replace(hd, fps=50).may_be_marked_wrongly
    assert not replace(hd, width=1280, height=720).may_be_marked_wrongly
    assert not replace(hd, width=1080, height=1920).may_be_marked_wrongly
    assert not replace(hd, interlaced=True).may_be_marked_wrongly
    assert replace(hd, height=576, fps=0).may_be_marked_wrongly
