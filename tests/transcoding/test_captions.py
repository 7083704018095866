"""Text tracks of a source become WebVTT files, tracks of the player and subtitles of HLS."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import m3u8
import pytest
from django.core.files.base import ContentFile
from django.core.management.base import OutputWrapper
from django.template import Context, Template
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from shift_media.management.transcode_output import TranscodeReport
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.video.captions import cut_captions, name_tracks
from shift_media.video.playlists import SEGMENTS_BEGIN_AT
from shift_media.video.profiles import parse_profile
from tests.testapp.models import Film
from tests.transcoding import hls_rules
from tests.transcoding.conftest import H264, Draw, save_film, work
from tests.transcoding.odd_sources import AAC, picture, tone
from tests.transcoding.test_hls import run

CUES = "1\n00:00:00,200 --> 00:00:01,000\n{0}\n\n2\n00:00:01,500 --> 00:00:02,500\nlater {0}\n"
PROFILE = {
    "48p.mp4": {"kind": "mp4", "height": 48, "preset": "ultrafast"},
    "hls.m3u8": {"kind": "hls", "heights": [48], "segment_seconds": 2},
    "_poster.jpg": {"kind": "poster"},
    "captions.vtt": {"kind": "captions"},
}


def subtitled(draw: Draw, extension: str, codec: str) -> Path:
    folder = draw("blank.mp4", *picture(), *H264).parent
    inputs, options = [], []
    for number, language in enumerate(("eng", "ger", "eng", "")):
        path = folder / f"cues-{number}.srt"
        path.write_text(CUES.format(f"<b>{language}</b>{number}"))
        inputs += ["-i", str(path)]
        options += ["-map", str(number + 2)]
        options += [f"-metadata:s:s:{number}", f"language={language}"] if language else []
    maps = ["-map", "0", "-map", "1", *options, "-c:s", codec]
    return draw(f"subtitled.{extension}", *picture(3), *tone(3), *inputs, *maps, *H264, *AAC)


@pytest.mark.slow
@pytest.mark.acceptance(84)
@pytest.mark.needs("ffmpeg")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("extension", "codec"), [("mkv", "srt"), ("mp4", "mov_text"), ("webm", "webvtt")]
)
def test_text_tracks_become_files_of_their_language_and_subtitles(
    extension: str, codec: str, draw: Draw, media_root: Path
) -> None:
    if extension == "webm":  # Its codecs differ.
        source = draw(
            "subtitled.webm",
            *["-i", str(subtitled(draw, "mkv", "srt")), "-map", "0", "-c:v", "libvpx"],
            *["-c:a", "libopus", "-c:s", "webvtt"],
        )
    else:
        source = subtitled(draw, extension, codec)
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": PROFILE}}):
        save_film(ContentFile(source.read_bytes(), source.name))
        work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    film = Film.objects.get()
    captions = [one for one in film.video.renditions if one.kind == "captions"]
    names = [one.key.rpartition("/")[2] for one in captions]
    assert names == ["captions-en.vtt", "captions-de.vtt", "captions-en-2.vtt", "captions-und.vtt"]
    assert {one.content_type for one in captions} == {"text/vtt; charset=utf-8"}
    text = (media_root / captions[1].key).read_text()
    assert text.startswith("WEBVTT")
    assert "ger" in text
    assert "00:00.200 --> 00:01.000" in text
    page = Template("{% load shift_media %}{% media_video f.video %}")
    html = page.render(Context({"f": film}))
    assert f'<track kind="captions" src="{captions[1].url}" srclang="de">' in html
    own = Template("{% load shift_media %}{% media_video f.video captions='/a.vtt' %}")
    assert own.render(Context({"f": film})).count("<track") == 1
    hls = next(one for one in film.video.renditions if one.kind == "hls")
    master = media_root / hls.key
    assert hls_rules.find_faults(master) == []
    listed = [one for one in m3u8.loads(master.read_text()).media if one.type == "SUBTITLES"]
    assert [one.language for one in listed] == ["en", "de", "en", "und"]
    index = m3u8.load(str(master.parent / listed[1].uri))
    assert [round(segment.duration) for segment in index.segments] == [2, 1]
    first = (master.parent / "hls-captions-de" / "s00000.vtt").read_text()
    assert f"MPEGTS:{SEGMENTS_BEGIN_AT * 90_000},LOCAL:00:00:00.000" in first
    second = (master.parent / "hls-captions-de" / "s00001.vtt").read_text()
    assert first.count("-->") == 2  # The second cue begins in the first segment,
    assert second.count("-->") == 1  # and ends in the second one.


@pytest.mark.slow
@pytest.mark.acceptance(84)
@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("program", ["newest", "debian"])
def test_track_that_ffmpeg_cannot_write_is_left_out_with_a_warning(
    program: str, draw: Draw, tmp_path: Path, needs: Callable[[str], Path]
) -> None:
    source = tmp_path / "latin.mkv"
    content = subtitled(draw, "mkv", "srt").read_bytes()
    source.write_bytes(content.replace(b"<b>ger</b>", b"<b>g\xe9r</b>"))  # It is not UTF-8.
    path = str(needs("ffprobe").with_name("ffmpeg")) if program == "debian" else ""
    _, report = run(source, tmp_path / "media", parse_profile("web", PROFILE), path)
    files = [one.key.rpartition("/")[2] for one in report.renditions if one.kind == "captions"]
    assert files == ["captions-en.vtt", "captions-en-2.vtt", "captions-und.vtt"]
    (warning,) = report.payload["warnings"]
    assert warning.startswith("The text track captions-de.vtt is left out: ")
    master = next((tmp_path / "media").rglob("hls.m3u8"))
    assert hls_rules.find_faults(master) == []
    assert '"de"' not in master.read_text()


def test_warnings_of_a_job_are_read_from_its_payload() -> None:
    said = {"warnings": ["A track is left out."], "Warnings": [{"Code": 230001, "Count": 2}]}
    assert TranscodeJob(payload=said).warnings == [
        "A track is left out.",
        "MediaConvert gave the warning 230001.",
    ]
    job = TranscodeJob(pk=3, original="a/b.mp4", profile="web", state="complete", payload=said)
    out = io.StringIO()
    TranscodeReport(OutputWrapper(out), OutputWrapper(out)).update(job)
    assert "\n  A track is left out.\n" in out.getvalue()


def test_unsafe_language_is_unknown() -> None:
    found = [(0, "../x"), (1, "EN"), (2, ""), (3, "english"), (4, "gsw")]
    files = [track.file for track in name_tracks("captions", found)]
    assert files == [
        *["captions-und.vtt", "captions-en.vtt", "captions-und-2.vtt", "captions-und-3.vtt"],
        "captions-gsw.vtt",
    ]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 9_000)), max_size=8),
    st.integers(1, 7),
    st.floats(0.1, 20),
)
def test_each_cue_is_in_each_segment_that_it_touches(
    times: list[tuple[int, int]], seconds: int, duration: float
) -> None:
    def format_time(thousandths: int) -> str:
        return f"00:{thousandths // 1000:02}.{thousandths % 1000:03}"

    cues = [(start, start + length) for start, length in times]
    blocks = [f"{format_time(a)} --> {format_time(b)}\ncue {n}" for n, (a, b) in enumerate(cues)]
    segments = cut_captions("\n\n".join(["WEBVTT", *blocks]), seconds, duration)
    assert sum(length for _, length in segments) == pytest.approx(duration, abs=0.002)
    for number, (text, length) in enumerate(segments):
        begin = number * seconds
        expected = [n for n, (a, b) in enumerate(cues) if a / 1000 < begin + length < 99]
        touched = [n for n in expected if cues[n][1] / 1000 > begin]
        assert [int(line[4:]) for line in text.splitlines() if line[:4] == "cue "] == touched


@pytest.mark.slow
@pytest.mark.acceptance(73)
def test_hostile_captions_cost_little() -> None:
    long = "00:00.000 --> 04:00:00.000\n" + "x" * 100_000
    segments = cut_captions(f"WEBVTT\n\n{long}\n\n{long}", 2, 4 * 3600)
    assert "x" in segments[0][0]
    assert sum(len(text) for text, _ in segments) < 22_000_000
    short, began = "00:00.000 --> 04:00:00.000\nx", time.process_time()
    cut_captions("\n\n".join(["WEBVTT", *[short] * 5_000]), 2, 4 * 3600)
    assert time.process_time() - began < 2
    digits = f"WEBVTT\n\n{'1' * 200_000}\n\n00:00.000 --> 00:01.000\ncue"
    ((text, _),) = cut_captions(digits, 6, 6)
    assert text.endswith("cue\n")
    assert len(name_tracks("captions", [(number, "en") for number in range(1000)])) == 40
