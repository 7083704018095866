"""The sources, tracks and sides of a video, and the script of the player."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.template import Context, Template
from django.test import override_settings
from django.utils import translation

from shift_media.markup.players import order_sources
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from tests.parts import ROOT, locate
from tests.servers.npm import PACKAGES
from tests.testapp.models import Clip

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4/clip.mp4"
FOLDER = "/media/3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4/_web/0a1b2c3d"

H264, HEVC, AV1 = "avc1.64001f,mp4a.40.2", "hvc1.1.6.L93.90,mp4a.40.2", "av01.0.05M.08,mp4a.40.2"


def rendition(file: str, kind: str, height: int = 0, codecs: str = "", **values: Any) -> Rendition:
    types = {"hls": "application/vnd.apple.mpegurl", "dash": "application/dash+xml"}
    sides = {"width": height * 16 // 9, "height": height} if height else {}
    return Rendition(
        original=KEY,
        key=f"{FOLDER.removeprefix('/media/')}/{file}",
        kind=kind,
        content_type=values.pop("content_type", types.get(kind, f"video/{kind}")),
        state=State.COMPLETE,
        codecs=codecs,
        **sides,
        **values,
    )


def show(*renditions: Rendition, tag: str = "media_video c.video") -> str:
    clip = Clip(video=KEY)
    clip.video._renditions = list(renditions)
    return Template("{% load shift_media %}{% " + tag + " %}").render(Context({"c": clip}))


def test_sources_are_best_first_and_name_their_codecs() -> None:
    shown = show(
        rendition("480p.mp4", "mp4", 480, H264),
        rendition("720p.mp4", "mp4", 720, H264),
        rendition("hevc.mp4", "mp4", 720, HEVC),
        rendition("av1-480p.mp4", "mp4", 480, AV1),
        rendition("av1-720p.mp4", "mp4", 720, AV1),
        rendition("old.mp4", "mp4", 720),
        rendition("hls.mpd", "dash", 720),
        rendition("hls.m3u8", "hls", 720),
    )
    sources = re.findall(r'<source src="([^"]+)" type="([^"]+)">', shown)
    assert [src.rpartition("/")[2] for src, _ in sources] == [
        *["hls.m3u8", "av1-720p.mp4", "av1-480p.mp4", "hevc.mp4", "720p.mp4", "480p.mp4"],
        "old.mp4",  # of an earlier version, which did not store codecs
    ]
    types = [html.unescape(kind) for _, kind in sources]
    assert types[0] == "application/vnd.apple.mpegurl"
    assert types[1] == f'video/mp4; codecs="{AV1}"'
    assert types[-1] == "video/mp4"


def test_equal_sources_stay_in_the_order_of_the_profile() -> None:
    files = ["loud.mp4", "quiet.mp4", "a.mp4"]
    made = [rendition(file, "mp4", 480, H264) for file in files]
    assert [one.key.rpartition("/")[2] for one in order_sources(made)] == files


def test_video_has_sides_poster_and_tracks_of_its_renditions() -> None:
    shown = show(
        rendition("480p.mp4", "mp4", 480, H264),
        rendition("poster.jpg", "poster", 480),
        rendition("preview.vtt", "sprite", content_type="text/vtt"),
        rendition("captions-de.vtt", "captions", content_type="text/vtt"),
    )
    opening = shown[: shown.index(">")]
    for attribute in ('preload="metadata"', "playsinline", 'width="853"', 'height="480"'):
        assert attribute in opening
    assert f'poster="{FOLDER}/poster.jpg"' in opening
    assert f'<track kind="captions" src="{FOLDER}/captions-de.vtt" srclang="de">' in shown
    assert f'<track kind="metadata" label="thumbnails" src="{FOLDER}/preview.vtt">' in shown


def test_sides_are_those_of_the_original_if_no_rendition_has_any() -> None:
    clip = Clip(video=KEY, video_meta={"key": KEY, "content_type": "video/mp4", "size": 1})
    clip.video_meta |= {"width": 640, "height": 360}
    clip.video._renditions = [rendition("hls.m3u8", "hls")]
    shown = Template("{% load shift_media %}{% media_video c.video %}").render(
        Context({"c": clip})
    )
    assert 'width="640"' in shown
    assert 'height="360"' in shown


def test_poster_is_the_one_in_use() -> None:
    first = rendition("x", "poster", 480)
    first.key = f"{FOLDER.removeprefix('/media/').rpartition('/_web')[0]}/_poster.jpg"
    chosen = rendition("x", "poster", 480)
    chosen.key = first.key.replace("_poster.jpg", "_new-poster/1a2b3c4d/poster.jpg")
    chosen.profile = "new-poster"
    shown = show(rendition("480p.mp4", "mp4", 480), chosen, first)
    assert f'poster="/media/{chosen.key}"' in shown


HOSTED = {"src": "vendor/hls.min.js"}
INTEGRITY = "sha384-" + "A" * 64


def script(tag: str = "media_player", **settings: Any) -> str:
    with override_settings(SHIFT_MEDIA=settings):
        return show(tag=tag)


def test_player_is_a_script_without_inline_code() -> None:
    shown = script(HLS_JS={**HOSTED, "integrity": INTEGRITY})
    assert re.fullmatch("<script[^>]*></script>", shown)
    assert 'src="/static/shift_media/player.js"' in shown
    assert 'data-hls="/static/vendor/hls.min.js"' in shown
    assert f'data-integrity="{INTEGRITY}"' in shown
    assert " defer" in shown
    assert 'nonce="r4nd0m"' in script('media_player nonce="r4nd0m"', HLS_JS=HOSTED)


def test_player_without_the_library_only_explains_errors() -> None:
    shown = script()
    assert "data-hls" not in shown
    assert 'data-error="This video cannot be played in this browser."' in shown


def test_texts_of_the_player_are_translatable(monkeypatch: pytest.MonkeyPatch) -> None:
    translated = {"Download it": "Herunterladen"}
    catalog = translation.trans_real.translation("de")
    monkeypatch.setattr(catalog, "_catalog", {**translated})
    with translation.override("de"):
        assert 'data-download="Herunterladen"' in script()


@pytest.mark.django_db
def test_no_query_is_needed_for_prefetched_renditions() -> None:
    assert TranscodeJob.objects.count() == 0
    assert "<source" in show(rendition("480p.mp4", "mp4", 480, H264))


@pytest.mark.slow
@pytest.mark.needs("hls.js")
def test_documented_digest_is_that_of_the_package() -> None:
    import base64
    import hashlib

    path = locate("hls.js")
    assert path is not None
    digest = base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
    package, file = PACKAGES["hls.js"]
    guide = (ROOT / "docs" / "how-to" / "ffmpeg-workers.rst").read_text()
    gallery = (ROOT / "testproject" / "settings.py").read_text()
    for text in (guide, gallery):
        assert f"sha384-{digest}" in text
        assert f"{package}" in text
    assert f"https://cdn.jsdelivr.net/npm/{package}/{file}" in gallery
