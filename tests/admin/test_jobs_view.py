"""The jobs of a video on its form: shown by GET, changed by POST and with permission only."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client

from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.admin.conftest import Login, new_films
from tests.testapp.models import Film

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def url_of(film: Film, field: str = "video") -> str:
    return f"/admin/testapp/film/{film.pk}/media/{field}/"


def test_get_returns_the_jobs_and_changes_nothing(login: Login) -> None:
    (film,) = new_films(1, State.ERROR, error_code="no_video", error="It has no picture.")
    before = TranscodeJob.objects.values().get()
    response = login("view_film").get(url_of(film), {"do": f"retry {before['id']}"})
    page = response.content.decode()
    assert "no_video: It has no picture." in page
    assert "Try again" not in page
    assert "no-store" in response["Cache-Control"]
    assert TranscodeJob.objects.values().get() == before


def test_user_without_permission_is_refused(login: Login) -> None:
    (film,) = new_films(1, State.ERROR)
    job = TranscodeJob.objects.get()
    client = login("view_film")
    assert client.post(url_of(film), {"do": f"retry {job.pk}"}).status_code == 403
    assert client.post(url_of(film), {"do": "transcode"}).status_code == 403
    client.logout()
    assert client.get(url_of(film)).status_code == 302
    assert TranscodeJob.objects.get().state == State.ERROR


def test_user_of_another_model_sees_no_jobs(login: Login) -> None:
    (film,) = new_films(1, State.ERROR)
    client = login("view_photo", "change_photo")
    assert client.get(url_of(film)).status_code == 403
    assert client.get("/admin/testapp/film/0/media/video/").status_code == 403


def test_video_that_the_form_only_shows_is_not_changed(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    (film,) = new_films(1, State.ERROR)
    job = TranscodeJob.objects.get()
    monkeypatch.setattr(type(admin.site._registry[Film]), "readonly_fields", ("video",))
    client = login("change_film")
    assert "Try again" not in client.get(url_of(film)).content.decode()
    assert client.post(url_of(film), {"do": f"retry {job.pk}"}).status_code == 403
    assert TranscodeJob.objects.get().state == State.ERROR


def test_number_of_a_job_of_any_length_is_none_of_the_video(login: Login) -> None:
    (film,) = new_films(1, State.ERROR)
    client = login("change_film")
    for number in ("9" * 30, "9" * 5000):
        assert client.post(url_of(film), {"do": f"retry {number}"}).status_code == 404


def test_post_needs_the_token(django_user_model: type) -> None:
    (film,) = new_films(1, State.PENDING)
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_superuser("boss"))  # type: ignore[attr-defined]
    job = TranscodeJob.objects.get()
    assert client.post(url_of(film), {"do": f"cancel {job.pk}"}).status_code == 403
    assert TranscodeJob.objects.get().state == State.PENDING


def test_job_is_cancelled_and_retried_and_logged(login: Login) -> None:
    (film,) = new_films(1, State.PENDING)
    client, job = login("change_film"), TranscodeJob.objects.get()
    shown = client.post(
        url_of(film), {"do": f"cancel {job.pk}"}, headers={"X-Requested-With": "fetch"}
    )
    assert "The job was cancelled." in shown.content.decode()
    assert TranscodeJob.objects.get().state == State.CANCELED
    again = client.post(url_of(film), {"do": f"retry {job.pk}"}, follow=True)
    assert again.redirect_chain == [(f"/admin/testapp/film/{film.pk}/change/", 302)]
    assert "The job will run again." in again.content.decode()
    assert TranscodeJob.objects.get().state == State.PENDING
    assert LogEntry.objects.count() == 2


def test_job_that_cannot_be_retried_is_said(login: Login) -> None:
    (film,) = new_films(1)
    job = TranscodeJob.objects.get()
    response = login("change_film").post(url_of(film), {"do": f"retry {job.pk}"}, follow=True)
    assert "nothing was done" in response.content.decode()


def test_job_of_another_video_is_not_found(login: Login) -> None:
    film, other = new_films(2, State.PENDING)
    job = TranscodeJob.objects.get(original=other.video.key)
    client = login("change_film")
    for value in (f"cancel {job.pk}", "cancel x", "cancel", "explode", ""):
        assert client.post(url_of(film), {"do": value}).status_code == 404
    assert client.get(url_of(film, "title")).status_code == 404
    assert client.get("/admin/testapp/film/0/media/video/").status_code in (302, 404)
    assert TranscodeJob.objects.filter(state=State.PENDING).count() == 2


def test_video_is_transcoded_again_once(login: Login) -> None:
    (film,) = new_films(1)
    client = login("change_film")
    assert (
        "A job was submitted."
        in client.post(url_of(film), {"do": "transcode"}, follow=True).content.decode()
    )
    assert (
        "under way already"
        in client.post(url_of(film), {"do": "transcode"}, follow=True).content.decode()
    )
    assert TranscodeJob.objects.filter(state=State.PENDING).count() == 1


@pytest.mark.slow
def test_poster_is_chosen_by_its_time(login: Login) -> None:
    (film,) = new_films(1)
    client = login("change_film")
    wrong = client.post(url_of(film), {"do": "poster", "poster": "soon"}, follow=True)
    assert "Write the time of the poster in seconds" in wrong.content.decode()
    for data in ({"do": "poster", "poster": "1.5"}, {"do": "poster 1.5"}):
        said = client.post(url_of(film), data, follow=True)
        assert "A new poster is being made." in said.content.decode()
    job = TranscodeJob.objects.exclude(profile="web").get()
    assert 1.5 in job.payload.values()
    reset = client.post(url_of(film), {"do": "reset-poster"}, follow=True)
    assert "The first poster is shown again." in reset.content.decode()
