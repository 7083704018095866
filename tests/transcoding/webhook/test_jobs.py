"""Accepted messages of SNS: a job is read from its service, or a subscription is confirmed."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.db import connection
from django.test import AsyncClient, Client, override_settings
from django.urls import reverse

from shift_media import signals
from shift_media.aws.events import JOB_KEY
from shift_media.core.errors import TranscodeError
from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.backends.elastic_transcoder import ElasticTranscoder
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.backends.mediaconvert import MediaConvert
from shift_media.transcoding.base import State
from shift_media.transcoding.events import JobEvent
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services import Worker
from tests.servers.sns import HOST, TOPIC, Aws, envelope
from tests.testapp.models import Film
from tests.transcoding.scripted import Scripted
from tests.transcoding.webhook.conftest import Post
from tests.transcoding.webhook.material import elastic, mediaconvert

pytestmark = pytest.mark.django_db(transaction=True)

Publish = Callable[..., int]


@pytest.fixture
def publish(aws: Aws, post: Post) -> Publish:
    """Return a function that posts a signed message of a service and returns the status."""

    def publish(body: Any, **fields: Any) -> int:
        status: int = post(aws.sign(envelope(body, **fields))).status_code
        return status

    return publish


def state(job: TranscodeJob) -> str:
    job.refresh_from_db()
    return job.state


@pytest.mark.acceptance(55)
@pytest.mark.parametrize("message", [mediaconvert, elastic])
def test_message_of_either_service_makes_the_job_be_read(
    job: TranscodeJob, publish: Publish, message: Any
) -> None:
    Scripted.begin(State.PROGRESSING, State.COMPLETE)
    assert publish(message(job.external_id, "PROGRESSING", **{JOB_KEY: str(job.pk)})) == 200
    assert (state(job), job.progress) == (State.PROGRESSING, 50)
    assert publish(message(job.external_id)) == 200
    assert (state(job), job.progress) == (State.COMPLETE, 100)
    assert default_media_storage.exists(job.renditions.get().key)
    assert Scripted.read_ids == [job.external_id] * 2


@pytest.mark.acceptance(55)
@pytest.mark.parametrize("message", [mediaconvert, elastic])
@pytest.mark.parametrize("claimed", ["COMPLETE", "COMPLETED", "ERROR", "CANCELED", "nonsense"])
def test_state_in_a_message_is_not_believed(
    job: TranscodeJob, publish: Publish, message: Any, claimed: str
) -> None:
    Scripted.begin(State.PROGRESSING)
    assert publish(message(job.external_id, claimed)) == 200
    assert state(job) == State.PROGRESSING


@pytest.mark.acceptance(55)
def test_replayed_message_has_no_effect(job: TranscodeJob, aws: Aws, post: Post) -> None:
    Scripted.begin(State.PROGRESSING)
    message = aws.sign(envelope(mediaconvert(job.external_id)))
    assert [post(message).status_code for _ in range(3)] == [200] * 3
    assert len(Scripted.read_ids) == 1


@pytest.mark.acceptance(55)
def test_complete_job_ignores_later_messages(job: TranscodeJob, publish: Publish) -> None:
    received: list[str] = []

    def completed(job: TranscodeJob, **kwargs: Any) -> None:
        received.append("completed")

    def failed(job: TranscodeJob, **kwargs: Any) -> None:
        received.append("failed")

    signals.transcode_completed.connect(completed)
    signals.transcode_failed.connect(failed)
    try:
        Scripted.begin(State.COMPLETE, State.ERROR)
        assert publish(mediaconvert(job.external_id)) == 200
        assert publish(mediaconvert(job.external_id, "ERROR")) == 200
        assert publish(mediaconvert(job.external_id, "PROGRESSING")) == 200
    finally:
        signals.transcode_completed.disconnect(completed)
        signals.transcode_failed.disconnect(failed)
    assert (state(job), received) == (State.COMPLETE, ["completed"])
    assert default_media_storage.exists(job.renditions.get().key)
    assert len(Scripted.read_ids) == 1
    assert Scripted.cancelled == []


@pytest.mark.acceptance(55)
def test_error_is_read_from_the_service_and_stays(job: TranscodeJob, publish: Publish) -> None:
    Scripted.begin(State.ERROR, State.COMPLETE)
    assert publish(elastic(job.external_id, "ERROR")) == 200
    assert (state(job), job.error) == (State.ERROR, "It went wrong.")
    assert publish(elastic(job.external_id)) == 200
    assert state(job) == State.ERROR


@pytest.mark.acceptance(55)
@pytest.mark.parametrize(
    "body",
    [
        mediaconvert("of-another-site"),
        mediaconvert("of-another-site", **{JOB_KEY: "999999"}),
        elastic("of-another-site", "PROGRESSING"),
        {"source": "aws.s3", "detail": {"jobId": "x"}},
        {"Records": []},
        [],
        "Successfully validated SNS topic for Amazon Elastic Transcoder.",
        "[" * 200_000,
    ],
)
def test_unknown_message_is_answered_with_200_and_has_no_effect(
    job: TranscodeJob, publish: Publish, body: Any
) -> None:
    assert publish(body) == 200
    assert state(job) == State.SUBMITTED
    assert Scripted.read_ids == []


@pytest.mark.acceptance(55)
def test_job_of_another_site_with_the_same_id_has_no_effect(
    job: TranscodeJob, publish: Publish
) -> None:
    assert publish(mediaconvert("of-another-site", **{JOB_KEY: str(job.pk)})) == 200
    assert Scripted.read_ids == []


@pytest.mark.acceptance(55)
def test_message_before_the_external_id_is_stored_is_503_and_then_applied(
    film: Film, publish: Publish, aws: Aws, post: Post
) -> None:
    job = services.claim("worker")
    assert job is not None
    message = aws.sign(envelope(mediaconvert("external-1", **{JOB_KEY: str(job.pk)})))
    assert post(message).status_code == 503
    assert Scripted.read_ids == []
    TranscodeJob.objects.update(external_id="external-1")
    assert post(message).status_code == 200
    assert state(job) == State.COMPLETE


@pytest.mark.acceptance(55)
def test_message_of_an_ended_attempt_has_no_effect(job: TranscodeJob, publish: Publish) -> None:
    late = job.external_id
    services.cancel(job)
    assert publish(mediaconvert(late)) == 200
    assert services.retry(job)
    assert publish(mediaconvert(late)) == 200
    assert state(job) == State.PENDING
    assert Scripted.read_ids == []


@pytest.mark.acceptance(55)
def test_message_for_a_deleted_video_stores_nothing(
    job: TranscodeJob, publish: Publish, media_root: Path
) -> None:
    Film.objects.all().delete()
    assert publish(mediaconvert(job.external_id)) == 200
    assert not Rendition.objects.exists()
    assert [path for path in media_root.rglob("*") if path.is_file()] == []


def post_at_once(post: Post, messages: list[dict[str, Any]]) -> list[int]:
    statuses = []

    def deliver(message: dict[str, Any]) -> None:
        try:
            statuses.append(post(message).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.acceptance(55)
def test_concurrent_deliveries_complete_the_job_once(
    job: TranscodeJob, aws: Aws, post: Post
) -> None:
    Scripted.together = threading.Barrier(2)
    body = mediaconvert(job.external_id)
    assert post_at_once(post, [aws.sign(envelope(body)) for _ in range(2)]) == [200, 200]
    assert state(job) == State.COMPLETE
    assert default_media_storage.exists(job.renditions.get().key)
    assert Scripted.cancelled == []


@pytest.mark.slow
@pytest.mark.acceptance(55)
def test_older_state_of_the_service_changes_nothing(job: TranscodeJob, publish: Publish) -> None:
    Scripted.begin(State.PROGRESSING, State.SUBMITTED, State.COMPLETE)
    for _ in range(3):
        assert publish(mediaconvert(job.external_id)) == 200
    assert state(job) == State.COMPLETE
    assert Scripted.cancelled == []


@pytest.mark.acceptance(57)
def test_throttled_read_is_503_and_repeated_with_the_next_delivery(
    job: TranscodeJob, aws: Aws, post: Post
) -> None:
    Scripted.failures.append(TranscodeError("Too many requests.", code="busy", retryable=True))
    message = aws.sign(envelope(mediaconvert(job.external_id)))
    response = post(message)
    assert (response.status_code, response["Retry-After"]) == (503, "20")
    assert "requests" not in response.content.decode()
    assert (state(job), job.error_code) == (State.SUBMITTED, "busy")
    assert post(message).status_code == 200
    assert (state(job), job.error_code) == (State.COMPLETE, "")


@pytest.mark.slow
@pytest.mark.acceptance(55)
def test_job_deleted_meanwhile_is_answered_with_200(
    job: TranscodeJob, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = services.poll

    def late(job: TranscodeJob) -> bool:
        TranscodeJob.objects.all().delete()
        return poll(job)

    monkeypatch.setattr(services, "poll", late)
    assert publish(mediaconvert(job.external_id)) == 200


def test_message_does_not_change_a_job_of_an_embedded_transcoder(
    job: TranscodeJob, publish: Publish, settings: Any
) -> None:
    embedded = "shift_media.transcoding.backends.ffmpeg.FFmpeg"
    with override_settings(
        SHIFT_MEDIA={**settings.SHIFT_MEDIA, "TRANSCODER": {"BACKEND": embedded}}
    ):
        assert publish(mediaconvert(job.external_id)) == 200
        assert publish(mediaconvert("other", **{JOB_KEY: str(job.pk)})) == 200
    assert state(job) == State.SUBMITTED


def test_submitted_job_is_left_to_the_webhook(job: TranscodeJob, publish: Publish) -> None:
    assert Worker().run_one() is None
    assert publish(mediaconvert(job.external_id)) == 200
    assert Worker().run_one() is None
    assert state(job) == State.COMPLETE


# Subscriptions


def confirmations(aws: Aws) -> list[dict[str, list[str]]]:
    return [parse_qs(body.decode()) for method, _, body in aws.requests if method == "POST"]


@pytest.mark.acceptance(54)
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://evil.example/",
        f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=other",
    ],
)
def test_subscription_is_confirmed_by_the_api_without_opening_its_url(
    aws: Aws, post: Post, url: str
) -> None:
    message = envelope(Type="SubscriptionConfirmation", Token="a1b2", SubscribeURL=url)
    assert post(aws.sign(message)).status_code == 200
    (call,) = confirmations(aws)
    assert (call["TopicArn"], call["Token"]) == ([TOPIC], ["a1b2"])
    assert {address for _, address, _ in aws.requests} == {
        message["SigningCertURL"],
        f"https://{HOST}/",
    }
    assert aws.reached == []


@pytest.mark.acceptance(54)
def test_refused_confirmation_is_503_and_repeated_with_the_next_delivery(
    aws: Aws, post: Post
) -> None:
    message = aws.sign(envelope(Type="SubscriptionConfirmation"))
    right = dict(aws.answers)
    aws.refuse_confirmations()
    response = post(message)
    assert (response.status_code, response.json()["code"]) == (503, "not_yet")
    aws.answers = right
    assert post(message).status_code == 200
    assert len(confirmations(aws)) == 2


def test_unsubscription_is_logged(aws: Aws, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "shift_media"):
        assert post(aws.sign(envelope(Type="UnsubscribeConfirmation"))).status_code == 200
    assert TOPIC in caplog.text
    assert confirmations(aws) == []


# The view


def test_view_needs_no_login_and_sets_no_cookie(
    job: TranscodeJob, aws: Aws, post: Post, settings: Any
) -> None:
    path = f"{LoginRequiredMiddleware.__module__}.{LoginRequiredMiddleware.__qualname__}"
    response = post(aws.sign(envelope(mediaconvert(job.external_id))))
    assert response.status_code == 200
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, path]
    client = Client()  # A new client, which loads the changed middleware.
    message = aws.sign(envelope())
    response = client.post("/media/sns/", message, content_type="application/json")
    assert response.status_code == 200


def test_view_works_under_asgi(aws: Aws) -> None:
    def deliver(body: bytes) -> int:
        sent = AsyncClient().generic("POST", "/media/sns/", body, "text/plain")
        return int(asyncio.run(sent).status_code)

    assert deliver(json.dumps(aws.sign(envelope())).encode()) == 200
    assert deliver(b"[]") == 400
    assert deliver(b"x" * 300_000) == 413


def test_webhook_url_comes_before_the_keys_of_each_storage(aws: Aws) -> None:
    assert reverse("shift_media:sns") == "/media/sns/"
    message = aws.sign(envelope("hello"))
    for url in ("/media/sns/", "/private/sns/"):
        response = Client().post(url, message, content_type="application/json")
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (mediaconvert("a", **{JOB_KEY: "7"}), JobEvent("a", 7)),
        (elastic("a", **{JOB_KEY: "7"}), JobEvent("a", 7)),
        (mediaconvert("a", **{JOB_KEY: "\u0667"}), JobEvent("a")),
        (mediaconvert("a", **{JOB_KEY: "07"}), JobEvent("a")),
        (mediaconvert("a", **{JOB_KEY: "9" * 19}), JobEvent("a")),
        (mediaconvert("a") | {"detail": {"jobId": "a"}}, JobEvent("a")),
        (elastic("a") | {"userMetadata": []}, JobEvent("a")),
        (mediaconvert(""), None),
        (mediaconvert("x" * 201), None),
        (mediaconvert("a") | {"detail": []}, None),
        (mediaconvert("a") | {"source": "aws.s3"}, None),
        (elastic("a") | {"jobId": 7}, None),
        ({"state": "COMPLETED", "jobId": "a"}, None),
    ],
)
def test_message_is_parsed_as_a_job_event_or_none(body: Any, event: JobEvent | None) -> None:
    assert Scripted.parse_event(body) == event


def test_backend_parses_messages_of_its_own_service_only() -> None:
    assert MediaConvert.parse_event(elastic("a")) is None
    assert ElasticTranscoder.parse_event(mediaconvert("a")) is None
    assert FFmpeg.parse_event(mediaconvert("a")) is None
