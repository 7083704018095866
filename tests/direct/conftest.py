"""A media storage on disk, and somebody who may upload into it."""

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
    """Let whoever may add photos upload them directly."""
    with override_settings(SHIFT_MEDIA={"UPLOADS": {FIELD: "shift_media.direct.may_add"}}):
        yield


def somebody(name: str) -> Client:
    """Log somebody in who may add photos."""
    user = User.objects.create_user(name)
    user.user_permissions.add(
        Permission.objects.get(codename="add_photo", content_type__app_label="testapp")
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(db: None) -> Client:
    """Give the browser of somebody who may upload."""
    return somebody("ada")


@pytest.fixture
def other(db: None) -> Client:
    """Give the browser of somebody else who may, too."""
    return somebody("bob")
