"""Tests of a site leave nothing behind, whatever its settings and fields store media in."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.storage import storages
from django.test import Client, SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.urls import set_script_prefix

from shift_media.storages import (
    LocalMediaStorage,
    S3MediaStorage,
    default_media_storage,
    find_alias,
    unwrap,
)
from shift_media.testing import (
    InMemoryMediaStorage,
    MediaTestCase,
    MediaTestMixin,
    assert_resized,
    in_memory_media,
    make_image,
)
from tests.parts import ROOT
from tests.testapp import models
from tests.testapp.models import Photo

BUCKET = {
    "BACKEND": "shift_media.storages.S3MediaStorage",
    "OPTIONS": {
        "bucket_name": "never-written-to",
        "public_url": "https://never-written-to.example/",
        "endpoint_url": "http://127.0.0.1:9",
        "mezzanine": True,
    },
}


def stored_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.django_db
def test_upload_and_resize_are_in_memory_alone(
    media_root: Path, media_storage: InMemoryMediaStorage
) -> None:
    photo = Photo.objects.create(image=make_image())
    assert_resized(photo.image.resize("20x"))
    assert {entry.key for entry in media_storage.entries()} == {
        photo.image.key,
        photo.image.resize("20x").key,
    }
    assert stored_files(media_root) == []


@pytest.mark.django_db
def test_site_with_a_bucket_is_tested_without_it() -> None:
    with override_settings(STORAGES={**settings.STORAGES, "media": BUCKET}):
        with in_memory_media() as storage:
            photo = Photo.objects.create(image=make_image())
            assert photo.image.url == f"/media/{photo.image.key}"
            assert Client().get(photo.image.url).status_code == 200
            assert_resized(photo.image.resize("20x"))
            assert storage.mezzanine is True
        assert isinstance(unwrap(default_media_storage), S3MediaStorage)


@pytest.mark.parametrize("prefix", ["/", "/below/"])
def test_base_url_is_where_the_urls_are_included(prefix: str) -> None:
    set_script_prefix(prefix)
    bucket = override_settings(STORAGES={**settings.STORAGES, "media": BUCKET})
    try:
        with bucket, in_memory_media() as storage:
            assert storage.base_url == f"{prefix}media/"
    finally:
        set_script_prefix("/")


def test_storage_named_default_is_replaced_if_there_is_no_media() -> None:
    configured = {name: value for name, value in settings.STORAGES.items() if name != "media"}
    with override_settings(STORAGES={**configured, "default": BUCKET}), in_memory_media() as one:
        assert storages["default"] is one
        assert "media" not in settings.STORAGES


def test_site_without_media_storage_gets_one() -> None:
    plain = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    with override_settings(STORAGES={"default": plain}), in_memory_media() as storage:
        assert unwrap(default_media_storage) is storage
        assert not isinstance(storages["default"], InMemoryMediaStorage)


def own_storage_fields() -> list[Any]:
    from shift_media.registry import all_media_fields

    return [each for each in all_media_fields() if each.storage is not default_media_storage]


def test_fields_with_a_storage_of_their_own_are_in_memory() -> None:
    fields = own_storage_fields()
    before = [field.storage for field in fields]
    assert before
    with in_memory_media():
        inside = [field.storage for field in fields]
        assert all(isinstance(storage, InMemoryMediaStorage) for storage in inside)
        assert [one.originals for one in inside] == [one.originals for one in before]
    assert [field.storage for field in fields] == before


def test_field_keeps_the_alias_of_its_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    (field, *_) = own_storage_fields()
    monkeypatch.setattr(field, "storage", storages["private"])
    with in_memory_media():
        assert find_alias(field.storage) == "private"
        assert field.storage.base_url == "/private/"


def test_settings_and_fields_are_restored_after_an_error() -> None:
    before = settings.STORAGES, [field.storage for field in own_storage_fields()]
    with pytest.raises(ZeroDivisionError), in_memory_media():
        1 / 0  # noqa: B018
    assert (settings.STORAGES, [field.storage for field in own_storage_fields()]) == before
    assert isinstance(unwrap(default_media_storage), LocalMediaStorage)


@pytest.mark.django_db
def test_settings_in_memory_pass_the_system_checks(media_storage: InMemoryMediaStorage) -> None:
    assert [message for message in run_checks() if message.level >= ERROR] == []


def test_overridden_settings_inside_win() -> None:
    with in_memory_media(), override_settings(STORAGES={**settings.STORAGES, "media": BUCKET}):
        assert isinstance(unwrap(default_media_storage), S3MediaStorage)


@in_memory_media()
def test_context_works_as_a_decorator() -> None:
    assert isinstance(unwrap(default_media_storage), InMemoryMediaStorage)


def run_cases(*cases: type[unittest.TestCase]) -> unittest.TestResult:
    loader, suite = unittest.defaultTestLoader, unittest.TestSuite()
    for case in cases:
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite.run(unittest.TestResult())


SEEN: list[tuple[str, int]] = []


class Cases(MediaTestCase):
    """Two tests that each store a file, beside one that the class has stored."""

    __test__ = False
    photo: ClassVar[Photo]

    @classmethod
    def setUpTestData(cls) -> None:
        cls.photo = Photo.objects.create(image=make_image())

    def count(self) -> None:
        SEEN.append((self._testMethodName, len(list(self.media_storage.entries()))))

    def test_first(self) -> None:
        self.count()
        Photo.objects.create(image=make_image())

    def test_second(self) -> None:
        self.count()
        with self.captureOnCommitCallbacks(execute=True):
            self.photo.delete()
        assert not self.media_storage.exists(self.photo.image.name)

    def test_third(self) -> None:
        self.count()
        assert_resized(self.photo.image.resize("20x"))


@pytest.mark.django_db(transaction=True)
def test_each_test_of_a_class_begins_with_the_files_of_its_class() -> None:
    SEEN.clear()
    result = run_cases(Cases)
    assert result.errors + result.failures == []
    assert SEEN == [("test_first", 1), ("test_second", 1), ("test_third", 1)]
    assert isinstance(unwrap(default_media_storage), LocalMediaStorage)


class Failing(MediaTestCase):
    __test__ = False

    @classmethod
    def setUpTestData(cls) -> None:
        raise RuntimeError("no data")

    def test_never(self) -> None:
        raise AssertionError


@pytest.mark.django_db(transaction=True)
def test_failing_set_up_of_a_class_restores_the_storages() -> None:
    assert len(run_cases(Failing).errors) == 1
    assert isinstance(unwrap(default_media_storage), LocalMediaStorage)


class WithoutSuper(MediaTestMixin, TransactionTestCase):
    """Test cases often forget to call the methods of their base."""

    __test__ = False

    def setUp(self) -> None:
        Photo.objects.create(image=make_image())

    def tearDown(self) -> None:
        SEEN.append(("files", len(list(self.media_storage.entries()))))

    def test_first(self) -> None:
        pass

    def test_second(self) -> None:
        pass


class WithoutDatabase(MediaTestMixin, SimpleTestCase):
    __test__ = False

    def test_url(self) -> None:
        key = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
        assert models.Photo(image=key).image.url.startswith("/media/")


@pytest.mark.django_db(transaction=True)
def test_mixin_works_with_each_test_case_of_django() -> None:
    SEEN.clear()
    result = run_cases(WithoutSuper, WithoutDatabase)
    assert result.errors + result.failures == []
    assert SEEN == [("files", 1), ("files", 1)]


class InAtomic(MediaTestMixin, TestCase):
    """The usual mixin before Django's own test case, as pytest runs it."""

    def test_files_are_in_memory(self) -> None:
        photo = Photo.objects.create(image=make_image())
        assert self.media_storage.exists(photo.image.key)


@pytest.mark.slow
def test_package_imports_without_pytest_and_without_settings() -> None:
    code = (
        "import sys\n"
        "for name in ('pytest', 'factory', 'model_bakery', 'boto3'): sys.modules[name] = None\n"
        "import shift_media.testing\n"
        "shift_media.testing.make_image(), shift_media.testing.make_video()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
