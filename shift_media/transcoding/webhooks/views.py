"""The view that SNS posts to: validate, parse, normalise, apply.

Subscribe ``https://<site>/<media>/sns/`` to a topic in ``SHIFT_MEDIA["SNS_TOPICS"]``. The
subscription is confirmed by a call of the API, which needs the permission
``sns:ConfirmSubscription``. The only URL of a message that is ever opened is that of the
certificate, and only if it is one of SNS.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from shift_media import http
from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.transcoding import services
from shift_media.transcoding.events import JobEvent
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.webhooks.certificates import CertificateCache
from shift_media.transcoding.webhooks.sns import (
    MAX_AGE,
    MAX_BYTES,
    MAX_SKEW,
    Malformed,
    Message,
    Unverified,
    load_object,
    parse,
    verify,
)

logger = logging.getLogger("shift_media")

RETRY_SECONDS = 20
"""The pause of SNS between two deliveries of a message, by default."""

_API_SECONDS = 5

certificates = CertificateCache()
# Ids of messages that were applied, kept for as long as a copy of the message would be accepted.
_applied = TTLCache("sns", (MAX_AGE + MAX_SKEW).total_seconds())


class TooLong(MediaError):
    """The request has more bytes than SNS ever delivers."""

    code = "too_long"
    public = "This message is too long."


class RetryLater(MediaError):
    """The message cannot be handled now. SNS delivers it again after a 5xx, not after a 4xx."""

    code = "not_yet"
    public = "This message cannot be handled at the moment."


STATUS: dict[type[MediaError], int] = {Malformed: 400, Unverified: 403, TooLong: 413}
"""The HTTP statuses of errors. Any other `MediaError` is a 503, so that SNS tries again."""


@csrf_exempt
@login_not_required
@http.without_transactions
def sns(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Apply a message of SNS. Answers with 200, 400, 403, 405, 413 or 503.

    ``storage`` is an option of the include in the URLconf. It has no effect here, because each job
    has the name of its storage.
    """
    if request.method != "POST":
        return _plain(HttpResponse(status=405, headers={"Allow": "POST"}))
    try:
        message = parse(load_object(_read(request)))
        verify(message, settings.SNS_TOPICS, certificates)
        if _applied.get(message.id) is None:
            _apply(message)
            _applied.set(message.id, "done")  # Last, so that a failed message may be retried.
    except MediaError as error:
        return _failure(error)
    return _plain(HttpResponse())


def _read(request: HttpRequest) -> str:
    try:
        body = request.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooLong(f"The body has more than {MAX_BYTES} bytes.")
        return body.decode()
    except (UnicodeDecodeError, UnreadablePostError) as error:
        raise Malformed(f"The body cannot be read: {error}") from error


def _apply(message: Message) -> None:
    if message.type == "SubscriptionConfirmation":
        _confirm(message)
    elif message.type == "UnsubscribeConfirmation":
        logger.warning("This site was unsubscribed from %s: no more messages.", message.topic)
    else:
        event = _parse_event(message)
        if event is not None:
            _refresh(event)


def _parse_event(message: Message) -> JobEvent | None:
    """Return the job that a message names; None if the site's transcoder cannot read it."""
    try:
        event = services.transcoder().parse_event(load_object(message.text))
    except Malformed:
        event = None
    if event is None:
        logger.info("Message %s of %s names no job.", message.id, message.topic)
    return event


def _refresh(event: JobEvent) -> None:
    """Read the job from its service; a job that is not in the database is ignored.

    Raises `RetryLater` if SNS must deliver the message again.
    """
    jobs = TranscodeJob.objects.on_primary()
    job = jobs.filter(external_id=event.external_id).order_by("-pk").first()
    if job is None and event.job_id is not None:
        # The service may be faster than the worker, which stores the external id after submitting.
        submitting = jobs.running().filter(pk=event.job_id, external_id="")
        if submitting.exists() and not services.transcoder().embedded:
            raise RetryLater(
                f"Job {event.job_id} is being submitted: {event.external_id} is not known."
            )
    if job is None:
        logger.info("A message names job %r, which is not in the database.", event.external_id)
        return
    with contextlib.suppress(TranscodeJob.DoesNotExist):  # deleted with its original
        if services.poll(job):
            return
        raise RetryLater(f"Job {job.pk} could not be read: {job.error_code}: {job.error}")


def _confirm(message: Message) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    region = message.topic.split(":")[3]
    config = Config(
        connect_timeout=_API_SECONDS,
        read_timeout=_API_SECONDS,
        retries={"total_max_attempts": 2},
    )
    try:
        session = boto3.session.Session()  # boto3's default session is not thread-safe.
        client: Any = session.client("sns", region_name=region, config=config)
        client.confirm_subscription(TopicArn=message.topic, Token=message.token)
    except (BotoCoreError, ClientError) as error:
        text = f"The subscription to {message.topic} was not confirmed: {error}"
        raise RetryLater(text) from error
    logger.info("The subscription to %s is confirmed.", message.topic)


def _failure(error: MediaError) -> HttpResponse:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 503)
    logger.warning("A message to the webhook failed: %s: %s", error.code, error)
    shown = error if status < 500 else RetryLater()
    response = JsonResponse({"code": shown.code, "message": shown.public}, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return _plain(response)


def _plain(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = http.NO_STORE
    response["X-Content-Type-Options"] = "nosniff"
    return response
