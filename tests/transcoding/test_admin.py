"""Jobs in the admin: listed, filtered, retried and cancelled."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.testapp.models import Film

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

LIST = "/admin/shift_media/transcodejob/"


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def act(client: Client, action: str, job: TranscodeJob) -> str:
    data = {"action": action, "_selected_action": [job.pk]}
    return client.post(LIST, data, follow=True).content.decode()


@pytest.mark.slow
def test_job_pages_show_progress_and_cannot_be_edited(admin: Client, film: Film) -> None:
    TranscodeJob.objects.update(progress=42)
    job = TranscodeJob.objects.get()
    page = admin.get(LIST, {"state__exact": "pending"}).content.decode()
    assert '<progress max="100" value="42"' in page
    assert film.video.key in page
    assert film.video.key not in admin.get(LIST, {"state__exact": "error"}).content.decode()
    detail = admin.get(f"{LIST}{job.pk}/change/")
    assert detail.status_code == 200
    assert "_save" not in detail.content.decode()
    assert admin.get(f"{LIST}add/").status_code == 403


@pytest.mark.slow
def test_actions_cancel_and_retry_jobs(admin: Client, film: Film) -> None:
    job = TranscodeJob.objects.get()
    assert "1 job cancelled" in act(admin, "cancel", job)
    assert TranscodeJob.objects.get().state == State.CANCELED
    assert "1 job will be tried again" in act(admin, "retry", job)
    assert TranscodeJob.objects.get().state == State.PENDING
