"""Elastic Transcoder's vocabulary: presets, names, and jobs translated into renditions."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.errors import InvalidProfile
from shift_media.core.keys import OriginalKey, RenditionKey, new_original_key, parse_key
from shift_media.video.elastic import naming, presets
from shift_media.video.elastic.profiles import read_profile
from shift_media.video.profiles import Profile
from shift_media.video.specs import Audio, Hls, Mp4, PosterSpec, StillsSpec
from tests.strategies import originals

GENERIC_720P, WEB = "1351620000001-000010", "1351620000001-100070"
HLS_1M, HLS_400K, HLS_AUDIO = (f"1351620000001-{end}" for end in ("200030", "200050", "200071"))
CUSTOM = "1441234567890-abc123"
DEFINED = {
    "Container": "mp4",
    "Video": {
        "Codec": "H.264",
        "CodecOptions": {"Profile": "main", "Level": "3.1", "MaxBitRate": "1200"},
        "KeyframesMaxDist": "60",
        "FixedGOP": "true",
        "BitRate": "auto",
        "FrameRate": "auto",
        "MaxFrameRate": "25",
        "MaxWidth": "400",
        "MaxHeight": "auto",
        "SizingPolicy": "Fill",
        "PaddingPolicy": "Pad",
        "DisplayAspectRatio": "16:9",
    },
    "Audio": {"Codec": "AAC", "SampleRate": "auto", "BitRate": "96", "Channels": "1"},
    "Thumbnails": {
        "Format": "jpg",
        "Interval": "5",
        "MaxWidth": "100",
        "MaxHeight": "100",
        "SizingPolicy": "Stretch",
        "PaddingPolicy": "NoPad",
    },
}


def job(*outputs: dict[str, Any], **more: Any) -> Profile:
    return read_profile("web", {"outputs": list(outputs), **more})


def output(key: str, preset: str, **more: Any) -> dict[str, Any]:
    return {"Key": key, "PresetId": preset, **more}


def impossible(profile: Profile) -> tuple[str, ...]:
    assert profile.elastic is not None
    return profile.elastic.impossible


def assumptions(profile: Profile) -> str:
    assert profile.elastic is not None
    return "\n".join(profile.elastic.assumptions)


# Presets


def test_system_presets_have_known_values_and_none_for_unknown_ones() -> None:
    known = presets.system()
    assert len(known) == 62
    web = known[WEB]
    assert (web.name, web.container, web.video.box) == ("Web", "mp4", (1280, 720))
    assert (web.video.kbps, web.video.frame_rate, web.video.profile) == (2200, 30, "main")
    assert (web.audio.kbps, web.audio.sample_rate, web.thumbnails.seconds) == (160, 44100, 60)
    hls = known[HLS_1M]
    assert (hls.video.frame_rate, hls.video.max_frame_rate, hls.has_audio) == (0, None, True)
    assert (hls.audio.codec, hls.audio.kbps, hls.thumbnails.format) == (None, None, None)
    assert known[GENERIC_720P].video.frame_rate == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("retired", "instead"),
    [
        ("1351620000000-000010", GENERIC_720P),
        ("1351620000001-100010", "1351620000001-100020"),
        # Its first replacement was retired, too.
        ("1351620000000-000060", "1351620000001-000061"),
    ],
)
def test_retired_preset_is_refused_with_its_replacement(retired: str, instead: str) -> None:
    with pytest.raises(InvalidProfile, match=f'retired by the service. Write "{instead}"'):
        job(output("a.mp4", retired))


def test_replacement_of_retired_preset_is_system_preset() -> None:
    for id in presets._retired():
        assert presets.replacement(id) in presets.system()


def test_described_preset_of_project_gives_encoding_and_stills() -> None:
    made = job(output("a.mp4", CUSTOM, ThumbnailPattern="t{count}"), presets={CUSTOM: DEFINED})
    video, stills = made.renditions
    assert isinstance(video, Mp4)
    assert isinstance(stills, StillsSpec)
    assert video.encoding is not None
    one = video.encoding
    assert (one.box, one.policy, one.padding, one.display_ratio) == (
        (400, 1080),
        "Fill",
        "Pad",
        Fraction(16, 9),
    )
    assert (one.kbps, one.max_kbps, one.max_frame_rate, one.frame_rate) == (0, 1200, 25, None)
    assert (one.gop, one.fixed_gop, one.profile, one.level) == (60, True, "main", "3.1")
    assert one.audio is not None
    assert (one.audio.kbps, one.audio.channels) == (96, 1)
    assert (stills.file, stills.box, stills.policy, stills.seconds) == (
        "t-00001.jpg",
        (100, 100),
        "Stretch",
        5,
    )
    assert (assumptions(made), impossible(made)) == ("", ())


# Names


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        (naming.master_playlist("p/index", "HLSv3"), "p/index.m3u8"),
        (naming.master_playlist("index.m3u8", "HLSv4"), "index.m3u8.m3u8"),
        (naming.master_playlist("index", "MPEG-DASH"), "index.mpd"),
        (naming.stream_playlist("hls/1m"), "hls/1m.m3u8"),
        (naming.stream_playlist("hls/1m", "HLSv4"), "hls/1m_v4.m3u8"),
        (naming.segment("hls/1m", 7), "hls/1m00007.ts"),
        (naming.thumbnail("a-{count}", 1, (192, 108), "png"), "a-00001.png"),
        (naming.thumbnail("{count}-{resolution}", 12, (192, 108), "jpg"), "00012-192x108.jpg"),
        (naming.thumbnail("a", 1, (1, 1), "png"), "a00001.png"),
    ],
)
def test_names_follow_rules_of_developer_guide(named: str, wanted: str) -> None:
    assert named == wanted


@pytest.mark.slow
@given(originals, st.text(max_size=80), st.sampled_from(["mp4", "m3u8"]))
def test_any_output_key_gives_file_within_grammar_of_keys(
    original: OriginalKey, key: str, extension: str
) -> None:
    file = naming.rendition_file(key, extension, "000010")
    rendition = parse_key(str(RenditionKey(original, "web", f"0a1b2c3d/{file}")))
    assert isinstance(rendition, RenditionKey)
    read_profile("web", {file: {"kind": "mp4" if extension == "mp4" else "hls"}})


def test_placeholders_are_replaced_by_name_of_original() -> None:
    original = new_original_key("My Film.MOV", "mov")
    assert naming.fill_placeholders("v/{stem}/{name}-{count}", original) == (
        "v/my-film/my-film.mov-{count}"
    )
    assert naming.fill_placeholders("{id}", original) == original.id


# Jobs


def test_job_is_translated_into_renditions() -> None:
    made = job(
        output("{stem}-720p.mp4", GENERIC_720P),
        output("hls/400k", HLS_400K, SegmentDuration="10"),
        output("hls/1m", HLS_1M, SegmentDuration="10"),
        output("hls/sound", HLS_AUDIO, SegmentDuration="10"),
        output("Sound Track.MP3", "1351620000001-300040"),
        output("sound.mp4", "1351620000001-100130"),
        playlists=[
            {
                "Name": "hls/index",
                "Format": "HLSv3",
                "OutputKeys": ["hls/400k", "hls/1m", "hls/sound"],
            }
        ],
        output_key_prefix="videos/",
        thumbnail_pattern="thumbs/{count}",
        **{"_poster.jpg": {"kind": "poster"}},
    )
    found = {type(r): (r.file, r.legacy) for r in made.renditions}
    assert found == {
        Mp4: ("720p.mp4", "videos/{stem}-720p.mp4"),
        Audio: ("sound.m4a", "videos/sound.mp4"),
        Hls: ("hls-index.m3u8", "videos/hls/index.m3u8"),
        StillsSpec: ("thumbs-00001.png", "videos/thumbs/{count}"),
        PosterSpec: ("_poster.jpg", ""),
    }
    hls = made.of_kind("hls")[0]
    assert [label for label, _ in hls.streams] == ["hls-1m", "hls-400k"]
    assert hls.segment_seconds == 10
    assert {encoding.audio.kbps for _, encoding in hls.streams} == {128}
    assert impossible(made) == ()
    assert (
        "HLS 1M): its audio is not completely known, chosen here: AAC, 128 kbit/s"
        in assumptions(made)
    )


def test_segmented_output_without_master_playlist_is_hls() -> None:
    made = job(output("v/1m", HLS_1M, SegmentDuration=4))
    (hls,) = made.of_kind("hls")
    assert (hls.file, hls.legacy, hls.segment_seconds) == ("v-1m.m3u8", "v/1m.m3u8", 4)


def test_webm_preset_gives_webm_with_vorbis() -> None:
    made = job(output("a.webm", "1351620000001-100250"))
    (webm,) = made.of_kind("webm")
    assert (webm.file, webm.encoding.codec, webm.encoding.kbps) == ("a.webm", "vp9", 1200)
    assert webm.encoding.audio.codec == "vorbis"
    assert "VORBIS, 128 kbit/s" in assumptions(made)


def test_silent_output_gets_audio_of_its_playlist() -> None:
    video, sound = "1351620000001-200035", "1351620000001-200060"
    listed = [{"Name": "all", "Format": "HLSv4", "OutputKeys": ["v", "a"]}]
    made = job(
        output("v", video, SegmentDuration="6"),
        output("a", sound, SegmentDuration="6"),
        playlists=listed,
    )
    ((_, encoding),) = made.of_kind("hls")[0].streams
    assert (encoding.audio.kbps, encoding.audio.sample_rate, encoding.max_frame_rate) == (
        160,
        44100,
        60,
    )
    silent = job(output("v", video, SegmentDuration="6"))
    assert silent.of_kind("hls")[0].streams[0][1].audio is None


@pytest.mark.parametrize(
    ("outputs", "more", "said"),
    [
        ([output("a.flv", "1351620000001-100210")], {}, "take an MP4, 1351620000001-000010"),
        ([output("a.flac", "1351620000001-300110")], {}, "flac .* take AAC or MP3"),
        ([output("a", HLS_1M)], {}, 'give it a "SegmentDuration"'),
        ([output("a", HLS_AUDIO, SegmentDuration="9")], {}, "audio alone"),
        ([output("a.mp4", CUSTOM)], {}, 'what read_preset returned into "presets"'),
        ([output("a.mp4", WEB, Rotate="90")], {}, "has Rotate"),
        ([output("a.mp4", WEB, Watermarks=[{"InputKey": "x"}])], {}, "has Watermarks"),
        (
            [output("a", "1351620000001-400010", SegmentDuration="2")],
            {"playlists": [{"Name": "s", "Format": "Smooth", "OutputKeys": ["a"]}]},
            'Playlist "s" is Smooth, which is not made here: take HLS',
        ),
        (
            [output("a", "1351620000001-500030", SegmentDuration="2")],
            {"playlists": [{"Name": "d", "Format": "MPEG-DASH", "OutputKeys": ["a"]}]},
            'Playlist "d" is MPEG-DASH',
        ),
    ],
)
def test_output_that_no_other_transcoder_makes_is_listed_as_impossible(
    outputs: list[dict[str, Any]], more: dict[str, Any], said: str
) -> None:
    assert re.search(said, "\n".join(impossible(job(*outputs, **more))))


def test_unknown_property_of_preset_is_chosen_and_reported() -> None:
    made = job(output("a.mp4", "1351620000001-100020", ThumbnailPattern="t-{count}"))
    assert "whether it has audio, AAC, 128 kbit/s" in assumptions(made)
    assert "thumbnails are not completely known, chosen here: png, 192x108" in assumptions(made)
    known = job(output("a.mp4", WEB, ThumbnailPattern="t-{count}"))
    assert assumptions(known) == ""


def test_thumbnail_pattern_of_job_belongs_to_first_output_with_video() -> None:
    sound = output("s.mp3", "1351620000001-300020")
    made = job(
        sound, output("a.mp4", WEB), output("b.mp4", GENERIC_720P), thumbnail_pattern="{count}"
    )
    (stills,) = made.of_kind("stills")
    assert stills.legacy == "{count}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"outputs": []}, "from 1 to 30"),
        ({"outputs": {}}, "must be a list"),
        ({"outputs": ["a"]}, '"Key": …'),
        ({"outputs": [{"Key": "a", "Preset": WEB}]}, 'Did you mean "PresetId"'),
        ({"outputs": [output("", WEB)]}, 'needs a "Key"'),
        ({"outputs": [output("a", "web")]}, "not the id of a preset"),
        ({"outputs": [output("a", "1351620000001-000011")]}, 'Did you mean "1351620000001-0000'),
        ({"outputs": [output("a", WEB), output("a", WEB)]}, "twice"),
        ({"outputs": [output("a", WEB, SegmentDuration="90")]}, "from 1 to 60 seconds"),
        ({"outputs": [output("a", WEB, ThumbnailPattern="t")]}, "{count}"),
        ({"outputs": [output("a", WEB)], "thumbnail_pattern": "t"}, "{count}"),
        ({"outputs": [output("a", WEB)], "output_key_prefix": "videos"}, "wants a /"),
        ({"outputs": [output("a", WEB)], "output_key_prefix": "v/" * 128}, "at most 255 are"),
        ({"outputs": [output("a" * 256, WEB)]}, "256 characters, at most 255"),
        ({"outputs": [output("a", WEB)], "user_metadata": {"a": 1}}, "texts"),
        ({"outputs": [output("a", WEB)], "playlists": [{"Name": "p"}]}, "got None"),
        (
            {
                "outputs": [output("a", HLS_1M)],
                "playlists": [{"Name": "p", "Format": "HLSv3", "OutputKeys": ["b"]}],
            },
            "a list of \\['a'\\]",
        ),
        (
            {
                "outputs": [output("x/a", HLS_1M)],
                "playlists": [{"Name": "y/p", "Format": "HLSv3", "OutputKeys": ["x/a"]}],
            },
            "another folder",
        ),
        ({"outputs": [output("a", CUSTOM)], "presets": {CUSTOM: {}}}, "what read_preset returned"),
        (
            {
                "outputs": [output("a", CUSTOM)],
                "presets": {CUSTOM: {"Container": "mp4", "Video": {"SizingPolicy": "Cover"}}},
            },
            "not one of Fit, Fill",
        ),
        ({"outputs": [output("a", WEB)], "playlist": []}, "kind"),
    ],
)
def test_invalid_job_is_refused_with_reason(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProfile, match=said):
        read_profile("web", options)
