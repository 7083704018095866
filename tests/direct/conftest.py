"""Fixtures: a media storage on disk, and users who may upload into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings

from tests.direct.steps import FIELD
from tests.fields.conftest import media, stored, use

__all__ = ["media", "stored", "use"]


@pytest.fixture
def uploads() -> Iterator[None]:
    """Allow direct uploads to users who may add photos."""
    with override_settings(SHIFT_MEDIA={"UPLOADS": {FIELD: "shift_media.direct.may_add"}}):
        yield


def client_of(name: str) -> Client:
    """Return a client of a logged-in user who may add photos."""
    user = User.objects.create_user(name)
    user.user_permissions.add(
        Permission.objects.get(codename="add_photo", content_type__app_label="testapp")
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(db: None) -> Client:
    """Return a client of a user who may upload."""
    return client_of("ada")


@pytest.fixture
def other(db: None) -> Client:
    """Return a client of another user who may upload."""
    return client_of("bob")
