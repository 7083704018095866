"""System checks: a wrong configuration is reported at start-up, with a hint."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, run_checks
from django.core.files.base import ContentFile
from django.test import Client, override_settings

from shift_media.core.keys import new_original_key
from shift_media.core.signing import is_placeholder, is_weak
from shift_media.deletion.checks import check_cleanup
from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.video.profiles import Profile
from tests.parts import ROOT
from tests.testapp.models import Film

STRONG = "Zk3vX9qLw0-TfR7yBnU2sHdJ5mPgC8eA"
SIGNING_KEYS = re.compile(r'"SIGNING_KEYS": (\[.*?\])')

pytestmark = pytest.mark.django_db  # the JSON field asks the database what it can do


def messages(deploy: bool = False) -> dict[str, str]:
    return {
        str(message.id): f"{message.msg} {message.hint}"
        for message in run_checks(include_deployment_checks=deploy)
        if str(message.id).startswith("shift_media.") and not message.is_silenced()
    }


def with_media(**media: Any) -> Any:
    return override_settings(STORAGES={**django_settings.STORAGES, "media": media})


def test_settings_of_the_tests_have_no_messages() -> None:
    assert messages() == {}


def test_wrong_setting_is_e001() -> None:
    with override_settings(SHIFT_MEDIA={"PRESET": {}}):
        assert 'did you mean "PRESETS"' in messages()["shift_media.E001"]


@pytest.mark.parametrize(
    ("settings", "id", "expected"),
    [
        ({"WORKER_PYTHON": "/nowhere/python3"}, "E017", "'/nowhere/python3'"),
        ({"MAX_PIXELS": 200_000_000}, "W015", 'WORKER_MEMORY"] to 1868435456'),
    ],
)
def test_workers_that_cannot_decode_are_reported(
    settings: dict[str, Any], id: str, expected: str
) -> None:
    with override_settings(SHIFT_MEDIA={"WORKERS": 2, **settings}):
        assert expected in messages()[f"shift_media.{id}"]
    with override_settings(SHIFT_MEDIA={"WORKERS": 0, **settings}):
        assert f"shift_media.{id}" not in messages()


@pytest.mark.parametrize(
    ("media", "expected"),
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
def test_wrong_storage_is_e002(media: dict[str, Any], expected: str) -> None:
    with with_media(**media):
        assert expected in messages()["shift_media.E002"]


@pytest.mark.parametrize("base_url", ["/files/", "/", "/admin/"])
def test_base_url_outside_the_include_is_e003(base_url: str, tmp_path: Any) -> None:
    options = {"location": tmp_path, "base_url": base_url}
    with with_media(BACKEND="shift_media.storages.LocalMediaStorage", OPTIONS=options):
        message = messages()["shift_media.E003"]
    assert f'path("{base_url[1:]}", include("shift_media.urls"))' in message


@pytest.mark.acceptance(65)
@pytest.mark.parametrize("script_name", ["/app", "/app/"])
@pytest.mark.parametrize(
    ("base_url", "works"),
    [
        ("/app/media/", True),
        ("https://www.example.com/app/media/", True),
        ("/media/", False),
        ("/application/media/", False),
        ("https://www.example.com/media/", False),
    ],
)
def test_base_url_below_forced_script_name_passes_if_its_pictures_are_found(
    base_url: str, works: bool, script_name: str, tmp_path: Any
) -> None:
    options = {"location": tmp_path, "base_url": base_url}
    media = {"BACKEND": "shift_media.storages.LocalMediaStorage", "OPTIONS": options}
    others = {name: django_settings.STORAGES[name] for name in ("default", "staticfiles")}
    storages = {**others, "media": media}
    with override_settings(FORCE_SCRIPT_NAME=script_name, STORAGES=storages):
        assert ("shift_media.E003" not in messages()) is works
        if not works:
            assert "FORCE_SCRIPT_NAME" in messages()["shift_media.E003"]
        key = str(new_original_key("photo", "jpg"))
        default_media_storage.save(key, ContentFile(b"picture"))
        path = urlsplit(default_media_storage.url(key)).path
        is_below = path.startswith("/app/")  # The server sends nothing else to the app.
        response = Client().get("/", PATH_INFO=path.removeprefix("/app"))
        assert (response.getvalue() == b"picture" and is_below) is works


@pytest.mark.parametrize("base_url", ["https://www.example.com/media/", "http://localhost/media/"])
def test_absolute_base_url_at_the_include_is_accepted(base_url: str, tmp_path: Any) -> None:
    options = {"location": tmp_path, "base_url": base_url}
    with with_media(BACKEND="shift_media.storages.LocalMediaStorage", OPTIONS=options):
        assert messages() == {}


def test_absolute_base_url_elsewhere_is_e003_and_names_public_url(tmp_path: Any) -> None:
    options = {"location": tmp_path, "base_url": "https://cdn.example/files/"}
    with with_media(BACKEND="shift_media.storages.LocalMediaStorage", OPTIONS=options):
        message = messages()["shift_media.E003"]
    assert 'path("files/", include("shift_media.urls"))' in message
    assert "public_url" in message


def test_base_url_of_a_storage_in_memory_is_checked_too() -> None:
    backend = "shift_media.testing.InMemoryMediaStorage"
    with with_media(BACKEND=backend, OPTIONS={"base_url": "/files/"}):
        assert "shift_media.urls is not included" in messages()["shift_media.E003"]
    with with_media(BACKEND=backend, OPTIONS={"base_url": "/media/"}):
        assert messages() == {}


def test_second_local_storage_without_its_own_include_is_e003(tmp_path: Any) -> None:
    private = {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": tmp_path, "base_url": "/media/"},
    }
    with override_settings(STORAGES={**django_settings.STORAGES, "private": private}):
        assert (
            'include("shift_media.urls"), {"storage": "private"}' in messages()["shift_media.E003"]
        )


def test_deployment_without_signing_keys_and_shared_cache_is_w001_and_w002() -> None:
    assert {"shift_media.W001", "shift_media.W002"} <= messages(deploy=True).keys()
    own = {"SIGNING_KEYS": ["a-long-random-string"], "CACHE": None}
    with override_settings(SHIFT_MEDIA=own):
        assert messages(deploy=True).keys().isdisjoint({"shift_media.W001", "shift_media.W002"})


@pytest.mark.parametrize(
    "weak",
    [
        "a long random string, kept secret like SECRET_KEY",  # of the README
        "replace this with a long random string",  # of the quickstart
        "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz",
        STRONG[:31],
        "ab" * 40,
    ],
)
def test_guessable_signing_key_is_w007_that_does_not_show_it(weak: str) -> None:
    for number, keys in enumerate(([weak, STRONG], [STRONG, weak]), 1):
        with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": keys}):
            message = messages(deploy=True)["shift_media.W007"]
            assert "shift_media.W007" not in messages()
        assert message.startswith(f"Key {number} in")
        assert weak not in message


def test_strong_signing_keys_have_no_message() -> None:
    for keys in ([STRONG], [STRONG, STRONG[::-1]], [STRONG.encode()]):
        with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": keys, "CACHE": None}):
            found = messages(deploy=True).keys()
            assert found <= {"shift_media.I002", "shift_media.I003"}  # of fields and storages


def test_each_signing_key_of_the_documentation_is_weak() -> None:
    pages = [ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst")]
    lists = [found for page in pages for found in SIGNING_KEYS.findall(page.read_text())]
    keys = [key for found in lists for key in re.findall('"(.*?)"', found)]
    assert len(keys) >= 4
    assert [key for key in keys if not (is_weak(key) or is_placeholder(key))] == []


@pytest.mark.parametrize(
    ("label", "rule", "expected"),
    [
        ("testapp.Foto.image", "shift_media.direct.may_add", 'mean "testapp.Photo.image"'),
        ("testapp.Photo.imgae", "shift_media.direct.may_add", 'mean "testapp.Photo.image"'),
        ("testapp.Photo.title", "shift_media.direct.may_add", "is not a media field"),
        ("testapp.Photo.image", "shift_media.direct.may_ad", 'mean "may_add"'),
        ("testapp.Photo.image", "shift_media.drect.may_add", "cannot be imported"),
    ],
)
def test_misspelled_field_or_rule_of_uploads_is_e011(label: str, rule: str, expected: str) -> None:
    with override_settings(SHIFT_MEDIA={"UPLOADS": {label: rule}}):
        assert expected in messages()["shift_media.E011"]


def test_label_of_uploads_in_lower_case_is_right() -> None:
    with override_settings(
        SHIFT_MEDIA={"UPLOADS": {"testapp.photo.image": "shift_media.direct.may_add"}}
    ):
        assert messages() == {}


def test_more_pixels_than_the_limit_of_pillow_are_w003() -> None:
    with override_settings(SHIFT_MEDIA={"MAX_PIXELS": 500_000_000}):
        assert "PIL.Image.MAX_IMAGE_PIXELS" in messages()["shift_media.W003"]


def test_engine_that_is_not_installed_is_e010(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    for engine in ("auto", "pillow"):
        with override_settings(SHIFT_MEDIA={"ENGINE": engine}):
            assert "shift_media.E010" not in messages()
    with override_settings(SHIFT_MEDIA={"ENGINE": "vips"}):
        assert "django-shift-media[vips]" in messages()["shift_media.E010"]


def test_profile_of_the_first_transcoded_field_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    transcoder, checked = services.transcoder(), []

    def check_profile(profile: Profile) -> list[CheckMessage]:
        checked.append(profile.name)
        return []

    monkeypatch.setattr(transcoder, "check_profile", check_profile)
    only = [Film._meta.get_field("video")]
    monkeypatch.setattr("shift_media.checks.transcoding.all_media_fields", lambda: iter(only))
    assert messages() == {}
    assert checked == ["web"]


@pytest.mark.parametrize("name", ["CacheMiddleware", "FetchFromCacheMiddleware"])
def test_page_cached_for_longer_than_signed_urls_are_valid_is_w009(name: str) -> None:
    site_cache = [*django_settings.MIDDLEWARE, f"django.middleware.cache.{name}"]
    with override_settings(CACHE_MIDDLEWARE_SECONDS=3600):
        assert "shift_media.W009" not in messages()
        with override_settings(MIDDLEWARE=site_cache):
            message = messages()["shift_media.W009"]
            assert "STORAGES['private'] are valid for 3600 seconds" in message
            assert "never_cache" in message
    with override_settings(MIDDLEWARE=site_cache, CACHE_MIDDLEWARE_SECONDS=600):
        assert "shift_media.W009" not in messages()


def test_django_cleanup_that_handles_media_fields_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The package is not among the tools of the tests; these are the names that the check uses.
    handled = ModuleType("django_cleanup.cache")
    vars(handled)["get_model_name"] = lambda model: model._meta.label
    vars(handled)["model_has_filefields"] = lambda name: name == "testapp.Photo"
    monkeypatch.setitem(sys.modules, "django_cleanup", ModuleType("django_cleanup"))
    monkeypatch.setitem(sys.modules, "django_cleanup.cache", handled)
    installed = AppConfig("django_cleanup", apps.get_app_config("testapp").module)
    assert check_cleanup(None) == []
    monkeypatch.setitem(apps.app_configs, "django_cleanup", installed)
    (warning,) = check_cleanup(None)
    assert warning.id == "shift_media.W010"
    assert "testapp.Photo" in warning.msg
    vars(handled)["model_has_filefields"] = lambda name: False
    assert check_cleanup(None) == []
