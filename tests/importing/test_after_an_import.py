"""A field that was an ImageField, once its files are imported: all pages are whole."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.template import engines
from django.test import Client, override_settings
from django.urls import include, path

from shift_media.doctor import legacy_names
from tests.fields.material import picture
from tests.parts import package
from tests.testapp.models import Moving
from tests.urls import urlpatterns

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(68)]

OldRow = Callable[..., Any]
PAGE = """{% load shift_media %}{% resize_url file "40x30" mode="fill" %}
{% resize_img file "40x30" alt="A lake" %}
{% resize_picture file widths="20 40" formats="webp" sizes="100vw" %}"""


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture(params=["in place", "column to column"])
def imported(request: pytest.FixtureRequest, old_row: OldRow) -> tuple[Any, str, str]:
    """Return a row whose file was imported, its media field, and the old URL."""
    content = picture(size=(400, 300))
    if request.param == "in place":
        row, name = old_row("photos/lake.JPG", content), "image"
        url = row.image.url
        run("media_import", "testapp.Photo.image")
    else:
        row, name = old_row("photos/lake.JPG", content, model=Moving), "photo"
        url = row.photo.url
        run("media_import", "testapp.Moving.photo", "--from", "image")
    return type(row).objects.get(pk=row.pk), name, url


def test_file_has_a_key_resizes_and_its_metadata(imported: tuple[Any, str, str]) -> None:
    row, name, old_url = imported
    file = getattr(row, name)
    assert not file.is_legacy
    assert file.url != old_url
    assert (file.width, file.height) == (400, 300)
    assert file.metadata.original_name == "lake.JPG"
    assert file.resize("40x30").size == (40, 30)
    shown = engines["django"].from_string(PAGE).render({"file": file})
    assert old_url not in shown
    assert shown.count("noupscale") > 3
    assert Client().get(str(file.resize("40x30"))).status_code == 200


def test_admin_and_serializer_show_the_new_file(imported: tuple[Any, str, str]) -> None:
    package("rest_framework", "drf")
    from shift_media.contrib.rest_framework import MediaModelSerializer

    row, name, _ = imported

    class Rows(MediaModelSerializer):
        class Meta:
            model = type(row)
            fields = (name,)

    assert Rows(row).data[name]["url"] == getattr(row, name).url
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    admin = f"/admin/testapp/{row._meta.model_name}/"
    assert client.get(admin).status_code == 200
    change = client.get(f"{admin}{row.pk}/change/").content.decode()
    assert getattr(row, name).url in change
    assert "lake.JPG" in change


@pytest.mark.slow
def test_checks_doctor_and_commands_have_nothing_left_to_say(
    imported: tuple[Any, str, str],
) -> None:
    row, name, _ = imported
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert [message for message in found if message.id == "shift_media.W103"] == []
    (finding,) = legacy_names.check_legacy_names()
    assert finding.severity == "ok"
    assert "Not looked at" not in run("media_cleanup", "--dry-run")
    verified = " ".join(run("media_doctor", "--verify").split())
    assert "1 of 1 original is what was uploaded" in verified
    label = f"{row._meta.label}.{name}"
    assert "1 row: 1 resize made" in run("media_resize", label, "--sizes", "40x")


def test_old_address_leads_to_the_new_file(imported: tuple[Any, str, str]) -> None:
    row, name, old_url = imported
    urls = ModuleType("urls_after_an_import")
    prefix = old_url.removesuffix("photos/lake.JPG").lstrip("/")
    old = path(prefix, include("shift_media.legacy_urls"))
    urls.urlpatterns = [*urlpatterns, old]  # type: ignore[attr-defined]
    with override_settings(ROOT_URLCONF=urls):
        response = Client().get(old_url)
    assert (response.status_code, response["Location"]) == (302, getattr(row, name).url)
    assert response["Cache-Control"] == "public, max-age=300"
