"""Hostile videos: no bytes of another file or host get into renditions, and every job ends."""

from __future__ import annotations

import http.server
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings
from PIL import Image, ImageStat

from shift_media.core.errors import TranscodeError
from shift_media.core.keys import new_original_key
from shift_media.sandbox.ffmpeg import find_program
from shift_media.storages import default_media_storage
from shift_media.transcoding import probing, services
from shift_media.transcoding.backends.ffmpeg import inputs
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.validators import InvalidMedia
from tests.testapp.models import Film
from tests.transcoding.conftest import H264, Draw, pattern, sound, work
from tests.transcoding.odd_sources import draw_source

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

Stored = Callable[[], list[str]]
POSTER = {"web": {"480p.mp4": {"kind": "mp4"}, "_poster.jpg": {"kind": "poster"}}}


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with override_settings(SHIFT_MEDIA={"PROFILES": POSTER}):
        yield


class Loopback:
    """A server that records the paths that are requested."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        requests = self.requests

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, directory=str(folder), **options)

            def log_message(self, *args: Any) -> None:
                requests.append(self.path)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def loopback(secret: Path) -> Iterator[Loopback]:
    server = Loopback(secret.parent)
    yield server
    server.stop()


@pytest.fixture
def secret(draw: Draw) -> Path:
    """Draw a red video that must not leak, as a stream that a playlist can name."""
    red = "color=red:size=160x120:rate=10:duration=1"
    return draw("secret.ts", "-f", "lavfi", "-i", red, *H264, "-f", "mpegts")


def texts(secret: Path, url: str) -> dict[str, bytes]:
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        'type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
        '<Period><AdaptationSet mimeType="video/mp2t"><Representation id="1" bandwidth="1000" '
        'width="160" height="120"><BaseURL>{}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>"
    )
    sdp = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    )
    return {
        "hls-http": hls.format(f"{url}/{secret.name}").encode(),
        "hls-file": hls.format(f"file://{secret}").encode(),
        "dash": dash.format(f"{url}/{secret.name}").encode(),
        "ffconcat": f"ffconcat version 1.0\nfile {secret}\n".encode(),
        "sdp": sdp.encode(),
        "text": b"the quick brown fox\n" * 50,
    }


KINDS = ["hls-http", "hls-file", "dash", "ffconcat", "sdp", "text"]


def store(content: bytes, extension: str = "mp4") -> Film:
    """Store bytes that no upload would accept, in a row whose job is pending."""
    key = new_original_key("clip", extension)
    default_media_storage.put(str(key), ContentFile(content), content_type="video/mp4")  # type: ignore[attr-defined]
    return Film.objects.create(video=str(key))


def ended(film: Film) -> TranscodeJob:
    work()
    return TranscodeJob.objects.get(original=film.video.key)


@pytest.mark.slow
@pytest.mark.acceptance(50)
@pytest.mark.parametrize("kind", KINDS)
def test_text_that_names_other_files_is_refused_by_upload_and_job(
    kind: str, secret: Path, loopback: Loopback, media_root: Path, stored: Stored
) -> None:
    content = texts(secret, loopback.url)[kind]
    with pytest.raises(InvalidMedia):
        Film.objects.create(video=ContentFile(content, "clip.mp4"))
    assert stored() == []
    film = store(content)
    job = ended(film)
    assert (job.state, job.error_code) == (State.ERROR, "unreadable")
    assert loopback.requests == []
    assert stored() == [film.video.key]


def with_list_inside(path: Path, playlist: bytes) -> bytes:
    """Return a video that has a playlist after its header, where a demuxer may look for more."""
    content = path.read_bytes()
    return content[:512] + playlist + content[512:]


def with_subtitles_of_avi(path: Path, playlist: bytes) -> bytes:
    """Return an AVI whose subtitles, which are a file in it (GAB2), are a playlist."""
    chunk = b"GAB2\0\2\0" + struct.pack("<I", 2) + b"\0\0" + b"\4\0"
    chunk += struct.pack("<I", len(playlist)) + playlist
    chunk += bytes(len(chunk) % 2)
    content = path.read_bytes()
    at = content.index(b"movi") + 4
    return content[:at] + b"01tx" + struct.pack("<I", len(chunk)) + chunk + content[at:]


@pytest.mark.slow
@pytest.mark.acceptance(50)
@pytest.mark.parametrize(
    "extension", ["ts", "mpg", "avi", "wmv", "flv", "ogg", "mp3", "flac", "wav"]
)
@pytest.mark.parametrize("place", ["alone", "inside"])
def test_playlist_in_other_container_opens_nothing(
    extension: str, place: str, secret: Path, loopback: Loopback, media_root: Path, draw: Draw
) -> None:
    playlist = texts(secret, loopback.url)["hls-http"]
    source = draw_source(draw, f"container.{extension}")
    if place == "alone":
        content = playlist
    elif extension == "avi":
        content = with_subtitles_of_avi(source, playlist)
    else:
        content = with_list_inside(source, playlist)
    film = store(content, extension)
    job = ended(film)
    assert loopback.requests == []
    if place == "alone":
        assert job.state == State.ERROR
        # The demuxer of FLAC reads any text as a sound without frames.
        assert job.error_code in ("unreadable", "no_video")
    if job.state == State.COMPLETE:
        (poster,) = (one for one in film.video.renditions if one.kind == "poster")
        with Image.open(media_root / poster.key) as picture:
            red, green, _ = ImageStat.Stat(picture.convert("RGB")).mean
        assert red < 200 or green > 60  # not the secret, which is red


@pytest.mark.slow
@pytest.mark.acceptance(50)
def test_probe_would_leak_without_allow_lists(
    secret: Path, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Newer versions of ffmpeg check extensions, too. So the text gets a fitting one, and the
    # secret lies in the same folder, which never happens in a workspace.
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "list.m3u8").write_bytes(texts(secret, loopback.url)["hls-http"])
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    shutil.copy(secret, folder)
    options = inputs.FFmpegOptions(find_program(), VideoLimits())

    def leaks(name: str) -> bool:
        out = folder / "out.mp4"
        out.unlink(missing_ok=True)
        command = [
            options.program,
            "-loglevel",
            "error",
            *inputs.input_arguments(options, name),
            out,
        ]
        subprocess.run(command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
        return out.exists() and out.stat().st_size > 0

    assert not leaks("list.m3u8")
    assert not leaks("list.mp4")
    assert loopback.requests == []
    for name in ("list.m3u8", "list.mp4"):
        with pytest.raises(TranscodeError):
            probe_video(folder / name, VideoLimits())
    monkeypatch.setattr(probing, "FORMATS", "")
    assert leaks("list.mp4")
    assert probe_video(folder / "list.mp4", VideoLimits()).format == "concat"
    assert not leaks("list.m3u8")
    assert loopback.requests == []
    monkeypatch.setattr(probing, "PROTOCOLS", "file,http,tcp")
    assert leaks("list.m3u8")
    assert loopback.requests


@pytest.mark.slow
@pytest.mark.acceptance(50)
def test_each_input_of_ffmpeg_follows_both_allow_lists(film: Film) -> None:
    from shift_media.transcoding.backends.ffmpeg import job as ffmpeg_job

    commands: list[list[str]] = []
    program = ffmpeg_job.Program

    class Noted(program):  # type: ignore[misc, valid-type]
        def __init__(self, command: list[str], *rest: Any) -> None:
            commands.append(command)
            super().__init__(command, *rest)

    ffmpeg_job.Program = Noted  # type: ignore[misc]
    try:
        still = {"still": {"_poster.jpg": {"kind": "poster"}}}
        with override_settings(SHIFT_MEDIA={"PROFILES": still}):
            film.video.transcode("still")
            work()
    finally:
        ffmpeg_job.Program = program  # type: ignore[misc]
    assert set(TranscodeJob.objects.values_list("state", flat=True)) == {State.COMPLETE}
    inputs = 0
    for command in commands:
        assert "-nostdin" in command
        for place in (n for n, word in enumerate(command) if word == "-i"):
            inputs += 1
            before = command[:place][-11:]
            assert before[before.index("-protocol_whitelist") + 1] == "file"
            assert before[before.index("-format_whitelist") + 1] == probing.FORMATS
    assert inputs == 3  # The source, what a playlist is cut from, and the source of the still.


@pytest.mark.slow
@pytest.mark.acceptance(51)
@pytest.mark.needs("corpus")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("rails__rails/video_without_video_stream.mp4", "no_video"),
        ("mozilla__nestegg/test_media_bug1480003.webm", "no_frames"),
        ("webmproject__libwebm/invalid_invalid_vp9_bitstream-bug_1416.webm", "too_many_pixels"),
        ("webmproject__libwebm/simple_block.webm", "unreadable"),
        ("sindresorhus__file-type/fixture-corrupt.mkv", "unreadable"),
        ("Eyevinn__mp4ff/mp4_testdata_init_truncated.mp4", "no_video"),
    ],
)
def test_broken_video_fails_with_reason_and_leaves_nothing(
    name: str, code: str, corpus: Path, media_root: Path, stored: Stored
) -> None:
    path = corpus / "hostile" / name
    film = store(path.read_bytes(), path.suffix[1:])
    job = ended(film)
    assert (job.state, job.error_code) == (State.ERROR, code)
    assert job.error
    assert str(media_root) not in job.error
    assert stored() == [film.video.key]


@pytest.mark.slow
@pytest.mark.acceptance(51)
def test_header_with_wrong_duration_is_refused(draw: Draw, media_root: Path) -> None:
    content = draw("lying.mkv", *pattern(), *H264).read_bytes()
    at = content.index(b"\x44\x89\x88") + 3  # Duration (RFC 9559, 5.1.2.10), a double
    lying = content[:at] + struct.pack(">d", 36_000_000.0) + content[at + 8 :]
    job = ended(store(lying, "mkv"))
    assert (job.state, job.error_code) == (State.ERROR, "too_long")
    within = content[:at] + struct.pack(">d", 3_600_000.0) + content[at + 8 :]
    job = ended(store(within, "mkv"))
    assert (job.state, job.error_code) == (State.ERROR, "incomplete")


@pytest.mark.slow
@pytest.mark.acceptance(51)
def test_video_without_duration_or_picture_fails(draw: Draw, media_root: Path) -> None:
    alone = draw("alone.mp4", *sound())
    assert ended(store(alone.read_bytes())).error_code == "no_video"
    cut = draw("none.mp4", *pattern(), *H264, "-t", "0")
    assert ended(store(cut.read_bytes())).state == State.ERROR


@pytest.mark.slow
@pytest.mark.acceptance(51)
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"max_seconds": 10}, "too_long"),
        ({"max_pixels": 160 * 120 - 1}, "too_many_pixels"),
        ({"timeout": 1}, "deadline"),
        ({"max_file_bytes": 100_000}, "failed"),
        ({"max_memory_bytes": 64 << 20}, "failed"),
    ],
)
def test_each_limit_fails_job_and_leaves_nothing(
    options: dict[str, int], code: str, draw: Draw, media_root: Path, stored: Stored
) -> None:
    noise = "nullsrc=s=160x120:r=30:d=40,geq=random(1)*255:128:128"
    long = draw("long-noise.mp4", "-f", "lavfi", "-i", noise, *H264, "-crf", "40")
    film = store(long.read_bytes())
    slow = {"web": {"480p.mp4": {"kind": "mp4", "preset": "slower", "crf": 1}}}
    chosen = {"PROFILES": slow, "TRANSCODER": {"OPTIONS": options}}
    with override_settings(SHIFT_MEDIA=chosen):
        began = time.monotonic()
        job = ended(film)
    assert (job.state, job.error_code) == (State.ERROR, code)
    assert time.monotonic() - began < 60
    assert stored() == [film.video.key]


@pytest.mark.slow
@pytest.mark.acceptance(50)
@pytest.mark.needs("ffprobe")
@pytest.mark.parametrize("kind", ["hls-http", "hls-file", "dash"])
def test_job_would_leak_without_allow_lists(
    kind: str,
    secret: Path,
    loopback: Loopback,
    needs: Callable[[str], Path],
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Debian's ffmpeg is old enough to check contents and not extensions."""
    program = {"program": str(needs("ffprobe").with_name("ffmpeg"))}
    monkeypatch.setattr(probing, "READERS", (probing.ffprobe.FFprobe,))
    film = store(texts(secret, loopback.url)[kind])
    chosen = {"PROFILES": POSTER, "TRANSCODER": {"OPTIONS": program}}
    with override_settings(SHIFT_MEDIA=chosen):
        assert ended(film).error_code == "unreadable"
        assert loopback.requests == []
        monkeypatch.setattr(probing, "FORMATS", "")
        monkeypatch.setattr(probing, "PROTOCOLS", "file,http,tcp")
        services.retry(TranscodeJob.objects.get())
        job = ended(film)
    assert (job.state, job.error) == (State.COMPLETE, "")
    assert bool(loopback.requests) == (kind != "hls-file")
    with Image.open(next(media_root.rglob("_poster.jpg"))) as poster:
        red, green, blue = ImageStat.Stat(poster.convert("RGB")).mean
    assert red > 200 > 60 > max(green, blue)
