"""The field as a part of a model: migrations, options and system checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import WARNING, CheckMessage
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.management import call_command
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.test.utils import isolate_apps

from shift_media.core.keys import KEY_LENGTH
from shift_media.fields import MediaField
from shift_media.fields.file import MediaFile
from shift_media.forms import MediaFormField
from shift_media.storages import (
    LocalMediaStorage,
    default_media_storage,
    get_default_media_storage,
)
from shift_media.widgets import MediaInput
from tests.testapp.models import Photo, Secret, private_storage

ROOT = Path(__file__).resolve().parents[2]


def other_storage() -> Storage:
    return storages["private"]


def arguments(field: MediaField) -> dict[str, Any]:
    return dict(field.deconstruct()[3])


def test_default_options_are_left_out_of_migrations() -> None:
    assert arguments(MediaField()) == {}
    assert arguments(MediaField(accept=("image/*",), max_length=KEY_LENGTH, db_index=True)) == {}
    assert arguments(MediaField(storage=default_media_storage)) == {}


def test_options_survive_a_migration() -> None:
    options: dict[str, Any] = {
        "accept": ["video/mp4"],
        "max_bytes": 5,
        "metadata_field": "m",
        "width_field": "w",
        "height_field": "h",
        "duration_field": "d",
        "strip": True,
        "max_length": 100,
        "db_index": False,
        "storage": other_storage,
        "blank": True,
    }
    field = MediaField("a name", **options)
    _, path, args, kwargs = field.deconstruct()
    assert kwargs == {**options, "verbose_name": "a name"}
    assert path == "shift_media.fields.MediaField"
    again = MediaField(*args, **kwargs)
    assert again.deconstruct()[1:] == (path, args, kwargs)
    assert again.clone().deconstruct() == again.deconstruct()
    assert again.storage is storages["private"]


def test_storage_is_written_to_migrations_as_by_file_field(tmp_path: Path) -> None:
    storage = LocalMediaStorage(location=tmp_path, base_url="/m/")
    assert arguments(MediaField(storage=storage))["storage"] is storage
    assert arguments(MediaField(storage=get_default_media_storage))["storage"] is (
        get_default_media_storage
    )


def test_default_storage_is_not_set_up_when_a_model_is_defined() -> None:
    with override_settings(STORAGES={"media": {"BACKEND": "no.such.Storage"}}):
        field = MediaField()
        assert arguments(field) == {}
        assert "no.such" not in MigrationWriter.serialize(field)[0]


@isolate_apps("tests.testapp")
@pytest.mark.parametrize("given", ["photos/%Y/", lambda row, name: name])
def test_upload_to_is_ignored_with_a_warning(given: Any) -> None:
    class Changed(models.Model):  # noqa: DJ008
        image = MediaField(upload_to=given, metadata_field="meta")
        meta = models.JSONField(default=dict)

        class Meta:
            app_label = "testapp"

    field: Any = Changed._meta.get_field("image")
    (warning,) = field.check()
    assert (warning.id, warning.level) == ("shift_media.W105", WARNING)
    assert "'upload_to' is not used" in warning.msg
    assert arguments(field) == {"metadata_field": "meta"}


def test_column_is_that_of_a_file_field_with_an_index() -> None:
    field = Photo._meta.get_field("image")
    assert field.get_internal_type() == "FileField"
    assert (field.max_length, field.db_index) == (200, True)  # type: ignore[attr-defined]
    assert isinstance(Photo().image, MediaFile)


def test_form_field_has_the_limits_of_the_model_field() -> None:
    field = Photo._meta.get_field("image").formfield()
    assert isinstance(field, MediaFormField)
    assert (field.accept, field.max_bytes, field.max_length) == (["image/*"], 25_000_000, None)
    assert isinstance(field.widget, MediaInput)


def changes(*states: ModelState) -> dict[str, Any]:
    """Return the changes that makemigrations would write after these models."""
    before, after = ProjectState(), ProjectState.from_apps(Photo._meta.apps)
    for state in states:
        before.add_model(state)
    for state in after.models.values():
        if state.app_label != "testapp":
            before.add_model(state)
    return MigrationAutodetector(before, after)._detect_changes()  # type: ignore[no-any-return]


@pytest.mark.slow
def test_second_makemigrations_finds_nothing_and_writes_no_secret() -> None:
    with override_settings(
        STORAGES={
            **settings.STORAGES,
            "media": {
                "BACKEND": "shift_media.storages.LocalMediaStorage",
                "OPTIONS": {"location": "/srv/secret-folder", "base_url": "/m/"},
            },
        }
    ):
        assert default_media_storage.exists("x") is False  # set up, with its options
        (migration,) = changes()["testapp"]
        text = MigrationWriter(migration).as_string()
    assert "shift_media.fields.MediaField(" in text
    assert "secret-folder" not in text
    assert "storage=tests.testapp.models.private_storage" in text
    assert not re.search(r"MediaField\([^)]*upload_to", text)
    written: dict[str, Any] = {}
    exec(compile(text, "migration", "exec"), written)
    state = ProjectState()
    for operation in written["Migration"].operations:
        operation.state_forwards("testapp", state)
    assert changes(*state.models.values()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["local", "s3"])
def test_makemigrations_in_a_project_finds_nothing_and_writes_no_secret(
    storage: str, tmp_path: Path
) -> None:
    options = {
        "local": {"location": str(tmp_path / "hidden-folder"), "base_url": "/media/"},
        "s3": {
            "bucket_name": "b",
            "secret_key": "hidden-secret",
            "access_key": "hidden-id",
            "public_url": "https://b.example/",
        },
    }[storage]
    backend = {"local": "LocalMediaStorage", "s3": "S3MediaStorage"}[storage]
    (tmp_path / "site_settings.py").write_text(
        "SECRET_KEY = 'hidden-secret-key'\n"
        "INSTALLED_APPS = ['shift_media', 'shop']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db'}}\n"
        "DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'\n"
        f"STORAGES = {{'media': {{'BACKEND': 'shift_media.storages.{backend}', "
        f"'OPTIONS': {options!r}}}}}\n"
    )
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "models.py").write_text(
        "from django.db import models\n"
        "from shift_media.fields import MediaField\n"
        "from shift_media.storages import default_media_storage\n"
        "default_media_storage.public_url\n"
        "class Item(models.Model):\n"
        "    image = MediaField(metadata_field='image_meta')\n"
        "    image_meta = models.JSONField(default=dict, editable=False)\n"
    )

    def manage(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "django", *command],
            cwd=tmp_path,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "site_settings",
                "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
            },
            capture_output=True,
            text=True,
        )

    first = manage("makemigrations", "shop", "--skip-checks")
    assert first.returncode == 0, first.stderr
    migration = (shop / "migrations" / "0001_initial.py").read_text()
    assert "shift_media.fields.MediaField" in migration
    assert "hidden" not in migration
    second = manage("makemigrations", "--check", "--dry-run", "--skip-checks")
    assert second.returncode == 0, second.stdout + second.stderr


@pytest.mark.django_db
def test_migrations_of_the_app_are_complete() -> None:
    call_command("makemigrations", "shift_media", check=True, dry_run=True, verbosity=0)


# System checks.


def found(field: Callable[[], MediaField], **fields: models.Field[Any, Any]) -> list[CheckMessage]:
    """Return the ids of the messages for a model with this field."""
    body = {"__module__": __name__, "image": field(), **fields}
    body["Meta"] = type("Meta", (), {"app_label": "testapp"})
    with isolate_apps("tests.testapp"):
        model = type("Made", (models.Model,), body)
        return model._meta.get_field("image").check()


def ids(field: Callable[[], MediaField], **fields: models.Field[Any, Any]) -> set[str]:
    return {str(message.id).removeprefix("shift_media.") for message in found(field, **fields)}


def json() -> models.JSONField[Any, Any]:
    return models.JSONField(default=dict)


def test_valid_field_has_no_messages() -> None:
    assert not ids(
        lambda: MediaField(metadata_field="meta", width_field="w", height_field="h"),
        meta=json(),
        w=models.IntegerField(null=True),
        h=models.IntegerField(null=True),
    )
    assert not Photo.check()
    assert not Secret.check()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"W101"}),
        ({"max_length": 199}, {"E101", "W101"}),
        ({"max_length": None}, {"E101", "W101"}),
        ({"max_length": 500}, {"W101"}),
        ({"accept": "image/*"}, {"E102", "W101"}),
        ({"accept": []}, {"E102", "W101"}),
        ({"accept": [1]}, {"E102", "W101"}),
        ({"accept": ["image/jpg"]}, {"E103", "W101"}),
        ({"accept": ["image/*", ".png"]}, {"E103", "W101"}),
        ({"accept": ["*/*"]}, {"W101"}),
        ({"accept": ["application/pdf"]}, {"W101"}),
        ({"max_bytes": 0}, {"E104", "W101"}),
        ({"max_bytes": "25MB"}, {"E104", "W101"}),
        ({"max_bytes": True}, {"E104", "W101"}),
        ({"metadata_field": "gone"}, {"E105"}),
        ({"metadata_field": "text"}, {"E105"}),
        ({"width_field": "gone"}, {"E106", "W101"}),
        ({"height_field": "gone", "duration_field": "too"}, {"E106", "W101"}),
        ({"strip": True}, {"W101"}),
        ({"strip": "yes"}, {"E110", "W101"}),
        ({"strip": True, "accept": ["image/*", "video/mp4"]}, {"E110", "W101"}),
        ({"primary_key": True}, {"fields.E201", "W101"}),
    ],
)
def test_wrong_option_is_reported_by_its_check(
    options: dict[str, Any], expected: set[str]
) -> None:
    assert ids(lambda: MediaField(**options), text=models.TextField()) == expected


def test_two_media_fields_with_one_metadata_field_are_reported() -> None:
    other = MediaField(metadata_field="meta")
    assert ids(lambda: MediaField(metadata_field="meta"), other=other, meta=json()) == {"E107"}


def test_storage_that_is_no_media_storage_is_reported(tmp_path: Path) -> None:
    plain = FileSystemStorage(location=tmp_path)
    assert "E108" in ids(lambda: MediaField(storage=plain))
    assert "E108" not in ids(lambda: MediaField(storage=LocalMediaStorage(location=tmp_path)))


def test_storage_object_of_the_settings_is_reported_and_a_function_is_not() -> None:
    assert "W102" in ids(lambda: MediaField(storage=storages["private"]))
    assert "W102" not in ids(lambda: MediaField(storage=private_storage))


def test_every_message_has_a_hint() -> None:
    for options in ({"max_length": 5}, {"accept": "x"}, {"metadata_field": "gone"}):
        for message in found(lambda options=options: MediaField(**options)):  # type: ignore[misc]
            assert message.hint
            assert message.obj.name == "image"
