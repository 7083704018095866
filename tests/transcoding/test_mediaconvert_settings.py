"""The settings of MediaConvert's jobs, compared with botocore's description of the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from django.core.files.storage import storages
from django.test import override_settings
from PIL import Image

from shift_media.conf.presets import read_picture
from shift_media.core.errors import TranscodeError
from shift_media.core.keys import new_original_key
from shift_media.transcoding.backends.marks import draw_marks
from shift_media.transcoding.backends.mediaconvert import MediaConvert, inputs, schema
from shift_media.transcoding.backends.mediaconvert.job_settings import (
    Additions,
    build_groups,
    build_settings,
)
from shift_media.transcoding.backends.mediaconvert.sources import CaptionInput, input_settings
from shift_media.transcoding.backends.stored_outputs import resolve_name
from shift_media.transcoding.base import Job
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.playlists import parse_playlist
from shift_media.video.profiles import BUILT_IN, Profile, parse_profile
from tests.testapp.models import Film

ROLE = "arn:aws:iam::123456789012:role/MediaConvert"
DESTINATION = "s3://bucket/key/_web/0a1b2c3d/"
WEB = parse_profile("web", BUILT_IN["web"])
WIDE = VideoFacts(duration=60, width=1920, height=1080, fps=25, video="h264", audio="aac")


def settings_for(
    profile: Profile = WEB, facts: VideoFacts = WIDE, captions: Sequence[CaptionInput] = ()
) -> dict[str, Any]:
    plan = planning.build_plan(profile, facts)
    additions = Additions(draw_marks(plan), captions)
    groups = build_groups(plan, DESTINATION, additions)
    source = input_settings(plan, "s3://bucket/key/film.mp4", captions)
    return build_settings(groups, source)


def videos_of(settings: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = [one for group in settings["OutputGroups"] for one in group["Outputs"]]
    return [one["VideoDescription"] for one in outputs if "VideoDescription" in one]


EVERYTHING = {
    "720p.mp4": {"kind": "mp4", "height": 720, "crf": 0, "preset": "slower", "audio_kbps": 512},
    "240p.mp4": {"kind": "mp4", "height": 240, "crf": 51, "preset": "ultrafast", "audio_kbps": 16},
    "odd.m3u8": {"kind": "hls", "heights": [1080, 360], "segment_seconds": 5},
    "sound.m4a": {"kind": "audio", "kbps": 100},
    "_poster.jpg": {"kind": "poster", "at": 100},
    "preview.vtt": {"kind": "sprite", "seconds": 7},
    "hevc.mp4": {"kind": "mp4", "codec": "hevc"},
    "av1.mp4": {"kind": "mp4", "codec": "av1", "preset": "slow"},
    "loop.webm": {"kind": "webm", "height": 480},
    "both.m3u8": {"kind": "hls", "heights": [720, 360], "codecs": ["h264", "hevc", "av1"]},
}


@pytest.mark.parametrize(
    "facts",
    [
        WIDE,
        VideoFacts(duration=0.4, width=160, height=90, fps=0, video="h264"),
        VideoFacts(duration=3600, width=2160, height=3840, fps=120, video="hevc", audio="aac"),
        VideoFacts(duration=7.123, width=641, height=359, fps=29.97, video="vp9", audio="opus"),
    ],
)
@pytest.mark.parametrize("profile", [WEB, parse_profile("all", EVERYTHING)])
def test_settings_of_profile_are_valid(profile: Profile, facts: VideoFacts) -> None:
    request = {"Role": ROLE, "Settings": settings_for(profile, facts)}
    assert list(schema.find_faults(request)) == []


def test_each_codec_has_a_complete_ladder() -> None:
    settings = settings_for(parse_profile("all", EVERYTHING))
    (group,) = [one for one in settings["OutputGroups"] if one["Name"] == "both.m3u8"]
    made = [
        (one["NameModifier"], one["VideoDescription"]["CodecSettings"]["Codec"])
        for one in group["Outputs"]
        if "VideoDescription" in one
    ]
    assert made == [
        ("-720p", "H_264"),
        ("-360p", "H_264"),
        ("-720p-hevc", "H_265"),
        ("-360p-hevc", "H_265"),
        ("-720p-av1", "AV1"),
        ("-360p-av1", "AV1"),
    ]
    hevc, av1 = (group["Outputs"][n]["VideoDescription"]["CodecSettings"] for n in (2, 4))
    assert hevc["H265Settings"]["WriteMp4PackagingType"] == "HVC1"
    assert hevc["H265Settings"]["GopSize"] == 1  # in seconds, as another list has segments of 5
    assert av1["Av1Settings"]["GopSize"] == 25  # in frames


def test_invalid_names_and_values_are_found() -> None:
    settings = settings_for()
    video = settings["OutputGroups"][0]["Outputs"][0]["VideoDescription"]
    video["CodecSettings"]["H264Settings"]["RateControlMode"] = "CRF"
    video["Width"] = 16
    settings["Inputs"][0]["VideoSelector"]["Rotation"] = "AUTO"
    found = "\n".join(schema.find_faults({"Priority": 51, "Settings": settings}))
    assert "H264Settings.RateControlMode is 'CRF', not one of VBR, CBR, QVBR" in found
    assert "VideoDescription.Width is 16, which must be at least 32" in found
    assert "Settings.Inputs[0].VideoSelector.Rotation is not in the API" in found
    assert "Priority is 51, which must be at most 50" in found


def test_botocore_accepts_request() -> None:
    client: Any = boto3.session.Session().client(
        "mediaconvert",
        region_name="eu-central-1",
        aws_access_key_id="AKTEST",
        aws_secret_access_key="test",
    )
    request = {"Role": ROLE, "Settings": settings_for(), "ClientRequestToken": "0" * 32}
    with Stubber(client) as stub:
        answer = {"Job": {"Role": ROLE, "Settings": {}, "Id": "1-a"}}
        stub.add_response("create_job", answer, {**request, "Settings": ANY})
        assert client.create_job(**request)["Job"]["Id"] == "1-a"


def test_destinations_are_keys_of_renditions() -> None:
    made = {}
    for group in settings_for()["OutputGroups"]:
        own = group["OutputGroupSettings"]
        place = own.get("FileGroupSettings") or own["CmafGroupSettings"]
        made[group["Name"]] = place["Destination"].removeprefix(DESTINATION)
    assert made == {
        "720p.mp4": "720p",
        "480p.mp4": "480p",
        "hls.m3u8": "hls",
        "poster-frame.jpg": "poster-frame",
        "preview-frame.jpg": "preview-frame",
    }
    hls = settings_for()["OutputGroups"][2]
    assert [output["NameModifier"] for output in hls["Outputs"]] == ["-720p", "-480p", "-sound"]


def test_sizes_of_portrait_are_even_and_not_enlarged() -> None:
    portrait = VideoFacts(duration=9, width=359, height=641, fps=30, video="h264", audio="aac")
    settings = settings_for(facts=portrait)
    assert settings["Inputs"][0]["VideoSelector"]["Rotate"] == "AUTO"
    sizes = {(video["Width"], video["Height"]) for video in videos_of(settings)}
    assert (358, 640) in sizes
    for width, height in sizes:
        assert width <= 359
        assert height <= 641
        assert width % 2 == height % 2 == 0


def test_silent_video_gets_no_audio_settings() -> None:
    silent = VideoFacts(duration=9, width=640, height=360, fps=30, video="h264")
    settings = settings_for(facts=silent)
    outputs = [one for group in settings["OutputGroups"] for one in group["Outputs"]]
    assert not any("AudioDescriptions" in output for output in outputs)
    assert "AudioRenditionSets" not in str(settings)


def test_captures_are_taken_where_profile_says() -> None:
    *_, poster, sprite = videos_of(settings_for())
    captures = poster["CodecSettings"]["FrameCaptureSettings"]
    assert (captures["FramerateDenominator"], captures["MaxCaptures"]) == (6, 2)
    captures = sprite["CodecSettings"]["FrameCaptureSettings"]
    assert (captures["FramerateDenominator"], captures["MaxCaptures"]) == (2, 30)
    assert (sprite["Width"], sprite["Height"]) == (160, 90)


def test_high_frame_rate_is_capped_and_segments_begin_with_keyframes() -> None:
    fast = VideoFacts(duration=9, width=640, height=360, fps=120, video="h264")
    h264 = videos_of(settings_for(facts=fast))[0]["CodecSettings"]["H264Settings"]
    assert (h264["FramerateControl"], h264["FramerateNumerator"]) == ("SPECIFIED", 60)
    assert (h264["GopSize"], h264["GopSizeUnits"]) == (2, "SECONDS")
    assert (h264["ParControl"], h264["ParNumerator"], h264["ParDenominator"]) == (
        "SPECIFIED",
        1,
        1,
    )


@pytest.mark.acceptance(84)
def test_frames_of_two_fields_become_whole_in_each_output() -> None:
    for video in videos_of(settings_for()):
        deinterlacer = video["VideoPreprocessors"]["Deinterlacer"]
        # Control is not FORCE_ALL_FRAMES, which would blur sources that are progressive.
        assert (deinterlacer["Mode"], deinterlacer["Control"]) == ("DEINTERLACE", "NORMAL")


def test_peak_bit_rates_are_those_of_ffmpeg() -> None:
    ladder = {f"{side}p.mp4": {"kind": "mp4", "height": side} for side in (360, 480, 720, 1080)}
    own = {"kind": "mp4", "height": 240, "max_kbps": 900}
    found = {}
    for video in videos_of(settings_for(parse_profile("ladder", {**ladder, "own.mp4": own}))):
        codec = video["CodecSettings"]["H264Settings"]
        found[codec["MaxBitrate"]] = codec["HrdBufferSize"] / codec["MaxBitrate"]
    assert set(found) == {1_200_000, 2_500_000, 5_000_000, 8_000_000, 900_000}
    assert set(found.values()) == {1.5}


def test_manifest_and_keyframes_serve_all_playlists() -> None:
    lists = {
        "hls.m3u8": {"kind": "hls", "segment_seconds": 4},
        "hls.mpd": {"kind": "dash"},
        "long.m3u8": {"kind": "hls", "segment_seconds": 5},
    }
    settings = settings_for(parse_profile("lists", lists))
    groups = {group["Name"]: group["OutputGroupSettings"] for group in settings["OutputGroups"]}
    assert groups["hls.m3u8"]["CmafGroupSettings"]["WriteDashManifest"] == "ENABLED"
    assert groups["long.m3u8"]["CmafGroupSettings"]["WriteDashManifest"] == "DISABLED"
    for video in videos_of(settings):
        assert video["CodecSettings"]["H264Settings"]["GopSize"] == 1  # a divisor of 4 and 5
    assert list(schema.find_faults({"Role": ROLE, "Settings": settings})) == []


def test_sound_alone_becomes_aac_and_opus_of_one_loudness() -> None:
    sound = VideoFacts(duration=9, audio="flac", channels=2)
    settings = settings_for(parse_profile("audio", BUILT_IN["audio"]), sound)
    assert list(schema.find_faults({"Role": ROLE, "Settings": settings})) == []
    made = {}
    for group in settings["OutputGroups"]:
        (output,) = group["Outputs"]
        (description,) = output["AudioDescriptions"]
        container = output["ContainerSettings"]["Container"]
        made[group["Name"]] = container, description["CodecSettings"]["Codec"]
        assert description["AudioNormalizationSettings"]["TargetLkfs"] == -16
    assert made == {"listen.m4a": ("MP4", "AAC"), "listen.ogg": ("OGG", "OPUS")}


def test_formatted_facts_parse_to_same_facts() -> None:
    facts = inputs.parse_facts(inputs.format_facts(WIDE))
    assert (facts.width, facts.height, facts.duration) == (1920, 1080, 60)
    assert (facts.video, facts.audio) == ("h264", "aac")
    silent = VideoFacts(duration=1.5, width=64, height=64, video="vp9")
    assert inputs.parse_facts(inputs.format_facts(silent)) == silent
    with pytest.raises(TranscodeError, match="not created by shift_media"):
        inputs.parse_facts("1920x1080")


def test_playlist_is_parsed_and_names_outside_its_folder_are_refused() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="a.mp4"\n#EXTINF:4.5,\nb.m4s?x\n#EXTINF:1,\nc.m4s\n'
    assert parse_playlist(text).files == ("a.mp4", "b.m4s", "c.m4s")
    assert (parse_playlist(text).seconds, parse_playlist(text).is_ended) == (5.5, False)
    assert parse_playlist(f"{text}#EXT-X-ENDLIST").is_ended
    assert resolve_name("a/b/hls.m3u8", "c.m3u8") == "a/b/c.m3u8"
    for name in ("../c", "/etc/passwd", "http://127.0.0.1/c", ""):
        with pytest.raises(TranscodeError, match="it names"):
            resolve_name("a/b/hls.m3u8", name)


def test_original_on_disk_is_refused(tmp_path: Path) -> None:
    job = Job(1, "0a1b2c3d", new_original_key("a.mp4", "mp4"), WEB, storages["private"])  # type: ignore[arg-type]
    with pytest.raises(TranscodeError, match="S3 alone"):
        MediaConvert(role=ROLE, region="eu-central-1").submit(job)


IN_BUCKET = {
    "BACKEND": "shift_media.storages.S3MediaStorage",
    "OPTIONS": {"bucket_name": "media", "public_url": "https://cdn.example/"},
}


def faults_of(**options: Any) -> list[str]:
    from django.conf import settings

    given = {"role": ROLE, "region": "eu-central-1", **options}
    with override_settings(STORAGES={**settings.STORAGES, "media": IN_BUCKET}):
        return [str(message.msg) for message in MediaConvert(**given).check()]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"role": "MediaConvert"}, '"role" is'),
        ({"role": "arn:aws:iam::12:role/x"}, '"role" is'),
        ({"role": "arn:aws:iam::123456789012:user/x"}, '"role" is'),
        ({"queue": "arn:aws:sqs:eu-central-1:123456789012:q"}, '"queue" is'),
        ({"acceleration": "on"}, "AccelerationSettings.Mode is 'on', not one of DISABLED"),
        ({"status_update": "SECONDS_1"}, "StatusUpdateInterval is 'SECONDS_1', not one of"),
        ({"priority": 100}, "Priority is 100, which must be at most 50"),
        ({"region": ""}, 'no "region"'),
    ],
)
def test_invalid_option_is_check_error(
    options: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    (found,) = faults_of(**options)
    assert text in found


def test_valid_options_pass_check() -> None:
    arn = "arn:aws-us-gov:mediaconvert:us-gov-west-1:123456789012:queues/Default"
    assert faults_of() == []
    assert faults_of(queue=arn, role="arn:aws-cn:iam::123456789012:role/service/x") == []
    assert faults_of(acceleration="PREFERRED", priority=-50, status_update="SECONDS_10") == []


def test_field_with_videos_on_disk_is_check_error() -> None:
    found = [str(m.msg) for m in MediaConvert(role=ROLE, region="eu-central-1").check()]
    field = Film._meta.get_field("video")
    assert f"{field} is not on S3, but MediaConvert reads from S3 alone." in found


TALK = VideoFacts(
    duration=60,
    width=1280,
    height=720,
    fps=29.97,
    video="h264",
    audio="aac",
    sounds=((0, "en"), (1, "de"), (2, "und")),
)


def test_part_begins_and_ends_with_a_frame_of_the_source() -> None:
    web = parse_profile("web", {**BUILT_IN["web"], "trim": {"start": 5.5, "end": 65}})
    plan = planning.build_plan(web, replace(TALK, duration=90))
    assert plan.facts.duration == 59.5
    settings = settings_for(web, replace(TALK, duration=90))
    # 5.5 seconds are 165 frames at 29.97, which a timecode counts as 30 a second.
    assert settings["Inputs"][0]["InputClippings"] == [
        {"StartTimecode": "00:00:05:15", "EndTimecode": "00:01:04:27"}
    ]
    assert list(schema.find_faults({"Role": ROLE, "Settings": settings})) == []
    assert "InputClippings" not in settings_for()["Inputs"][0]


def test_sounds_and_captions_are_tracks_of_the_playlist() -> None:
    hls = {"hls.m3u8": {"kind": "hls", "sounds": "all"}, "language": "de"}
    captions = [CaptionInput("fr", "s3://bucket/captions.vtt")]
    settings = settings_for(parse_profile("talk", hls), TALK, captions)
    assert list(schema.find_faults({"Role": ROLE, "Settings": settings})) == []
    (source,) = settings["Inputs"]
    tracks = {name: one["Tracks"] for name, one in source["AudioSelectors"].items()}
    assert tracks == {
        "Audio Selector 1": [2],
        "Audio Selector 2": [1],
        "Audio Selector 4": [3],
    }
    file = source["CaptionSelectors"]["Captions Selector 1"]["SourceSettings"]
    assert file["FileSourceSettings"] == {"SourceFile": "s3://bucket/captions.vtt"}
    outputs = {one["NameModifier"]: one for one in settings["OutputGroups"][0]["Outputs"]}
    names = ["-720p", "-480p", "-sound", "-sound-en", "-sound-und", "-captions-fr"]
    assert list(outputs) == names
    languages = {
        name: outputs[name]["AudioDescriptions"][0].get("CustomLanguageCode")
        for name in names
        if name.startswith("-sound")
    }
    assert languages == {"-sound": "de", "-sound-en": "en", "-sound-und": None}
    kinds = [
        outputs[name]["ContainerSettings"]["CmfcSettings"]["AudioTrackType"]
        for name in ("-sound", "-sound-en")
    ]
    assert kinds == [
        "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT",
        "ALTERNATE_AUDIO_AUTO_SELECT",
    ]


def test_facts_of_sounds_survive_in_the_job() -> None:
    kept = inputs.parse_facts(inputs.format_facts(replace(TALK, fps=0, sounds=TALK.sounds)))
    assert kept == replace(TALK, fps=0)
    many = replace(TALK, sounds=tuple((number, "und") for number in range(20)))
    assert len(inputs.format_facts(many)) < 256


def test_watermark_is_inserted_into_each_video_of_its_size(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (40, 20), (255, 0, 0, 128)).save(logo)
    mark = {"file": str(logo), "position": "northwest", "width": 25}
    web = parse_profile("web", {**BUILT_IN["web"], "watermark": mark}, read_picture)
    settings = settings_for(web)
    assert list(schema.find_faults({"Role": ROLE, "Settings": settings})) == []
    inserted = [one["VideoPreprocessors"].get("ImageInserter") for one in videos_of(settings)]
    assert [bool(one) for one in inserted] == [True, True, True, True, False, False]
    (picture,) = inserted[0]["InsertableImages"]
    assert picture["ImageInserterInput"] == f"{DESTINATION}mark-1280x720.png"
    assert (picture["ImageX"], picture["ImageY"]) == (22, 22)
    assert (picture["Width"], picture["Height"]) == (320, 160)
