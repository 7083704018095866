"""HEVC and AV1 beside H.264: complete ladders, lists of both, and encoders in hardware."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import m3u8
import pytest

from shift_media.sandbox.process import Bounds, Program, python
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.backends.ffmpeg.codecs import (
    HARDWARE,
    LIBAOM,
    SVT_AV1,
    Encoders,
)
from shift_media.transcoding.backends.ffmpeg.commands import encode_command
from shift_media.transcoding.backends.ffmpeg.inputs import FFmpegOptions
from shift_media.transcoding.backends.ffmpeg.trial import choose_av1, try_encoder
from shift_media.transcoding.base import JobReport
from shift_media.transcoding.probing import VideoLimits
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import build_plan
from shift_media.video.profiles import parse_profile
from tests.transcoding import hls_rules
from tests.transcoding.conftest import H264, Draw
from tests.transcoding.odd_sources import AAC, tone
from tests.transcoding.test_hls import run

pytestmark = [pytest.mark.needs("ffmpeg")]

PROFILE: dict[str, Any] = {
    "96p.mp4": {"kind": "mp4", "height": 96, "preset": "ultrafast"},
    "96p-hevc.mp4": {"kind": "mp4", "height": 96, "preset": "ultrafast", "codec": "hevc"},
    "96p-av1.mp4": {"kind": "mp4", "height": 96, "preset": "ultrafast", "codec": "av1"},
    "hls.m3u8": {
        "kind": "hls",
        "heights": [96, 48],
        "segment_seconds": 1,
        "preset": "ultrafast",
        "codecs": ["h264", "hevc", "av1"],
    },
    "hls.mpd": {"kind": "dash"},
}
# Its frames lie at no whole fraction of a second, so that keyframes need the times of segments.
NTSC = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=30000/1001:duration=2.3"]

Made = tuple[Path, JobReport]


@pytest.fixture(scope="module", params=["newest", "debian"])
def made(
    request: pytest.FixtureRequest,
    draw: Draw,
    needs: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    """Return the folder of the renditions, made once by each ffmpeg, and the report."""
    source = draw("ntsc.mp4", *NTSC, *tone(2.3), *H264, *AAC)
    debian = request.param == "debian"
    program = str(needs("ffprobe").with_name("ffmpeg")) if debian else ""
    root = tmp_path_factory.mktemp(request.param)
    job, report = run(source, root, parse_profile("codecs", PROFILE), program)
    return root / job.prefix, report


@pytest.mark.slow
def test_each_codec_has_its_ladder_in_playlist_and_manifest(made: Made) -> None:
    folder, report = made
    assert hls_rules.find_faults(folder / "hls.m3u8") == []
    master = m3u8.loads((folder / "hls.m3u8").read_text())
    listed = [
        (one.stream_info.codecs.partition(".")[0], one.stream_info.resolution)
        for one in master.playlists
    ]
    sizes = [(128, 96), (64, 48)]
    assert listed == [(codec, size) for codec in ("avc1", "hvc1", "av01") for size in sizes]
    for entry in master.playlists:
        index = m3u8.load(str(folder / entry.uri))
        times = [segment.duration for segment in index.segments]
        # A segment begins with the first frame of a second.
        assert times == pytest.approx([1.001, 1.001, 0.3], abs=0.05), entry.uri
        assert entry.stream_info.codecs.endswith(",mp4a.40.2")
    space = {"": "urn:mpeg:dash:schema:mpd:2011"}
    sets = ElementTree.parse(folder / "hls.mpd").getroot().findall(".//AdaptationSet", space)
    ladders = [[one.get("codecs", "") for one in each] for each in sets]
    assert [{codec.partition(".")[0] for codec in ladder} for ladder in ladders] == [
        *[{"avc1"}, {"hvc1"}, {"av01"}, {"mp4a"}]
    ]
    codecs = {one.key.rpartition("/")[2]: one.codecs for one in report.renditions}
    assert codecs["96p-hevc.mp4"].startswith("hvc1.1.6.L")
    assert codecs["96p-av1.mp4"].startswith("av01.0.")
    assert codecs["96p-av1.mp4"].endswith("M.08,mp4a.40.2")


@pytest.mark.slow
@pytest.mark.needs("ffprobe")
def test_ffprobe_reads_each_codec_as_the_names_say(
    made: Made, needs: Callable[[str], Path]
) -> None:
    expected = {"96p.mp4": ("h264", "avc1"), "96p-hevc.mp4": ("hevc", "hvc1")}
    expected |= {"96p-av1.mp4": ("av1", "av01")}
    for file, (codec, tag) in expected.items():
        command = [needs("ffprobe"), "-v", "error", "-of", "json", "-show_streams", file]
        said = subprocess.run(command, capture_output=True, check=True, cwd=made[0]).stdout
        video = json.loads(said)["streams"][0]
        assert (video["codec_name"], video["codec_tag_string"]) == (codec, tag)
        assert video["pix_fmt"] == "yuv420p"


@pytest.mark.slow
def test_debian_uses_libaom_because_its_svt_ignores_forced_keyframes(
    needs: Callable[[str], Path],
) -> None:
    import imageio_ffmpeg

    assert choose_av1(str(needs("ffprobe").with_name("ffmpeg"))) == LIBAOM
    assert choose_av1(imageio_ffmpeg.get_ffmpeg_exe()) == SVT_AV1


def commands_in(encoder: str, codec: str) -> list[str]:
    profile = parse_profile("one", {"720p.mp4": {"kind": "mp4", "height": 720, "codec": codec}})
    options = FFmpegOptions("ffmpeg", VideoLimits(), encoders=Encoders(encoder))
    facts = VideoFacts(duration=9, width=1280, height=720, fps=25, video="h264")
    return encode_command(options, "source.mp4", build_plan(profile, facts))


RATES = ["-maxrate", "5000k", "-bufsize", "7500k"]
LINES = {
    ("vaapi", "h264"): "-global_quality 23 -b:v 3000k -profile:v high",
    ("vaapi", "hevc"): "-global_quality 23 -b:v 3000k",
    ("vaapi", "av1"): "-global_quality 23 -b:v 3000k",
    ("nvenc", "h264"): "-preset p2 -rc vbr -cq 23 -b:v 0 -forced-idr 1 -profile:v high",
    ("nvenc", "hevc"): "-preset p2 -rc vbr -cq 23 -b:v 0 -forced-idr 1",
    ("nvenc", "av1"): "-preset p2 -rc vbr -cq 34 -b:v 0 -forced-idr 1",
    ("videotoolbox", "h264"): "-b:v 3000k -allow_sw 0 -profile:v high",
    ("videotoolbox", "hevc"): "-b:v 3000k -allow_sw 0",
}


@pytest.mark.parametrize(("encoder", "codec"), LINES)
def test_hardware_gets_its_encoder_device_and_rates(encoder: str, codec: str) -> None:
    words = commands_in(encoder, codec)
    place = words.index("-c:v")
    tag = ["-tag:v", "hvc1"] if codec == "hevc" else []
    expected = [f"{codec}_{encoder}", *LINES[encoder, codec].split(), *RATES, *tag]
    assert words[place + 1 : place + 1 + len(expected)] == expected
    assert "-pix_fmt" not in words
    graph = words[words.index("-filter_complex") + 1]
    if encoder == "vaapi":
        assert words[words.index("-vaapi_device") + 1] == "/dev/dri/renderD128"
        assert words.index("-vaapi_device") < words.index("-i")
        assert graph.endswith("setsar=1,format=nv12,hwupload[v0]")
    else:
        assert "-vaapi_device" not in words
        assert graph.endswith("setsar=1,format=yuv420p[v0]")


def test_codec_that_hardware_lacks_is_encoded_in_software() -> None:
    words = commands_in("videotoolbox", "av1")
    assert "libsvtav1" in words
    assert "-pix_fmt" in words


@pytest.mark.slow
def test_options_of_hardware_are_those_of_its_encoders() -> None:
    """No hardware is here, but ffmpeg lists the options of encoders that it was built with."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    for (encoder, codec), line in LINES.items():
        name = HARDWARE[encoder][codec]
        command = [program, "-hide_banner", "-h", f"encoder={name}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if encoder == "videotoolbox":
            assert "is not recognized" in said or said == ""  # It is built for macOS alone.
            continue
        own = [word for word in line.split() if word.startswith("-")]
        # These are options of all encoders.
        own = [word for word in own if word not in ("-b:v", "-global_quality", "-profile:v")]
        assert [word for word in own if f"  {word} " not in said] == [], name


def test_unknown_encoder_is_an_error_of_the_checks() -> None:
    (fault,) = [one for one in FFmpeg(encoder="nvidia").check() if one.id == "shift_media.E006"]
    assert str(fault.msg) == (
        "\"encoder\" is 'nvidia', expected one of software, vaapi, nvenc, videotoolbox."
    )


@pytest.mark.slow
def test_trial_says_why_hardware_does_not_work() -> None:
    import imageio_ffmpeg

    said = try_encoder(imageio_ffmpeg.get_ffmpeg_exe(), "h264", Encoders("vaapi", "/dev/null"))
    assert "vaapi_device" in said
    assert try_encoder("/no/ffmpeg", "h264", Encoders()) != ""


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "said"), [(0, "-1"), (1 << 30, str(1 << 30))])
def test_program_has_no_limit_of_memory_if_it_is_0(memory: int, said: str, tmp_path: Path) -> None:
    """Drivers of hardware reserve more address space than there is memory."""
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    with Program([python(), "-c", code], tmp_path, Bounds(20, 20, 1 << 20, memory)) as program:
        assert [line for line in program.lines() if line] == [said]
    assert FFmpeg(encoder="nvenc")._bounds.memory_bytes == 0
    assert FFmpeg(encoder="nvenc", max_memory_bytes=9 << 30)._bounds.memory_bytes == 9 << 30
    assert FFmpeg()._bounds.memory_bytes == 4 << 30
