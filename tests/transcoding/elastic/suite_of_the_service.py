"""Tests that ``test_on_the_service.py`` runs with an older botocore; pytest does not collect them.

A real bucket, real boto3 over HTTP, real ffmpeg, and messages that are signed as SNS signs them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import botocore
import pytest
from botocore.stub import ANY, Stubber
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.test import override_settings

from shift_media.core.backoff import Backoff
from shift_media.storages import default_media_storage
from shift_media.storages.base import MediaStorage
from shift_media.testing import TranscoderContract
from shift_media.transcoding import services
from shift_media.transcoding.backends.elastic_transcoder import ElasticTranscoder
from shift_media.transcoding.backends.elastic_transcoder.client import ElasticTranscoderClient
from shift_media.transcoding.backends.elastic_transcoder.requests import build_request
from shift_media.transcoding.base import Job, State, Transcoder
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt
from shift_media.video.elastic.profiles import read_profile
from shift_media.video.profiles import Profile
from tests.servers.elastic_transcoder import PIPELINE, ElasticTranscoderServer
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.servers.sns import TOPIC, Aws, envelope
from tests.testapp.models import Film
from tests.transcoding.conftest import work
from tests.transcoding.elastic.material import CUSTOM, GENERIC_720P, HLS_1M, PROJECT, WEB
from tests.transcoding.mediaconvert_site import MediaBucket, new_film, the_job
from tests.transcoding.webhook.conftest import Post, _aws, aws, post

__all__ = ["_aws", "aws", "post"]

pytestmark = pytest.mark.django_db(transaction=True)

BACKEND = "shift_media.transcoding.backends.elastic_transcoder.ElasticTranscoder"
SMALL = {"outputs": [{"Key": "a.mp4", "PresetId": GENERIC_720P}]}


@dataclass
class Service(MediaBucket):
    """A bucket, and an Elastic Transcoder that works on it."""

    server: ElasticTranscoderServer

    def look(self, key: str) -> Any:
        with av.open(BytesIO(self.read(key))) as media:
            return media.streams.video[0].codec_context

    @property
    def id(self) -> str:
        (id,) = self.server.jobs
        return id


@pytest.fixture
def service(
    seaweedfs: S3Server, needs: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Service]:
    """Run the service on a bucket of its own."""
    monkeypatch.setattr(ElasticTranscoderClient, "retries", 3)
    monkeypatch.setattr(ElasticTranscoderClient, "backoff", Backoff(0.01, 0.03))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    bucket, s3 = new_bucket(seaweedfs), client_of(seaweedfs)
    server = ElasticTranscoderServer(s3, needs("ffmpeg"), bucket)
    options = storage_options(seaweedfs, bucket)
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    try:
        with (
            override_settings(STORAGES={**django_settings.STORAGES, "media": media}),
            override_settings(SHIFT_MEDIA=site(server, LOCK_DIR=tmp_path / "locks")),
        ):
            yield Service(s3, bucket, server)
    finally:
        server.stop()


def site(
    server: ElasticTranscoderServer, profile: Any = SMALL, read_timeout: float = 20, **more: Any
) -> dict[str, Any]:
    options = {
        "pipeline_id": PIPELINE,
        "region": "eu-west-1",
        "endpoint_url": server.endpoint,
        "read_timeout": read_timeout,
    }
    transcoder = {"BACKEND": BACKEND, "OPTIONS": options}
    return {"TRANSCODER": transcoder, "PROFILES": {"web": profile}, **more}


class TestElasticTranscoder(TranscoderContract):
    """The transcoder contract on the service."""

    @pytest.fixture(autouse=True)
    def _service(self, service: Service, clip: Path) -> None:
        self.service, self.video = service, clip.read_bytes()

    def make_transcoder(self) -> Transcoder:
        return ElasticTranscoder(**site(self.service.server)["TRANSCODER"]["OPTIONS"])

    def make_storage(self) -> MediaStorage:
        return default_media_storage  # type: ignore[return-value]

    def make_video(self) -> bytes:
        return self.video

    def make_profile(self) -> Profile:
        return read_profile("web", SMALL)

    def finish(self, job: Job) -> None:
        for id in list(self.service.server.jobs):
            try:
                self.service.server.finish(id)
            except av.error.InvalidDataError:
                self.service.server.fail(id, "4000 the file is no video")

    def count_jobs(self) -> int:
        return len(self.service.server.jobs)


def renditions(film: Film) -> dict[str, Rendition]:
    return {r.key.rpartition("/")[2]: r for r in film.video.renditions}


def state(job: TranscodeJob) -> tuple[str, str]:
    job.refresh_from_db()
    return job.state, job.error_code


def test_old_botocore_has_the_client() -> None:
    assert botocore.__version__ == "1.42.17"


def test_messages_complete_job_of_project_whose_files_play(
    service: Service, aws: Aws, post: Post, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    statuses: list[int] = []
    server = service.server
    server.publish = lambda body: statuses.append(post(aws.sign(envelope(body))).status_code)
    with override_settings(SHIFT_MEDIA=site(server, PROJECT, SNS_TOPICS=[TOPIC])):
        film = new_film(clip)
        work()
        job = the_job()
        assert (job.state, job.external_id) == (State.SUBMITTED, service.id)
        assert job.transcoder == "elastic_transcoder"
        server.progress(service.id)
        assert state(job) == (State.PROGRESSING, "")
        server.publish(server.message(service.id, "WARNING", messageDetails="slow"))
        assert state(job) == (State.PROGRESSING, "")
        server.finish(service.id)
        assert state(job) == (State.COMPLETE, "")
        found = renditions(film)
    assert statuses == [200, 200, 200]
    assert {file: r.legacy_key for file, r in found.items()} == {
        "720p.mp4": "videos/clip/clip-720p.mp4",
        "sound.mp3": "videos/clip/sound.mp3",
        "hls-index.m3u8": "videos/clip/hls/index.m3u8",
        "720p-thumbs-00001.png": "videos/clip/thumbs/00001-144x108.png",
    }
    prefix = f"{film.video.key.rpartition('/')[0]}/_web/{job.token}/"
    assert [k for k in service.stored() if not k.startswith(prefix)] == [film.video.key]
    assert (service.look(found["720p.mp4"].key).width, found["720p.mp4"].width) == (160, 160)
    assert found["720p.mp4"].duration == pytest.approx(1, abs=0.1)
    assert job.payload["userMetadata"] == {"site": "example"}
    check_playlist(service, found["hls-index.m3u8"], prefix)
    sent = server.jobs[service.id]
    assert sent["UserMetadata"]["site"] == "example"
    assert sent["OutputKeyPrefix"] == prefix


def test_files_of_job_are_below_the_location_of_the_storage(service: Service, clip: Path) -> None:
    media = django_settings.STORAGES["media"]
    options = {**media["OPTIONS"], "location": "shop"}
    storages = {**django_settings.STORAGES, "media": {**media, "OPTIONS": options}}
    with override_settings(STORAGES=storages):
        film = new_film(clip)
        work()
        assert service.server.jobs[service.id]["OutputKeyPrefix"].startswith("shop/")
        service.server.finish(service.id)
        assert services.refresh(the_job()).state == State.COMPLETE
        keys = {made.key for made in film.video.renditions} | {film.video.name}
    assert {f"shop/{key}" for key in keys} <= set(service.stored())
    assert all(key.startswith("shop/") for key in service.stored())


def check_playlist(service: Service, made: Rendition, prefix: str) -> None:
    master = service.read(made.key).decode()
    assert "hls-1m.m3u8" in master
    assert "hls-400k.m3u8" in master
    assert service.look(f"{prefix}hls-1m00000.ts").width == 160
    parts = [key for key in service.stored() if key.startswith(f"{prefix}hls-")]
    assert made.size == sum(len(service.read(key)) for key in parts)
    assert (made.kind, made.content_type) == ("hls", "application/vnd.apple.mpegurl")


def test_hls_version_4_and_single_stream_have_legacy_keys(service: Service, clip: Path) -> None:
    profile = {
        "outputs": [
            {"Key": "a", "PresetId": HLS_1M, "SegmentDuration": "1"},
            {"Key": "b", "PresetId": HLS_1M, "SegmentDuration": "1"},
        ],
        "playlists": [{"Name": "all", "Format": "HLSv4", "OutputKeys": ["a"]}],
    }
    with override_settings(SHIFT_MEDIA=site(service.server, profile)):
        film = new_film(clip)
        work()
        service.server.finish(service.id)
        assert services.refresh(the_job()).state == State.COMPLETE
        found = renditions(film)
    assert {file: r.legacy_key for file, r in found.items()} == {
        "b.m3u8": "b.m3u8",
        "all.m3u8": "all.m3u8",
    }
    assert b"a_v4.m3u8" in service.read(found["all.m3u8"].key)


@pytest.mark.parametrize(
    ("format", "preset", "kind", "names"),
    [
        ("MPEG-DASH", "1351620000001-500040", "dash", ["s.fmp4", "all.mpd"]),
        ("Smooth", "1351620000001-400030", "smooth", ["s.fmp4", "all.ism"]),
    ],
)
def test_dash_and_smooth_streaming_are_made_by_the_service(
    service: Service, clip: Path, format: str, preset: str, kind: str, names: list[str]
) -> None:
    outputs = [{"Key": "s.fmp4", "PresetId": preset, "SegmentDuration": "1"}]
    lists = [{"Name": "all", "Format": format, "OutputKeys": ["s.fmp4"]}]
    profile = {"outputs": outputs, "playlists": lists, "output_key_prefix": "d/"}
    with override_settings(SHIFT_MEDIA=site(service.server, profile)):
        film = new_film(clip)
        work()
        service.server.finish(service.id)
        services.refresh(the_job())
        (made,) = film.video.renditions
    prefix = made.key.rpartition("/")[0]
    assert (made.kind, made.key, made.legacy_key) == (
        kind,
        f"{prefix}/{names[1]}",
        f"d/{names[1]}",
    )
    assert made.size == sum(len(service.read(f"{prefix}/{name}")) for name in names)


def check_ids() -> set[str]:
    """Return the ids of messages, but those of the profile for sounds, which another field has."""
    return {str(one.id) for one in run_checks() if '"audio"' not in str(one.msg)}


def test_own_preset_of_project_needs_no_description(service: Service, clip: Path) -> None:
    profile = {"outputs": [{"Key": "x/Own.MP4", "PresetId": CUSTOM}]}
    with override_settings(SHIFT_MEDIA=site(service.server, profile)):
        ids = check_ids()
        film = new_film(clip)
        work()
        service.server.finish(service.id)
        services.refresh(the_job())
        (made,) = film.video.renditions
    assert not {"shift_media.E008", "shift_media.E009", "shift_media.I001"} & ids
    assert (made.key.rpartition("/")[2], made.legacy_key) == ("x-own.mp4", "x/Own.MP4")


@pytest.mark.parametrize(
    ("detail", "code", "ended"),
    [
        ("3001 the input is not there", "elastic_transcoder_3001", State.ERROR),
        ("4000 the file is no video", "elastic_transcoder_4000", State.ERROR),
        ("9001 an internal error", "elastic_transcoder_9001", State.PENDING),
    ],
)
def test_error_has_code_of_service_and_its_own_faults_are_retried(
    service: Service, clip: Path, detail: str, code: str, ended: State
) -> None:
    new_film(clip)
    work()
    service.server.fail(service.id, detail)
    job = services.refresh(the_job())
    assert (job.state, job.error_code, job.error) == (ended, code, detail)


def test_message_of_error_fails_job_and_later_message_changes_nothing(
    service: Service, aws: Aws, post: Post, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    statuses: list[int] = []
    server = service.server
    server.publish = lambda body: statuses.append(post(aws.sign(envelope(body))).status_code)
    with override_settings(SHIFT_MEDIA=site(server, SNS_TOPICS=[TOPIC])):
        film = new_film(clip)
        work()
        server.fail(service.id, "4000 the file is no video")
        assert state(the_job()) == (State.ERROR, "elastic_transcoder_4000")
        server.publish(server.message(service.id, "COMPLETED"))
        assert state(the_job()) == (State.ERROR, "elastic_transcoder_4000")
    assert statuses == [200, 200]
    assert film.video.renditions == []


def test_job_that_has_begun_is_not_cancelled_and_logged(
    service: Service, clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = new_film(clip), new_film(clip)
    work()
    ids = list(service.server.jobs)
    service.server.progress(ids[1])
    jobs = list(TranscodeJob.objects.order_by("pk"))
    with caplog.at_level(logging.WARNING, "shift_media"):
        assert services.cancel(jobs[0])
        assert "runs to its end" not in caplog.text
        assert services.cancel(jobs[1])
    assert f"{ids[1]} has begun already and runs to its end" in caplog.text
    assert [job["Status"] for job in service.server.jobs.values()] == ["Canceled", "Progressing"]
    assert {job.state for job in TranscodeJob.objects.all()} == {State.CANCELED}
    assert service.stored() == sorted([first.video.key, second.video.key])


def test_job_whose_answer_is_lost_is_found_and_not_created_twice(
    service: Service, clip: Path
) -> None:
    for _ in range(3):
        new_film(clip)
    service.server.inject("POST", "/jobs", after=True)
    with override_settings(SHIFT_MEDIA=site(service.server, read_timeout=3)):
        work()
    assert len(service.server.jobs) == 3
    ids = set(TranscodeJob.objects.values_list("external_id", flat=True))
    assert ids == set(service.server.jobs)


def test_retry_cancels_job_and_deletes_files_of_earlier_attempt(
    service: Service, clip: Path
) -> None:
    film = new_film(clip)
    work()
    job = the_job()
    TranscodeJob.objects.update(state=State.ERROR)
    left = f"{film.video.key.rpartition('/')[0]}/_web/{job.token}/a.mp4"
    service.s3.put_object(Bucket=service.bucket, Key=left, Body=b"left")
    job.refresh_from_db()
    assert services.retry(job)
    work()
    states = [job["Status"] for job in service.server.jobs.values()]
    assert states == ["Canceled", "Submitted"]
    assert left not in service.stored()


def test_examine_reports_state_and_buckets_of_pipeline(service: Service) -> None:
    said = " ".join(services.transcoder().examine())
    assert said == (
        f"The pipeline {PIPELINE} is Active, reads {service.bucket} and writes {service.bucket}."
    )


def test_throttled_request_is_repeated(service: Service, clip: Path) -> None:
    service.server.inject("POST", "/jobs", times=2, status=429, code="LimitExceededException")
    new_film(clip)
    work()
    assert the_job().state == State.SUBMITTED
    assert service.server.count("POST", "/jobs") == 3


def test_complete_job_with_missing_file_is_retried(service: Service, clip: Path) -> None:
    new_film(clip)
    work()
    service.server.finish(service.id)
    job = the_job()
    (made,) = [key for key in service.stored() if key.endswith("/a.mp4")]
    service.s3.delete_object(Bucket=service.bucket, Key=made)
    job = services.refresh(job)
    assert (job.state, job.error_code) == (State.PENDING, "missing_output")
    assert "bucket of the original" in job.error


def test_existing_output_is_error_of_service(service: Service, clip: Path) -> None:
    new_film(clip)
    work()
    prefix = service.server.jobs[service.id]["OutputKeyPrefix"]
    service.s3.put_object(Bucket=service.bucket, Key=f"{prefix}a.mp4", Body=b"old")
    service.server.finish(service.id)
    assert services.refresh(the_job()).error_code == "elastic_transcoder_3002"


def test_job_that_service_does_not_know_is_retried(service: Service, clip: Path) -> None:
    new_film(clip)
    work()
    service.server.jobs.clear()
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.PENDING, "lost")


def test_unknown_status_is_an_error_of_the_reading(service: Service, clip: Path) -> None:
    new_film(clip)
    work()
    service.server.jobs[service.id]["Status"] = "Paused"
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.SUBMITTED, "unknown_status")


def test_job_of_another_attempt_is_refused(service: Service, clip: Path) -> None:
    new_film(clip)
    work()
    service.server.jobs[service.id]["UserMetadata"]["shift_media_token"] = "00000000"
    assert services.refresh(the_job()).error_code == "foreign_job"


def test_unknown_preset_fails_job(service: Service, clip: Path) -> None:
    profile = {"outputs": [{"Key": "a.mp4", "PresetId": "1441234567890-zzzzzz"}]}
    with override_settings(SHIFT_MEDIA=site(service.server, profile)):
        new_film(clip)
        work()
    assert state(the_job()) == (State.ERROR, "ValidationException")


def test_profile_without_preset_ids_is_check_error(service: Service) -> None:
    ours = {"720p.mp4": {"kind": "mp4"}}
    mixed = {**SMALL, "_poster.jpg": {"kind": "poster"}}
    with override_settings(SHIFT_MEDIA=site(service.server, ours)):
        assert "shift_media.E009" in check_ids()
    with override_settings(SHIFT_MEDIA=site(service.server, mixed)):
        assert "shift_media.W006" in check_ids()


def test_without_endpoint_no_client_is_made() -> None:
    one = ElasticTranscoder(pipeline_id="no pipeline", region="eu-west-1")
    assert [message.id for message in one.check()] == ["shift_media.E006"]
    with pytest.raises(Exception, match="endpoint_url") as caught:
        one.chosen()
    assert "closed by AWS on 2025-11-13" in str(caught.value)


def test_botocore_accepts_request(service: Service, clip: Path) -> None:
    outputs = [
        {"Key": "a.mp4", "PresetId": WEB, "Rotate": "auto", "ThumbnailPattern": "{count}"},
        {"Key": "hls/b", "PresetId": HLS_1M, "SegmentDuration": 10},
    ]
    lists = [{"Name": "hls/all", "Format": "HLSv3", "OutputKeys": ["hls/b"]}]
    profile = {"outputs": outputs, "playlists": lists, "user_metadata": {"a": "b"}}
    with override_settings(SHIFT_MEDIA=site(service.server, profile)):
        new_film(clip)
        attempt = build_attempt(the_job())
        wanted = {
            "PipelineId": PIPELINE,
            "Input": ANY,
            "OutputKeyPrefix": attempt.prefix,
            "Outputs": [
                {
                    "Key": "a.mp4",
                    "PresetId": WEB,
                    "Rotate": "auto",
                    "ThumbnailPattern": "a-thumbnails-{count}",
                },
                {"Key": "hls-b", "PresetId": HLS_1M, "SegmentDuration": "10"},
            ],
            "Playlists": [{"Name": "hls-all", "Format": "HLSv3", "OutputKeys": ["hls-b"]}],
            "UserMetadata": {
                "a": "b",
                "shift_media_job": str(attempt.id),
                "shift_media_token": attempt.token,
            },
        }
        api: Any = ElasticTranscoderClient("eu-west-1", service.server.endpoint, 1)
        with Stubber(api.client) as stub:
            stub.add_response("create_job", {"Job": {"Id": "1-a"}}, wanted)
            assert api.create(build_request(attempt, PIPELINE), lambda: "") == "1-a"
            stub.add_response("cancel_job", {}, {"Id": "1-a"})
            assert api.cancel("1-a")
            stub.assert_no_pending_responses()
