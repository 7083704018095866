"""Options of a whole profile: a part of the source, a language, and a watermark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import m3u8
import numpy
import pytest
from PIL import Image

from shift_media.conf.presets import read_picture
from shift_media.core.errors import InvalidProfile, TranscodeError
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video.facts import VideoFacts
from shift_media.video.parts import Part
from shift_media.video.profiles import parse_profile
from tests.transcoding import hls_rules
from tests.transcoding.conftest import H264, Draw
from tests.transcoding.odd_sources import AAC, SIZE, graph, picture, tone
from tests.transcoding.test_hls import run

FAST = {"preset": "ultrafast"}
SMALL: dict[str, Any] = {
    "48p.mp4": {"kind": "mp4", "height": 48, **FAST},
    "hls.m3u8": {"kind": "hls", "heights": [48], "segment_seconds": 1, **FAST},
    "_poster.jpg": {"kind": "poster", "at": 50},
    "preview.vtt": {"kind": "sprite", "seconds": 1},
    "captions.vtt": {"kind": "captions"},
}
COLORS = ("red", "lime", "blue", "white")
EACH_A_SECOND = (
    "".join(f"color={one}:size={SIZE}:rate=10:duration=1[{one}];" for one in COLORS)
    + "".join(f"[{one}]" for one in COLORS)
    + "concat=n=4"
)
CUES = "".join(f"{n}\n00:00:0{n},100 --> 00:00:0{n},900\nsecond {n}\n\n" for n in range(4))

Programs = Callable[[str], Path]


def made(root: Path, file: str) -> Path:
    return next(root.rglob(file))


def frames(path: Path) -> list[numpy.ndarray[Any, Any]]:
    import av

    with av.open(str(path)) as media:
        return [frame.to_ndarray(format="rgb24") for frame in media.decode(video=0)]


def hue(picture: numpy.ndarray[Any, Any]) -> str:
    red, green, blue = (value > 128 for value in picture.mean(axis=(0, 1)))
    known = {(True, False, False): "red", (False, True, False): "lime"}
    known |= {(False, False, True): "blue", (True, True, True): "white"}
    return known[red, green, blue]


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("program", ["newest", "debian"])
def test_trim_cuts_each_rendition_at_the_same_times(
    program: str, draw: Draw, tmp_path: Path, needs: Programs
) -> None:
    cues = draw("colors.mkv", *graph(EACH_A_SECOND), *tone(4), *H264, *AAC).with_name("cues.srt")
    cues.write_text(CUES)
    source = draw(
        "titled.mkv", *graph(EACH_A_SECOND), *tone(4), "-i", str(cues), *H264, *AAC, "-c:s", "srt"
    )
    path = str(needs("ffprobe").with_name("ffmpeg")) if program == "debian" else ""
    profile = parse_profile("web", {**SMALL, "trim": {"start": 0.5, "end": 2.5}})
    _, report = run(source, tmp_path, profile, path)
    durations = {one.kind: one.duration for one in report.renditions if one.duration}
    assert durations == pytest.approx({"mp4": 2, "hls": 2, "captions": 2}, abs=0.1)
    shown = frames(made(tmp_path, "48p.mp4"))
    assert [hue(frame) for frame in shown] == ["red"] * 5 + ["lime"] * 10 + ["blue"] * 5
    assert hue(numpy.asarray(Image.open(made(tmp_path, "_poster.jpg")).convert("RGB"))) == "lime"
    sheet = numpy.asarray(Image.open(made(tmp_path, "preview.jpg")).convert("RGB"))
    assert [hue(sheet[:, :64]), hue(sheet[:, 64:])] == ["red", "lime"]
    assert hls_rules.find_faults(made(tmp_path, "hls.m3u8")) == []
    text = made(tmp_path, "captions-und.vtt").read_text()
    times = re.findall(r"00:00:(\d\d\.\d{3}) --> 00:00:(\d\d\.\d{3})\nsecond (\d)", text)
    found = [float(word) for cue in times for word in cue]
    # ffmpeg 5 counts from the padding of the sound, which begins 23 ms earlier.
    assert found == pytest.approx([0, 0.4, 0, 0.6, 1.4, 1, 1.6, 2, 2], abs=0.03)


def test_part_of_a_source_has_its_own_times() -> None:
    facts = VideoFacts(
        video="h264",
        audio="aac",
        duration=10,
        picture_start=0.5,
        picture_end=6,
        sound_start=1,
        sound_end=10,
        last_end=10,
    )
    cut = Part(2, 8).cut(facts)
    assert (cut.duration, cut.picture_start, cut.picture_end) == (6, 0, 4)
    assert (cut.sound_start, cut.sound_end, cut.last_end, cut.still_end) == (0, 6, 6, 6)
    assert Part(0.25).cut(facts).picture_start == 0.25
    assert Part().cut(facts) == facts
    silent = Part(4).cut(VideoFacts(video="h264", audio="aac", duration=9, sound_end=3))
    assert silent.audio == ""
    with pytest.raises(TranscodeError, match=r'lasts 10\.0 seconds, but the "trim".*begins at 12'):
        Part(12).cut(facts)
    with pytest.raises(TranscodeError, match="no picture"):
        Part(7).cut(facts)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trim": {}}, '"trim" must be a dict such as {"start": 5, "end": 65}'),
        ({"trim": {"from": 5}}, '"trim" must be'),
        ({"trim": {"start": 5, "end": 5}}, '"trim" must be'),
        ({"trim": {"start": -1}}, '"trim" must be'),
        ({"trim": {"start": "5"}}, '"trim" must be'),
        ({"language": "german"}, '"language" must be a code such as "de", got'),
        ({"language": 1}, '"language" must be'),
        ({"watermark": "logo.png"}, 'is not a watermark: write {"file": "logo.png"}'),
        ({"watermark": {"file": "/no/logo.png"}}, "cannot be read"),
        ({"watermark": {"file": "/no/logo.png", "size": 3}}, "no option size"),
    ],
)
def test_wrong_option_of_profile_is_refused_with_reason(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidProfile) as caught:
        parse_profile("web", {**SMALL, **options}, read_picture)
    assert said in str(caught.value)


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("program", ["newest", "debian"])
def test_watermark_is_laid_over_videos_of_each_size_alone(
    program: str, draw: Draw, tmp_path: Path, needs: Programs
) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (40, 20), (255, 0, 0, 255)).save(logo)
    source = draw("grey.mp4", *graph("color=gray:size=128x96:rate=10:duration=1"), *tone(), *H264)
    mark = {"file": str(logo), "position": "northwest", "width": 25, "opacity": 100}
    sizes = {"96p.mp4": {"kind": "mp4", "height": 96, **FAST}, **SMALL, "watermark": mark}
    profile = parse_profile("web", sizes, read_picture)
    path = str(needs("ffprobe").with_name("ffmpeg")) if program == "debian" else ""
    run(source, tmp_path / "media", profile, path)
    for file, width in (("96p.mp4", 128), ("48p.mp4", 64)):
        for frame in (frames(made(tmp_path, file))[0], frames(made(tmp_path, file))[-1]):
            assert frame.shape[1] == width
            margin = round(frame.shape[0] * 0.03)
            inside = frame[margin + 2 : margin + width // 8 - 2, margin + 2 : width // 4 - 2]
            assert inside[..., 0].mean() > 200
            assert inside[..., 1].mean() < 60
            outside = frame[width // 4 :, width // 3 :]
            assert outside[..., 0].mean() == pytest.approx(128, abs=6)
            assert outside[..., 1].mean() == pytest.approx(128, abs=6)
    poster = numpy.asarray(Image.open(made(tmp_path, "_poster.jpg")).convert("RGB"))
    assert poster[4:10, 4:20, 1].mean() > 100
    assert hls_rules.find_faults(made(tmp_path, "hls.m3u8")) == []
    assert [one.name for one in (tmp_path / "media").rglob("mark*")] == []


def two_languages(draw: Draw) -> Path:
    """Draw a video with a silent track in English, a loud one in German, and one of a second."""
    tracks = ["-map", "0", "-map", "1", "-map", "2", "-map", "3"]
    names = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=ger"]
    silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=2"]
    inputs = [*picture(2), *silence, *tone(2), *tone(1)]
    return draw("languages.mkv", *inputs, *tracks, *names, *H264, *AAC)


def loudness(path: Path) -> float:
    import av

    with av.open(str(path)) as media:
        samples = [abs(frame.to_ndarray()).mean() for frame in media.decode(audio=0)]
    return float(numpy.mean(samples))


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("program", ["newest", "debian"])
def test_sound_of_a_language_is_chosen_and_all_sounds_are_offered(
    program: str, draw: Draw, tmp_path: Path, needs: Programs
) -> None:
    source = two_languages(draw)
    facts = probe_video(source, VideoLimits())
    assert facts.sounds == ((0, "en"), (1, "de"), (2, "und"))
    profile = {**SMALL, "hls.m3u8": {**SMALL["hls.m3u8"], "sounds": "all"}, "language": "de"}
    profile |= {"listen.m4a": {"kind": "audio", "loudness": -16}, "hls.mpd": {"kind": "dash"}}
    path = str(needs("ffprobe").with_name("ffmpeg")) if program == "debian" else ""
    run(source, tmp_path, parse_profile("web", profile), path)
    assert loudness(made(tmp_path, "48p.mp4")) > 0.05
    assert loudness(made(tmp_path, "listen.m4a")) > 0.05
    master = made(tmp_path, "hls.m3u8")
    assert hls_rules.find_faults(master) == []
    sounds = [one for one in m3u8.loads(master.read_text()).media if one.type == "AUDIO"]
    listed = [(one.language, one.default, one.uri) for one in sounds]
    assert listed == [
        ("de", "YES", "hls-sound/index.m3u8"),
        ("en", "NO", "hls-sound-en/index.m3u8"),
        (None, "NO", "hls-sound-und/index.m3u8"),
    ]
    for one in sounds:  # The track of one second is followed by silence.
        index = m3u8.load(str(master.parent / one.uri))
        assert sum(segment.duration for segment in index.segments) == pytest.approx(2, abs=0.1)
    manifest = made(tmp_path, "hls.mpd").read_text()
    assert manifest.count('contentType="audio"') == 3
    assert 'lang="de"' in manifest
    first = parse_profile("web", {"48p.mp4": SMALL["48p.mp4"], "language": "fr"})
    run(source, tmp_path / "first", first, path)
    assert loudness(made(tmp_path / "first", "48p.mp4")) < 0.001
