"""Profiles as settings write them: parsed, or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from shift_media.core.errors import InvalidProfile
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import BUILT_IN, parse_profile
from shift_media.video.specs import Captions, Hls, Mp4, PosterSpec, Sprite


def test_built_in_profile_parses() -> None:
    web = parse_profile("web", BUILT_IN["web"])
    assert [type(rendition) for rendition in web.renditions] == [
        *[Mp4, Mp4, Hls, PosterSpec, Sprite],
        Captions,
    ]
    assert [rendition.height for rendition in web.of_kind("mp4")] == [720, 480]
    assert web.of_kind("hls")[0].heights == (720, 480)


@pytest.mark.parametrize(
    ("name", "renditions", "said"),
    [
        ("Web", {"a.mp4": {"kind": "mp4"}}, "name of a profile"),
        ("m", {"a.mp4": {"kind": "mp4"}}, "name of a profile"),
        ("web", {}, "720p.mp4"),
        ("web", ["a.mp4"], "720p.mp4"),
        ("web", {"a.mp4": {"kind": "mpeg"}}, "mp4, webm, hls, dash, poster, sprite"),
        ("web", {"a.mp4": None}, "mp4, webm, hls"),
        ("web", {"a.mp4": {"kind": ["mp4"]}}, "mp4, webm, hls"),
        ("web", {"A.mp4": {"kind": "mp4"}}, "not a valid file name for mp4"),
        ("web", {"a/b.mp4": {"kind": "mp4"}}, "not a valid file name for mp4"),
        ("web", {"../b.mp4": {"kind": "mp4"}}, "not a valid file name for mp4"),
        ("web", {"a.webm": {"kind": "mp4"}}, '".mp4"'),
        ("web", {"a.webm": {"kind": "webm", "codec": "h264"}}, "no option 'codec'"),
        ("web", {"poster.jpg": {"kind": "poster"}}, "_poster.jpg"),
        ("web", {"a.mp4": {"kind": "mp4", "heigth": 720}}, 'Did you mean "height"'),
        ("web", {"a.mp4": {"kind": "mp4", "height": "720"}}, "whole number from 2 to 4320"),
        ("web", {"a.mp4": {"kind": "mp4", "height": True}}, "whole number"),
        ("web", {"a.mp4": {"kind": "mp4", "crf": 52}}, "from 0 to 51"),
        ("web", {"a.mp4": {"kind": "mp4", "preset": "fastest"}}, "veryfast"),
        ("web", {"a.m3u8": {"kind": "hls", "heights": 720}}, "must be a list"),
        ("web", {"a.m3u8": {"kind": "hls", "heights": []}}, "must be a list"),
        ("web", {"a.m3u8": {"kind": "hls", "segments": "mp4"}}, "must be one of fmp4, ts"),
        ("web", {"a.mpd": {"kind": "dash"}}, 'no such playlist with "segments": "fmp4"'),
        (
            "web",
            {"a.mpd": {"kind": "dash"}, "a.m3u8": {"kind": "hls", "segments": "ts"}},
            "no such playlist",
        ),
    ],
)
def test_invalid_profile_is_refused_with_reason(name: Any, renditions: Any, said: str) -> None:
    with pytest.raises(InvalidProfile) as caught:
        parse_profile(name, renditions)
    assert said in str(caught.value)


def test_playlist_of_a_source_with_a_thousand_sounds_has_twenty() -> None:
    sounds = tuple((number, "und") for number in range(1000))
    facts = VideoFacts(
        duration=60, width=1280, height=720, fps=25, video="h264", audio="aac", sounds=sounds
    )
    profile = parse_profile("talk", {"hls.m3u8": {"kind": "hls", "sounds": "all"}})
    (playlist,) = planning.build_plan(profile, facts).playlists
    assert len(playlist.sounds) == planning.MAX_SOUNDS - 1 == 19  # beside that of the rungs
