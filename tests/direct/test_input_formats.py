"""Direct uploads of images that browsers do not show, of which browsers often know no type."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings

from tests.direct.steps import ask, put, ticket
from tests.imaging import heics, images
from tests.parts import package

package("pi_heif", "heic")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

SCAN = "testapp.Scan.image"
CONTENT = heics.heic(images.quadrants(64, 48))


@pytest.fixture
def scans(client: Client) -> Any:
    """Allow the user to upload scans."""
    user = User.objects.get(username="ada")
    permission = Permission.objects.get(codename="add_scan", content_type__app_label="testapp")
    user.user_permissions.add(permission)
    with override_settings(SHIFT_MEDIA={"UPLOADS": {SCAN: "shift_media.direct.may_add"}}):
        yield


def head(content: bytes) -> str:
    return base64.b64encode(content[:4096]).decode()


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize("guess", ["image/heic", "", "application/octet-stream"])
def test_photo_of_a_phone_is_uploaded(guess: str, client: Client) -> None:
    given = ticket(client, CONTENT, field=SCAN, type=guess, head=head(CONTENT), name="IMG_1.HEIC")
    assert put(client, given, CONTENT).status_code == 204


@pytest.mark.usefixtures("uploads")
def test_photo_of_a_phone_gets_no_ticket_for_a_field_of_usual_images(client: Client) -> None:
    response = ask(client, CONTENT, type="image/heic", head=head(CONTENT))
    assert response.status_code == 400
    assert response.json()["code"] == "unknown_type"
