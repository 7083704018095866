"""Renditions that MediaConvert makes: a real bucket, and real boto3 over HTTP."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import override_settings
from PIL import Image, ImageStat

from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.probing import VideoLimits, probe_video
from tests.testapp.models import Film, Lecture
from tests.transcoding.conftest import H264, Draw, pattern, sound, work
from tests.transcoding.mediaconvert_site import (
    SMALL,
    MediaConvertSite,
    aws,
    film,
    new_film,
    site_settings,
    the_job,
)

__all__ = ["aws", "film"]

pytestmark = [
    pytest.mark.needs("ffmpeg"),
    pytest.mark.s3,
    pytest.mark.django_db(transaction=True),
]


def facts_of(aws: MediaConvertSite, key: str, folder: Path) -> Any:
    copy = folder / "copy.mp4"
    copy.write_bytes(aws.read(key))
    return probe_video(copy, VideoLimits())


def test_video_becomes_renditions_of_web_profile(
    aws: MediaConvertSite, draw: Draw, tmp_path: Path
) -> None:
    wide = draw("wide.mp4", *pattern("1280x720", 7), *sound(7), *H264)
    with override_settings(SHIFT_MEDIA=site_settings(aws.server)):
        film = new_film(wide)
        work()
        assert the_job().state == State.SUBMITTED
        (id,) = aws.server.jobs
        assert the_job().external_id == id
        aws.server.progress(id, 40)
        job = services.refresh(the_job())
        assert (job.state, job.progress) == (State.PROGRESSING, 40)
        assert job.renditions.filter(state=State.PROGRESSING, progress=40).count() == 5
        assert film.video.renditions == []
        aws.finish()
        job = services.refresh(the_job())
        assert (job.state, job.progress, job.error) == (State.COMPLETE, 100, "")
        made = {r.key.rpartition("/")[2]: r for r in film.video.renditions}
    assert list(made) == ["720p.mp4", "480p.mp4", "hls.m3u8", "_poster.jpg", "preview.vtt"]
    for file, size in {"720p.mp4": (1280, 720), "480p.mp4": (854, 480)}.items():
        facts = facts_of(aws, made[file].key, tmp_path)
        assert (facts.width, facts.height, facts.codecs) == (*size, "h264, aac")
        assert (made[file].width, made[file].height) == size
        assert re.fullmatch("avc1.42c0[0-9a-f]{2},mp4a.40.2", made[file].codecs)
        assert made[file].duration == pytest.approx(7, abs=0.1)
        assert made[file].size == len(aws.read(made[file].key))
    check_hls(aws, made["hls.m3u8"], tmp_path)
    check_stills(aws, made, tmp_path)
    assert [key for key in aws.stored() if "frame" in key] == []


def check_hls(aws: MediaConvertSite, made: Rendition, folder: Path) -> None:
    """Assert that the segments of each stream are one video together."""
    base = made.key.rpartition("/")[0]
    master = aws.read(made.key).decode()
    assert "RESOLUTION=1280x720" in master
    assert "RESOLUTION=854x480" in master
    assert 'URI="hls-sound.m3u8"' in master
    for stream, height in {"hls-720p": 720, "hls-480p": 480}.items():
        index = aws.read(f"{base}/{stream}.m3u8").decode().splitlines()
        names = [line for line in index if line.endswith(".cmfv")]
        assert len(names) == 2
        parts = [f"{stream}init.cmfv", *names]
        (folder / "stream.mp4").write_bytes(b"".join(aws.read(f"{base}/{p}") for p in parts))
        facts = probe_video(folder / "stream.mp4", VideoLimits())
        assert (facts.height, facts.codecs) == (height, "h264")
    whole = sum(len(aws.read(key)) for key in aws.stored() if key.startswith(f"{base}/hls"))
    assert made.size == whole


def check_stills(aws: MediaConvertSite, made: dict[str, Rendition], folder: Path) -> None:
    (folder / "poster.jpg").write_bytes(aws.read(made["_poster.jpg"].key))
    with Image.open(folder / "poster.jpg") as poster:
        assert poster.size == (1280, 720)
    preview = made["preview.vtt"].key
    assert aws.read(preview).decode().count("preview.jpg#xywh=") == 4
    (folder / "sheet.jpg").write_bytes(aws.read(preview.replace(".vtt", ".jpg")))
    with Image.open(folder / "sheet.jpg") as sheet:
        assert sheet.size == (4 * 160, 90)


@pytest.mark.acceptance(52)
def test_upright_silent_video_stays_upright_and_is_not_enlarged(
    aws: MediaConvertSite, draw: Draw, tmp_path: Path
) -> None:
    flat = draw("flat.mp4", *pattern("160x90"), *H264)
    turned = draw("turned.mov", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    with override_settings(SHIFT_MEDIA=site_settings(aws.server)):
        film = new_film(turned)
        work()
        aws.finish()
        services.refresh(the_job())
    made = {r.key.rpartition("/")[2]: r for r in film.video.renditions}
    assert list(made) == ["480p.mp4", "hls.m3u8", "_poster.jpg", "preview.vtt"]
    facts = facts_of(aws, made["480p.mp4"].key, tmp_path)
    assert (facts.width, facts.height, facts.codecs) == (90, 160, "h264")
    assert "TYPE=AUDIO" not in aws.read(made["hls.m3u8"].key).decode()
    assert (made["_poster.jpg"].width, made["_poster.jpg"].height) == (90, 160)


def test_audio_alone_is_made(aws: MediaConvertSite, clip: Path, tmp_path: Path) -> None:
    profiles = {"web": {"sound.m4a": {"kind": "audio", "kbps": 96}}}
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=profiles)):
        film = new_film(clip)
        work()
        aws.finish()
        services.refresh(the_job())
        (made,) = film.video.renditions
    facts = facts_of(aws, made.key, tmp_path)
    assert (facts.video, facts.audio, made.width) == ("", "aac", None)


def test_files_of_job_are_below_the_location_of_the_storage(
    aws: MediaConvertSite, clip: Path
) -> None:
    media = settings.STORAGES["media"]
    options = {**media["OPTIONS"], "location": "shop"}
    storages = {**settings.STORAGES, "media": {**media, "OPTIONS": options}}
    with override_settings(STORAGES=storages):
        film = new_film(clip)
        work()
        aws.finish()
        assert services.refresh(the_job()).state == State.COMPLETE
        keys = {made.key for made in film.video.renditions} | {film.video.name}
    assert len(keys) == 3
    assert set(aws.stored()) == {f"shop/{key}" for key in keys}


@pytest.mark.slow
def test_uploaded_captions_and_watermark_are_read_from_the_bucket(
    aws: MediaConvertSite, clip: Path, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.png"
    Image.new("RGBA", (40, 20), (255, 0, 0, 255)).save(logo)
    web = {"hls.m3u8": {"kind": "hls", "heights": [96]}, "watermark": {"file": str(logo)}}
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES={"web": web})):
        captions = b"1\n00:00:00,100 --> 00:00:00,900\nGr\xfc\xdfe\n"
        lecture = Lecture.objects.create(
            video=ContentFile(clip.read_bytes(), clip.name),
            captions_de=ContentFile(captions, "a.srt"),
        )
        work()
        aws.finish()
        job = services.refresh(the_job())
        assert (job.state, job.error) == (State.COMPLETE, "")
        (hls,) = lecture.video.renditions
    master = aws.read(hls.key).decode()
    assert 'TYPE=SUBTITLES,GROUP-ID="text",NAME="de"' in master
    (segment,) = [key for key in aws.stored() if key.endswith("_000000001.vtt")]
    assert "Grüße" in aws.read(segment).decode()
    assert any(key.endswith("/mark-128x96.png") for key in aws.stored())


@pytest.mark.acceptance(46)
def test_job_of_former_service_runs_on_new_transcoder(aws: MediaConvertSite, film: Film) -> None:
    work()
    assert (the_job().state, the_job().transcoder) == (State.SUBMITTED, "mediaconvert")
    assert services.recover() == 0
    with override_settings(SHIFT_MEDIA={"PROFILES": SMALL}):
        work()
        job = the_job()
    assert (job.state, job.transcoder, job.attempts) == (State.COMPLETE, "ffmpeg", 1)
    assert (job.error_code, job.error) == ("", "")
    assert len(film.video.renditions) == 2


def test_job_carries_tags_of_row_and_attempt(aws: MediaConvertSite, film: Film) -> None:
    with override_settings(
        SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, tags={"cost": "site"})
    ):
        work()
    (job,) = aws.server.jobs.values()
    row = the_job()
    assert job.answer["userMetadata"] == {
        "shift_media_job": str(row.pk),
        "shift_media_token": row.token,
        "shift_media_source": "160x120 1.000s h264 aac",
    }
    url = f"{aws.server.endpoint}/2017-08-29/tags/{job.answer['arn'].replace('/', '%2F')}"
    with urllib.request.urlopen(url) as answer:
        tags = json.load(answer)["resourceTags"]["tags"]
    assert tags == {"cost": "site", "shift-media-job": str(row.pk), "shift-media-profile": "web"}
    assert (row.transcoder, row.lease_until, row.attempts) == ("mediaconvert", None, 1)


def test_original_is_not_fetched_if_its_facts_are_stored(
    aws: MediaConvertSite, film: Film
) -> None:
    aws.s3.delete_object(Bucket=aws.bucket, Key=film.video.key)
    work()
    assert aws.server.states() == ["SUBMITTED"]


def test_original_without_stored_facts_is_probed(aws: MediaConvertSite, film: Film) -> None:
    Film.objects.update(video_meta={})
    work()
    (job,) = aws.server.jobs.values()
    assert job.answer["userMetadata"]["shift_media_source"] == "160x120 1.000s h264 aac"


@pytest.mark.parametrize(
    ("options", "code"),
    [({"max_seconds": 0}, "too_long"), ({"max_pixels": 100}, "too_many_pixels")],
)
def test_source_over_limits_creates_no_job(
    aws: MediaConvertSite, clip: Path, options: dict[str, int], code: str
) -> None:
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL, **options)):
        new_film(clip)
        work()
    assert (the_job().state, the_job().error_code) == (State.ERROR, code)
    assert aws.server.jobs == {}


@pytest.mark.slow
def test_chosen_poster_is_the_frame_of_its_time(aws: MediaConvertSite, draw: Draw) -> None:
    halves = "color=red:s=64x48:r=5:d=1[a];color=blue:s=64x48:r=5:d=1[b];[a][b]concat=n=2"
    source = draw("halves.mp4", "-f", "lavfi", "-i", halves, *H264)
    with override_settings(SHIFT_MEDIA=site_settings(aws.server, PROFILES=SMALL)):
        film = new_film(source)
        finish_all(aws)
        first = film.video.poster.key if film.video.poster else ""
        film.video.choose_poster(1.5)
        finish_all(aws)
        blue = film.video.poster
        assert blue is not None
        assert is_blue(aws.read(blue.key))
        film.video.choose_poster(0.5)
        finish_all(aws)
        film = Film.objects.get()
        chosen = film.video.poster
        assert chosen is not None
        assert film.video_meta["poster"] in chosen.key
    assert chosen.key != first
    keys = [key for key in aws.stored() if key.endswith(".jpg")]
    assert len(keys) == 2  # the first one, and the one in use
    assert [key for key in aws.stored() if "_new-poster" in key] == [chosen.key]
    assert [is_blue(aws.read(key)) for key in keys] == [False, False]


def is_blue(content: bytes) -> bool:
    with Image.open(io.BytesIO(content)) as picture:
        red, _, blue = ImageStat.Stat(picture.convert("RGB")).mean
    return blue > red


def finish_all(aws: MediaConvertSite) -> None:
    work()
    aws.finish()
    for job in TranscodeJob.objects.filter(state=State.SUBMITTED):
        assert services.refresh(job).state == State.COMPLETE, job.error
