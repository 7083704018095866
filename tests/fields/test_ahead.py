"""Resizes that are made ahead for the presets of a field, in the request or by a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import django
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings

from shift_media.core.keys import parse_resize_key
from shift_media.fields import MediaField, ahead
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.models.rendition import Rendition
from tests.fields.material import picture, upload
from tests.testapp.models import Film, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
PRESETS = {"card": {"size": "32x24", "mode": "fill"}, "strip": {"size": "20x", "format": "webp"}}


@pytest.fixture(autouse=True)
def presets() -> Iterator[None]:
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS, "TASKS": "media"}):
        yield


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """Return a function that gives a model's field two presets and an occasion."""

    def change(model: Any, occasion: str) -> None:
        name = "image" if model is Photo else "video"
        field = model._meta.get_field(name)
        monkeypatch.setattr(field, "presets", ("card", "strip"))
        monkeypatch.setattr(field, "prepare", occasion)

    return change


def resizes(keys: list[str]) -> list[str]:
    return [str(parse_resize_key(key).spec) for key in keys if "upscale-" in key]


def test_resizes_are_made_after_the_commit_of_a_save(
    prepare: Callable[[Any, str], None], stored: Stored
) -> None:
    prepare(Photo, "save")
    with transaction.atomic():
        photo = Photo.objects.create(image=upload())
        assert len(stored()) == 1
    assert set(stored()) == {
        photo.image.key, photo.image.resize("card").key, photo.image.resize("strip").key,
    }  # fmt: skip


def test_rolled_back_save_makes_none(prepare: Callable[[Any, str], None], stored: Stored) -> None:
    prepare(Photo, "save")
    with transaction.atomic():
        Photo.objects.create(image=upload())
        transaction.set_rollback(True)
    assert resizes(stored()) == []


def test_field_that_never_prepares_makes_none(
    prepare: Callable[[Any, str], None], stored: Stored
) -> None:
    prepare(Photo, "never")
    Photo.objects.create(image=upload())
    assert resizes(stored()) == []


def test_focal_point_of_the_row_is_that_of_its_resizes(
    prepare: Callable[[Any, str], None], stored: Stored
) -> None:
    prepare(Photo, "save")
    photo = Photo(image=upload())
    photo.image.focal = (10, 20)
    photo.save()
    assert "32x24-fill-80-noupscale-f10.20" in resizes(stored())


@pytest.mark.parametrize("backend", ["immediate.ImmediateBackend", "dummy.DummyBackend"])
def test_task_makes_the_resizes_and_returns_what_became_of_each(
    prepare: Callable[[Any, str], None], stored: Stored, backend: str
) -> None:
    prepare(Photo, "task")
    with override_settings(TASKS={"media": {"BACKEND": f"{TASKS}.backends.{backend}"}}):
        photo = Photo.objects.create(image=upload())
        keys = {photo.image.resize(name).key for name in PRESETS}
        if backend.startswith("dummy"):
            (result,) = import_module(TASKS).task_backends["media"].results
            assert resizes(stored()) == []
            made = result.task.func(*result.args)
            assert made == dict.fromkeys(keys, "made")
            assert result.task.func(*result.args) == dict.fromkeys(keys, "stored")
    assert set(stored()) == {photo.image.key, *keys}


def test_failing_resize_is_logged_and_the_row_stays(
    prepare: Callable[[Any, str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prepare(Photo, "save")
    monkeypatch.setattr(Photo._meta.get_field("image"), "presets", ("card", "unknown", "strip"))
    photo = Photo.objects.create(image=upload())
    assert photo.image.storage.exists(photo.image.resize("strip").key)
    assert "No resize 'unknown'" in caplog.text


class LateReplica:
    """A router that reads films from a database that has none yet."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "replica" if model is Film and not hints else None


@pytest.mark.parametrize("routers", [[], [f"{__name__}.LateReplica"]])
def test_resizes_of_a_video_are_made_of_its_poster_once_it_has_one(
    routers: list[str], prepare: Callable[[Any, str], None], stored: Stored
) -> None:
    prepare(Film, "save")
    key = "3c72aedc/ba25/41e6/a569/406c8f413974/film.mp4/film.mp4"
    film = Film.objects.create()
    Film.objects.filter(pk=film.pk).update(video=key)
    job = TranscodeJob.objects.create(
        original=key, profile="web", state=State.COMPLETE, source="testapp.Film.video"
    )
    poster = f"{key.rpartition('/')[0]}/_poster.jpg"
    Film._meta.get_field("video").storage.put(poster, upload(picture()), content_type="image/jpeg")
    Rendition.objects.create(job=job, original=key, key=poster, kind="poster")
    with override_settings(DATABASE_ROUTERS=routers):
        ahead.prepare_poster(job)
    assert resizes(stored()) == [
        "20x-fit-79-noupscale", "32x24-fill-80-noupscale",
    ]  # fmt: skip


def test_command_without_presets_makes_those_of_the_field(
    prepare: Callable[[Any, str], None], stored: Stored
) -> None:
    photo = Photo.objects.create(image=upload())
    with pytest.raises(CommandError, match="nothing to make"):
        call_command("media_resize", "testapp.Photo.image")
    prepare(Photo, "never")
    call_command("media_resize", "testapp.Photo.image", verbosity=0)
    assert set(stored()) == {
        photo.image.key, *(photo.image.resize(name).key for name in PRESETS),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "settings", "found"),
    [
        ({"presets": ["crad"], "prepare": "save"}, {}, 'did you mean "card"'),
        ({"presets": ["card"], "prepare": "later"}, {}, "must be one of 'never', 'save', 'task'"),
        ({"prepare": "save"}, {}, "there are no 'presets'"),
        ({"presets": ["card"], "prepare": "task"}, {"TASKS": None}, 'TASKS"] is not set'),
    ],
)
def test_wrong_option_is_an_error(
    options: dict[str, Any], settings: dict[str, Any], found: str
) -> None:
    field = MediaField(metadata_field="image_meta", **options)
    field.model, field.name = Photo, "image"
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS, "TASKS": "media", **settings}):
        (message,) = [each for each in field.check() if each.id == "shift_media.E116"]
    assert found in message.msg


def test_options_are_not_part_of_migrations() -> None:
    field = MediaField(presets=["card"], prepare="save")
    assert field.deconstruct()[3] == {}
