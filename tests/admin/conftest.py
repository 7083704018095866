"""Users with some permissions, and rows whose videos have jobs but no bytes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from tests.fields.conftest import media, stored, use
from tests.testapp.models import Film

__all__ = ["media", "stored", "use"]

Login = Callable[..., Client]


@pytest.fixture
def login(django_user_model: Any) -> Login:
    """Return a function that logs a member of the staff in, who has some permissions."""

    def login(*codenames: str) -> Client:
        user = django_user_model.objects.create_user("ada", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return login


def new_films(number: int, state: State = State.COMPLETE, **values: Any) -> list[Film]:
    """Add rows with videos and jobs, whose posters are said to be stored."""
    keys = [f"{_id()}/clip.mp4/clip.mp4" for _ in range(number)]
    films = Film.objects.bulk_create([Film(video=key, title=key[:8]) for key in keys])
    jobs = TranscodeJob.objects.bulk_create(
        [
            TranscodeJob(
                original=key, source="testapp.Film.video", profile="web", state=state, **values
            )
            for key in keys
        ]
    )
    if state == State.COMPLETE:
        Rendition.objects.bulk_create([_poster(job) for job in jobs])
    return films


def _poster(job: TranscodeJob) -> Rendition:
    key = f"{job.original.rpartition('/')[0]}/_poster.jpg"
    facts = {"kind": "poster", "content_type": "image/jpeg", "width": 320, "height": 240}
    return Rendition(job=job, original=job.original, key=key, state=State.COMPLETE, **facts)


def _id() -> str:
    digits = uuid.uuid4().hex
    return "/".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
