"""SNS with a certificate of its own, and the site that its messages are posted to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.webhooks import views as webhook_views
from tests.servers.sns import HOST, TOPIC, Aws, certify, watched
from tests.testapp.models import Film
from tests.transcoding.conftest import work
from tests.transcoding.scripted import PATH, Scripted

Post = Callable[..., Any]


@pytest.fixture(scope="session")
def _aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    authority = certify("Test CA")
    aws = Aws(tmp_path_factory.mktemp("aws"), authority, certify(HOST, issuer=authority))
    yield aws
    aws.close()


@pytest.fixture
def aws(_aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Run AWS behind an HTTPS proxy, which the environment names."""
    _aws.reset()
    for name, value in _aws.environment.items():
        monkeypatch.setenv(name, value)
    webhook_views.certificates.clear()
    with watched(_aws):
        yield _aws
    webhook_views.certificates.clear()


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """Accept one topic, and transcode by the scripted service."""
    Scripted.begin(State.COMPLETE)
    chosen = {
        "SNS_TOPICS": [TOPIC],
        "TRANSCODER": {"BACKEND": PATH},
        "LOCK_DIR": tmp_path / "locks",
    }
    with override_settings(SHIFT_MEDIA=chosen):
        yield


@pytest.fixture
def post(aws: Aws) -> Post:
    """Return a function that posts a message as SNS does, with CSRF checks."""
    client = Client(enforce_csrf_checks=True)

    def post(message: Any, **extra: Any) -> Any:
        body = message if isinstance(message, bytes) else json.dumps(message)
        url = reverse("shift_media:sns")
        return client.generic("POST", url, body, "text/plain; charset=UTF-8", **extra)

    return post


@pytest.fixture
def job(film: Film) -> TranscodeJob:
    """Return the job of a video, submitted to the service."""
    work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.external_id) == (State.SUBMITTED, f"external-{job.pk}")
    return job
