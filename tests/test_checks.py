"""System checks: a wrong set-up fails at start-up with what to write."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.test import override_settings

pytestmark = pytest.mark.django_db  # the JSON field asks the database what it can do


def found(deploy: bool = False) -> dict[str, str]:
    return {
        str(message.id): f"{message.msg} {message.hint}"
        for message in run_checks(include_deployment_checks=deploy)
        if str(message.id).startswith("shift_media.") and not message.is_silenced()
    }


def with_media(**media: Any) -> Any:
    return override_settings(STORAGES={**django_settings.STORAGES, "media": media})


def test_the_test_project_is_right() -> None:
    assert found() == {}


def test_a_wrong_setting_is_e001() -> None:
    with override_settings(SHIFT_MEDIA={"PRESET": {}}):
        assert 'did you mean "PRESETS"' in found()["shift_media.E001"]


@pytest.mark.parametrize(
    ("media", "told"),
    [
        ({"BACKEND": "django.core.files.storage.FileSystemStorage"}, "must be a media storage"),
        ({"BACKEND": "shift_media.storages.Missing"}, "Missing"),
        (
            {"BACKEND": "shift_media.storages.LocalMediaStorage", "OPTIONS": {"delivery": "post"}},
            "write 'redirect' or 'content'",
        ),
        (
            {
                "BACKEND": "shift_media.storages.LocalMediaStorage",
                "OPTIONS": {"base_url": "/media/", "public_url": "//evil"},
            },
            "public URL",
        ),
    ],
)
def test_a_wrong_storage_is_e002(media: dict[str, Any], told: str) -> None:
    with with_media(**media):
        assert told in found()["shift_media.E002"]


@pytest.mark.parametrize("base_url", ["/files/", "/", "/admin/"])
def test_a_base_url_that_leads_elsewhere_is_e003(base_url: str, tmp_path: Any) -> None:
    options = {"location": tmp_path, "base_url": base_url}
    with with_media(BACKEND="shift_media.storages.LocalMediaStorage", OPTIONS=options):
        message = found()["shift_media.E003"]
    assert f'path("{base_url[1:]}", include("shift_media.urls"))' in message


def test_a_second_storage_needs_an_include_of_its_own(tmp_path: Any) -> None:
    private = {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": tmp_path, "base_url": "/media/"},
    }
    with override_settings(STORAGES={**django_settings.STORAGES, "private": private}):
        assert 'include("shift_media.urls"), {"storage": "private"}' in found()["shift_media.E003"]


def test_deployment_checks_recommend_signing_keys_and_a_shared_cache() -> None:
    assert {"shift_media.W001", "shift_media.W002"} <= found(deploy=True).keys()
    own = {"SIGNING_KEYS": ["a-long-random-string"], "CACHE": None}
    with override_settings(SHIFT_MEDIA=own):
        assert found(deploy=True).keys().isdisjoint({"shift_media.W001", "shift_media.W002"})


def test_more_pixels_than_pillow_admits_are_w003() -> None:
    with override_settings(SHIFT_MEDIA={"MAX_PIXELS": 500_000_000}):
        assert "PIL.Image.MAX_IMAGE_PIXELS" in found()["shift_media.W003"]


def test_an_engine_that_is_not_installed_is_e010(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    for engine in ("auto", "pillow"):
        with override_settings(SHIFT_MEDIA={"ENGINE": engine}):
            assert "shift_media.E010" not in found()
    with override_settings(SHIFT_MEDIA={"ENGINE": "vips"}):
        assert "django-shift-media[vips]" in found()["shift_media.E010"]
