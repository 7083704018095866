"""Probing of videos by PyAV and by ffprobe: the same facts, the same limits."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from enum import Flag, IntFlag
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from shift_media.core.errors import MissingExtra, TranscodeError
from shift_media.sandbox.ffmpeg import find_program
from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import (
    VideoLimits,
    VideoProbe,
    ffprobe,
    probe_video,
    pyav,
    pyav_worker,
)
from shift_media.transcoding.probing.timing import measure_times
from shift_media.video.facts import VideoFacts
from tests.transcoding.conftest import H264, Draw, NewFilm, pattern, sound, work

pytestmark = [pytest.mark.needs("ffmpeg", "ffprobe")]

READERS = (pyav.PyAV, ffprobe.FFprobe)
VIDEOS = {
    "clip.mp4": [*pattern(), *sound(), *H264],
    "surround.mp4": [*pattern(), *sound(layout="5.1"), *H264],
    "odd.webm": [*pattern("161x121"), "-c:v", "libvpx-vp9", "-b:v", "200k"],
    "av1.mkv": [*pattern(), *sound(), "-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"],
    "wide.mp4": [*pattern(), *H264, "-vf", "setsar=4/3"],
    "hlg.mp4": [*pattern(), *H264, "-vf", "setparams=color_trc=arib-std-b67"],
    "thirty.mp4": [*pattern(rate=30), *H264, "-bf", "3", "-g", "30"],
    "alone.mp4": sound(),
}

Read = Callable[[Path], VideoFacts]


@pytest.fixture(params=READERS, ids=["pyav", "ffprobe"])
def each_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with each of the two readers alone."""
    monkeypatch.setattr(probing, "READERS", (request.param,))


def probe_with_both(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[VideoFacts | str]:
    """Return what each reader returns for a file: facts, or the code of the error."""
    results: list[VideoFacts | str] = []
    for reader in READERS:
        monkeypatch.setattr(probing, "READERS", (reader,))
        try:
            results.append(probe_video(path, VideoLimits()))
        except TranscodeError as error:
            results.append(str(error.code))
    return results


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_both_readers_return_the_same_facts(
    name: str, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = probe_with_both(draw(name, *VIDEOS[name]), monkeypatch)
    assert isinstance(first, VideoFacts)
    assert isinstance(second, VideoFacts)
    # Versions of FFmpeg differ in the time that Opus needs to begin, some milliseconds.
    assert first.duration == pytest.approx(second.duration, abs=0.01)
    assert first == replace(second, duration=first.duration)
    assert first.hdr == (name == "hlg.mp4")
    assert first.channels == {"surround.mp4": 6}.get(name, 2 if first.audio else 0)
    if name == "av1.mkv":
        assert first.codecs == "av1, opus"
    if name == "wide.mp4":
        assert (first.width, first.height) == (213, 120)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_both_readers_return_the_size_of_the_upright_picture(
    degrees: int, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = draw("clip.mp4", *VIDEOS["clip.mp4"])
    turned = draw("up.mp4", "-display_rotation", str(degrees), "-i", str(flat), "-c", "copy")
    first, second = probe_with_both(turned, monkeypatch)
    assert isinstance(first, VideoFacts)
    assert first == second
    assert (first.width, first.height) == ((160, 120) if degrees == 180 else (120, 160))


@pytest.mark.slow
@pytest.mark.acceptance(51)
@pytest.mark.needs("corpus")
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("mozilla__nestegg/test_media_bug1480003.webm", {"no_frames"}),
        (  # PyAV before 18 cannot read it at all.
            "webmproject__libwebm/invalid_invalid_vp9_bitstream-bug_1416.webm",
            {"too_many_pixels", "unreadable"},
        ),
        ("webmproject__libwebm/simple_block.webm", {"unreadable", "no_frames"}),
        ("sindresorhus__file-type/fixture-corrupt.mkv", {"unreadable"}),
    ],
)
def test_both_readers_refuse_broken_videos(
    name: str, codes: set[str], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copy(corpus / "hostile" / name, tmp_path)
    assert set(probe_with_both(Path(path), monkeypatch)) <= codes


@pytest.mark.slow
@pytest.mark.needs("corpus")
def test_both_readers_return_the_same_facts_of_real_videos(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["video/bikes.mp4", "video/bigbuckbunny.mp4"]
    for name in [*names, "hostile/rails__rails/rotated_hdr_video.mov"]:
        path = Path(shutil.copy(corpus / name, tmp_path))
        first, second = probe_with_both(path, monkeypatch)
        assert isinstance(first, VideoFacts), name
        assert first == second
    assert (first.width, first.height, first.hdr) == (1080, 1920, True)


@pytest.mark.slow
@pytest.mark.acceptance(50)
@pytest.mark.usefixtures("each_reader")
@pytest.mark.parametrize("kind", ["playlist", "ffconcat", "text"])
def test_text_that_names_another_file_is_refused(
    kind: str, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    shutil.copy(draw("part.ts", *pattern(), *H264, "-f", "mpegts"), folder)
    text = {
        "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.ts\n#EXT-X-ENDLIST\n",
        "ffconcat": "ffconcat version 1.0\nfile part.ts\n",
        "text": "the quick brown fox\n" * 50,
    }[kind]
    path = folder / f"list.{'m3u8' if kind == 'playlist' else 'mp4'}"
    path.write_text(text)
    with pytest.raises(TranscodeError) as caught:
        probe_video(path, VideoLimits())
    assert caught.value.code == "unreadable"
    assert str(folder) not in str(caught.value)
    if kind == "ffconcat":  # The list of formats has refused it, not the content.
        monkeypatch.setattr(probing, "FORMATS", "")
        assert probe_video(path, VideoLimits()).format == "concat"


@pytest.mark.slow
@pytest.mark.usefixtures("each_reader")
def test_each_reader_keeps_the_limits(draw: Draw) -> None:
    clip = draw("clip.mp4", *VIDEOS["clip.mp4"])
    for limits, code in (
        (VideoLimits(pixels=160 * 120 - 1), "too_many_pixels"),
        (VideoLimits(seconds=0.5), "too_long"),
    ):
        with pytest.raises(TranscodeError) as caught:
            probe_video(clip, limits)
        assert caught.value.code == code
    with pytest.raises(TranscodeError) as caught:
        probe_video(clip, VideoLimits(), seconds=0.001)
    assert caught.value.code == "deadline"


@pytest.mark.slow
@pytest.mark.usefixtures("each_reader")
def test_probe_yields_facts_in_order_and_can_be_started_again(draw: Draw, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    for name in ("clip.mp4", "wide.mp4"):
        shutil.copy(draw(name, *VIDEOS[name]), folder)
    with VideoProbe(folder, VideoLimits()) as probe:
        for names in (["wide.mp4"], ["clip.mp4", "wide.mp4", "clip.mp4"], []):
            probe.start(names)
            widths = [facts.width for facts in probe.results() if facts is not None]
            assert widths == [213 if name == "wide.mp4" else 160 for name in names]


@pytest.mark.slow
@pytest.mark.usefixtures("each_reader")
def test_frame_that_comes_late_is_found(draw: Draw) -> None:
    late = draw(
        "late.mkv",
        *["-itsoffset", "2", *pattern()],
        *["-f", "lavfi", "-i", "sine=duration=4", "-c:a", "aac", *H264],
    )
    assert probe_video(late, VideoLimits()).frames == 1


def test_pyav_is_preferred_to_ffprobe(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probing.check_available() is pyav.PyAV
    monkeypatch.setattr(pyav.PyAV, "is_available", classmethod(lambda cls: False))
    assert probing.check_available() is ffprobe.FFprobe


def test_without_a_reader_error_and_check_say_what_to_install(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = draw("clip.mp4", *VIDEOS["clip.mp4"])
    monkeypatch.setattr(probing, "READERS", ())
    with pytest.raises(MissingExtra) as caught:
        probe_video(clip, VideoLimits())
    (message,) = FFmpeg(program=find_program()).check()
    for text in (str(caught.value), message.msg):
        assert 'pip install "django-shift-media[ffmpeg]"' in text
        assert "apt-get install ffmpeg" in text


@pytest.mark.slow
@pytest.mark.acceptance(52)
@pytest.mark.django_db(transaction=True)
def test_debian_ffmpeg_and_ffprobe_make_all_renditions(
    draw: Draw,
    new_film: NewFilm,
    media_root: Path,
    needs: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = needs("ffprobe").with_name("ffmpeg")
    monkeypatch.setattr(probing, "READERS", (ffprobe.FFprobe,))
    flat = draw("large.mp4", *pattern("320x240", 3), *sound(3, "5.1"), *H264)
    film = new_film(draw("large-up.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy"))
    ladder = {
        "720p.mp4": {"kind": "mp4", "height": 200},
        "480p.mp4": {"kind": "mp4", "height": 100},
        "hls.m3u8": {"kind": "hls", "heights": [200, 100]},
        "_poster.jpg": {"kind": "poster"},
        "preview.vtt": {"kind": "sprite"},
        "listen.m4a": {"kind": "audio"},
    }
    options = {"OPTIONS": {"program": str(program)}}
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": ladder}, "TRANSCODER": options}):
        work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error) == (State.COMPLETE, "")
    sizes = {r.key.rpartition("/")[2]: (r.width, r.height) for r in film.video.renditions}
    assert sizes == {
        "720p.mp4": (200, 266),
        "480p.mp4": (100, 134),
        "hls.m3u8": (200, 266),
        "_poster.jpg": (240, 320),
        "preview.vtt": (90, 120),
        "listen.m4a": (None, None),
    }
    small = next(media_root.rglob("480p.mp4"))
    facts = probe_video(small, VideoLimits())
    assert replace(facts, fps=0, format="", duration=0, pixel_format="") == VideoFacts(
        width=100,
        height=134,
        video="h264",
        audio="aac",
        channels=2,
        sounds=((0, "und"),),
        matrix="smpte170m",
        has_colors=True,
        frames=1,
    )
    version = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("ffmpeg version")


def many_packets(count: int) -> bytes:
    """Write an FLV of two bytes of sound in each of its packets, whose header has no end."""
    body = b"\x3e\0\0"
    tags = (
        b"\x08\0\0\3" + struct.pack(">I", time)[1:] + bytes(4) + body + struct.pack(">I", 14)
        for time in range(count)
    )
    return b"FLV\1\4\0\0\0\x09\0\0\0\0" + b"".join(tags)


@pytest.mark.parametrize("kind", [Flag, IntFlag])
def test_cover_of_a_song_is_no_video_for_each_version_of_pyav(kind: type[Flag]) -> None:
    """The disposition is an IntFlag since PyAV 18, and a Flag, which is not a number, before."""
    disposition: Any = kind("Disposition", {"default": 1, "attached_pic": 1 << 10})
    context = SimpleNamespace(width=20)
    for value, moving in ((disposition(0), True), (disposition.attached_pic, False)):
        stream = SimpleNamespace(codec_context=context, disposition=value)
        assert pyav_worker.is_moving(stream) is moving


@pytest.mark.slow
@pytest.mark.acceptance(73)
@pytest.mark.usefixtures("each_reader")
def test_memory_does_not_grow_with_the_packets(tmp_path: Path) -> None:
    (tmp_path / "source.flv").write_bytes(many_packets(10_000))
    tracemalloc.start()
    try:
        facts = probe_video(tmp_path / "source.flv", VideoLimits())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts.duration == pytest.approx(10, abs=0.01)
    assert most < 2_000_000


@pytest.mark.parametrize("read", [ffprobe.parse_duration, pyav_worker.parse_duration])
def test_duration_of_hundreds_of_digits_is_none(read: Callable[[str], float | None]) -> None:
    assert read("00:01:02.500000000") == 62.5
    assert read(f"{'9' * 400}:00:00.0") is None
    assert read(f"00:{'9' * 400}:00.0") is None


@pytest.mark.parametrize(
    ("audio", "end"), [(None, 0.001), ([0.0, 0.0, 0.0], 0.001), ([0.5, 1.0, 1.2], 1.2)]
)
def test_end_of_a_sound_is_known_if_packets_were_read(
    audio: list[float] | None, end: float
) -> None:
    packets = {"video": [0.0, 0.9, 1.0]} | ({"audio": audio} if audio else {})
    raw = {"start": 0.0, "duration": 1.0, "ends": {"video": 1.0}, "fps": 10.0, "packets": packets}
    assert measure_times(raw | {"audio": "aac"})["sound_end"] == end
    assert "sound_end" not in measure_times(raw | {"packets": {}, "audio": "aac"})


def test_end_of_a_single_picture_without_duration_is_known() -> None:
    packets = {"video": [0.0, 0.0, 0.0], "audio": [0.0, 2.9, 3.0]}
    ends = {"video": 0.0, "audio": 3.0}
    raw = {"start": 0.0, "duration": 3.0, "ends": ends, "packets": packets, "audio": "aac"}
    times = measure_times(raw)
    assert times["picture_end"] == 0.001
    assert times["last_end"] == 3
