"""Renditions that a video gets through the field, the worker and real ffmpeg."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import Client, override_settings
from django.utils import timezone
from PIL import Image, ImageStat

from shift_media.storages import default_media_storage
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video.facts import VideoFacts
from tests.testapp.models import Film
from tests.transcoding.conftest import H264, Draw, NewFilm, pattern, sound, work

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

Stored = Callable[[], list[str]]


def made(film: Film) -> dict[str, str]:
    """Transcode, and return the keys of the renditions by file name."""
    work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    return {r.key.rpartition("/")[2]: r.key for r in Film.objects.get().video.renditions}


def facts_of(key: str, root: Path) -> VideoFacts:
    return probe_video(root / key, VideoLimits())


def poster_of(film: Film) -> Image.Image:
    poster = film.video.poster
    assert poster is not None
    return Image.open(io.BytesIO(default_media_storage.open(poster.key).read()))


@pytest.mark.slow
def test_video_becomes_renditions_of_web_profile(
    film: Film, media_root: Path, stored: Stored, client: Client
) -> None:
    assert (film.video.width, film.video.height, film.video.duration) == (160, 120, 1.0)
    assert film.video.metadata.codecs == "h264, aac"
    assert (film.video.metadata.fps, film.video.metadata.channels) == (10, 2)
    keys = made(film)
    assert list(keys) == ["480p.mp4", "hls.m3u8", "_poster.jpg", "preview.vtt"]
    facts = facts_of(keys["480p.mp4"], media_root)
    assert (facts.width, facts.height, facts.codecs) == (160, 120, "h264, aac")
    codecs = {r.kind: r.codecs for r in film.video.renditions}
    assert codecs == {"mp4": "avc1.640014,mp4a.40.2", "hls": "", "poster": "", "sprite": ""}
    types = {}
    for key in stored():
        answer = client.get(f"/media/{key}")
        assert answer.status_code == 200
        types[key.rpartition("/")[2]] = answer["Content-Type"]
        answer.close()
    assert types == {
        "_poster.jpg": "image/jpeg",
        "480p.mp4": "video/mp4",
        "clip.mp4": "video/mp4",
        "hls.m3u8": "application/vnd.apple.mpegurl",
        "index.m3u8": "application/vnd.apple.mpegurl",
        "init_0.mp4": "video/mp4",  # of the picture
        "init_1.mp4": "video/mp4",  # of the sound
        "preview.jpg": "image/jpeg",
        "preview.vtt": "text/vtt; charset=utf-8",
        "s00000.m4s": "video/iso.segment",
    }
    job = TranscodeJob.objects.get()
    assert (job.progress, job.attempts, job.transcoder) == (100, 1, "ffmpeg")
    assert job.renditions.filter(state=State.COMPLETE, progress=100).count() == 4
    poster = film.video.poster
    assert poster is not None
    assert (poster.width, poster.height) == (160, 120)
    assert poster_of(film).size == (160, 120)
    resized = client.get(poster.resize("80x60").url)
    assert (resized.status_code, resized["Content-Type"]) == (200, "image/jpeg")


@pytest.mark.slow
def test_hls_has_master_playlist_and_independent_segments(
    draw: Draw, new_film: NewFilm, media_root: Path
) -> None:
    wide = draw("wide.mp4", *pattern("1280x720", 7), *sound(7), *H264)
    film = new_film(wide)
    keys = made(film)
    folder = (media_root / keys["hls.m3u8"]).parent
    master = (folder / "hls.m3u8").read_text()
    assert "RESOLUTION=1280x720" in master
    assert "RESOLUTION=854x480" in master
    assert master.count('CODECS="avc1.') == 2
    for stream in ("hls-720p", "hls-480p"):
        index = (folder / stream / "index.m3u8").read_text()
        assert "#EXT-X-INDEPENDENT-SEGMENTS" in index
        assert "#EXT-X-PLAYLIST-TYPE:VOD" in index
        segments = [line for line in index.splitlines() if line.endswith(".m4s")]
        assert segments == ["s00000.m4s", "s00001.m4s"]
    assert set(keys) == {"720p.mp4", "480p.mp4", "hls.m3u8", "_poster.jpg", "preview.vtt"}
    cues = (folder / "preview.vtt").read_text()
    assert cues.count("preview.jpg#xywh=") == 4
    with Image.open(folder / "preview.jpg") as sheet:
        assert sheet.size == (4 * 160, 90)


@pytest.mark.slow
@pytest.mark.acceptance(52)
@pytest.mark.needs("corpus")
def test_rotated_hdr_video_is_upright_and_has_no_location(
    corpus: Path, new_film: NewFilm, media_root: Path
) -> None:
    source = corpus / "hostile" / "rails__rails" / "rotated_hdr_video.mov"
    assert b"ISO6709" in source.read_bytes()
    film = new_film(source)
    assert (film.video.width, film.video.height) == (1080, 1920)
    keys = made(film)
    small = facts_of(keys["480p.mp4"], media_root)
    assert (small.width, small.height, small.hdr) == (480, 854, False)
    assert poster_of(film).size == (1080, 1920)
    for path in media_root.rglob("*"):
        if path.is_file() and not path.name.endswith(".mov"):
            content = path.read_bytes()
            assert b"ISO6709" not in content
            assert b"iPhone" not in content
            assert b"51.37" not in content


@pytest.mark.slow
@pytest.mark.acceptance(52)
def test_quarter_turn_is_applied_to_pixels(
    draw: Draw, new_film: NewFilm, media_root: Path
) -> None:
    halves = "color=red:size=160x120:rate=10:duration=1,drawbox=w=80:color=blue:t=fill"
    flat = draw("flat.mp4", "-f", "lavfi", "-i", halves, *H264)
    turned = draw("turned.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    film = new_film(turned)
    assert (film.video.width, film.video.height) == (120, 160)
    keys = made(film)
    facts = facts_of(keys["480p.mp4"], media_root)
    assert (facts.width, facts.height) == (120, 160)
    picture = poster_of(film).convert("RGB")
    assert picture.size == (120, 160)
    # After a quarter turn counter-clockwise, the left side is at the bottom.
    red, _, blue = ImageStat.Stat(picture.crop((10, 90, 110, 150))).mean
    assert blue > red


@pytest.mark.slow
@pytest.mark.acceptance(52)
@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("silent.mp4", [*pattern(), *H264], (160, 120)),
        ("odd.webm", [*pattern("161x121"), "-c:v", "libvpx", "-b:v", "200k"], (160, 120)),
        ("wide-pixels.mp4", [*pattern(), *H264, "-vf", "setsar=2"], (320, 120)),
        ("tall-pixels.mp4", [*pattern(), *H264, "-vf", "setsar=1/2"], (160, 240)),
        ("ten-bit.mkv", [*pattern(), "-c:v", "libx264", "-pix_fmt", "yuv422p10le"], (160, 120)),
        ("surround.mp4", [*pattern(), *sound(layout="5.1"), *H264], (160, 120)),
    ],
)
def test_unusual_source_gives_h264_with_even_sides(
    name: str,
    arguments: list[str],
    size: tuple[int, int],
    draw: Draw,
    new_film: NewFilm,
    media_root: Path,
) -> None:
    film = new_film(draw(name, *arguments))
    assert film.video.metadata.channels == (6 if "surround" in name else 0)
    keys = made(film)
    facts = facts_of(keys["480p.mp4"], media_root)
    assert (facts.width, facts.height) == size
    assert facts.video == "h264"
    assert facts.channels == (2 if "surround" in name else 0)
    assert pixel_format(media_root / keys["480p.mp4"]) == "yuv420p"


def pixel_format(path: Path) -> str:
    import av

    with av.open(str(path)) as media:
        return str(media.streams.video[0].codec_context.pix_fmt)


@pytest.mark.slow
def test_renditions_have_no_metadata_or_chapters(
    draw: Draw, new_film: NewFilm, media_root: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text(
        ";FFMETADATA1\ntitle=secret title\nlocation=+51.5/\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=secret chapter\n"
    )
    tagged = draw(
        "tagged.mp4",
        *["-i", str(draw("clip.mp4", *pattern(), *sound(), *H264)), "-i", str(notes)],
        *["-map_metadata", "1", "-c", "copy"],
    )
    assert b"secret" in tagged.read_bytes()
    film = new_film(tagged)
    keys = made(film)
    original = film.video.key
    assert all(
        b"secret" not in (media_root / key).read_bytes()
        for key in keys.values()
        if key != original
    )


@pytest.mark.slow
def test_mp4_begins_with_its_index(film: Film, media_root: Path) -> None:
    content = (media_root / made(film)["480p.mp4"]).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.slow
@pytest.mark.acceptance(51)
def test_truncated_source_is_error_although_ffmpeg_exits_with_0(
    draw: Draw, new_film: NewFilm, stored: Stored, tmp_path: Path
) -> None:
    source = draw("long.mp4", *pattern(seconds=5), *H264, "-movflags", "+faststart", "-g", "5")
    half = tmp_path / "half.mp4"
    half.write_bytes(source.read_bytes()[: source.stat().st_size * 45 // 100])
    film = new_film(half)
    work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error_code) == (State.ERROR, "incomplete")
    assert film.video.renditions == []
    assert stored() == [film.video.key]


@pytest.mark.slow
def test_own_renditions_and_audio_alone_are_made(film: Film, media_root: Path) -> None:
    own = {
        "small.mp4": {"kind": "mp4", "height": 60, "crf": 30, "preset": "ultrafast"},
        "listen.m4a": {"kind": "audio", "kbps": 64},
        "stream.m3u8": {"kind": "hls", "heights": [100], "segment_seconds": 2},
    }
    alone = {"listen.m4a": {"kind": "audio"}}
    with override_settings(SHIFT_MEDIA={"PROFILES": {"own": own, "alone": alone}}):
        film.video.transcode("own")
        film.video.transcode("alone")
        work()
    assert set(TranscodeJob.objects.values_list("state", flat=True)) == {State.COMPLETE}
    found = {(r.job.profile, r.kind): r for r in film.video.renditions}
    small = found["own", "mp4"]
    assert (small.width, small.height) == (80, 60)
    stream = (media_root / found["own", "hls"].key).read_text()
    assert "RESOLUTION=132x100" in stream or "RESOLUTION=134x100" in stream
    for profile in ("own", "alone"):
        heard = found[profile, "audio"]
        assert heard.content_type == "audio/mp4"
        assert facts_of(heard.key, media_root).codecs == "aac"
    assert not list(media_root.rglob("rung-*"))


@pytest.mark.slow
def test_template_tag_shows_video_once_it_is_complete(film: Film) -> None:
    page = Template("{% load shift_media %}{% media_video f.video controls=True class_=c %}")
    assert page.render(Context({"f": film})) == ""
    made(film)
    html = page.render(Context({"f": Film.objects.get()}))
    assert html.startswith("<video")
    assert " controls" in html
    assert 'width="160"' in html
    assert 'height="120"' in html
    assert f'poster="/media/{film.video.key.rpartition("/")[0]}/_poster.jpg"' in html
    assert html.index('type="application/vnd.apple.mpegurl"') < html.index(
        'type="video/mp4; codecs='
    )
    captioned = "{% load shift_media %}{% media_video f.video captions='/a.vtt' srclang='de' %}"
    html = Template(captioned).render(Context({"f": Film.objects.get()}))
    assert '<track kind="captions" src="/a.vtt" srclang="de">' in html


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_page_says_in_debug_that_no_worker_runs_the_job(new_film: NewFilm) -> None:
    page = Template("{% load shift_media %}{% media_video f.video %}")
    film = new_film()
    assert page.render(Context({"f": film})) == ""
    with override_settings(DEBUG=True):
        assert "no worker ran for an hour" in page.render(Context({"f": film}))
        TranscodeJob.objects.update(started=timezone.now())
        assert page.render(Context({"f": film})) == ""
