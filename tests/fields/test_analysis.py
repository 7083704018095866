"""Facts that a task reads after the commit."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import override_settings

from shift_media.fields import MediaField
from shift_media.markup.representation import media_json
from shift_media.workers import isolated
from tests.counting import counted
from tests.fields.material import upload
from tests.fields.test_ahead import TASKS
from tests.imaging import images
from tests.imaging.test_exif_facts import PLACE, photo
from tests.testapp.models import Kept, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

LATER = {"palette", "blurhash", "extra"}


@pytest.fixture(autouse=True)
def by_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let a task analyse; yield the backend, which runs nothing by itself."""
    monkeypatch.setattr(Kept._meta.get_field("image"), "analyse", "task")
    tasks = {"media": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}}
    with override_settings(SHIFT_MEDIA={"TASKS": "media"}, TASKS=tasks):
        yield import_module(TASKS).task_backends["media"]


def media_state(row: Kept) -> str:
    """Return the state of the file as an API shows it."""
    shown = media_json(row.image, [])
    assert shown is not None
    return shown["state"]


def run(backend: Any) -> list[Any]:
    return [result.task.func(*result.args) for result in backend.results]


def test_task_adds_to_the_row_what_was_left_to_it(by_task: Any) -> None:
    with transaction.atomic():
        row = Kept.objects.create(image=upload(photo(place=PLACE)))
        assert by_task.results == []
    assert not LATER & set(Kept.objects.get().image_meta)
    assert Kept.objects.get().image.is_analysing
    assert media_state(row) == "analysing"
    assert (row.image.width, row.image.placeholder, row.image.metadata.color) == (8, "", "")
    assert row.image.metadata.gps == (48.141667, -11.01)
    Kept.objects.get().image.focal = (1, 2)
    changed = Kept.objects.get()
    changed.image.focal = (30, 70)
    changed.save()
    assert run(by_task) == ["kept"]
    assert media_state(Kept.objects.get()) == "stored"
    known = Kept.objects.get().image.metadata
    assert (known.focal, known.gps) == ((30, 70), (48.141667, -11.01))
    assert known.palette == ("#000000",)
    assert known.placeholder.startswith("data:image/")
    assert known.color == "#000000"
    assert known.extra == {"first": 255, "frames": 1}
    assert len(known.blurhash) == 28


def test_upload_is_not_decoded_by_form_full_clean_and_save(
    by_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = counted(monkeypatch, isolated, "make_preview")
    file = ContentFile(images.encoded(images.quadrants(), "jpg"), "a.jpg")
    field = Kept._meta.get_field("image").formfield()
    row = Kept(image=field.clean(file))
    row.full_clean()
    row.save()
    assert decoded == []
    assert run(by_task) == ["kept"]
    assert len(decoded) == 1


def test_damaged_image_is_found_and_logged_by_the_task(
    by_task: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Kept._meta.get_field("image"), "strip", False)
    content = images.encoded(images.photograph(90, 60), "jpg")
    row = Kept.objects.create(image=ContentFile(content[: len(content) // 2], "a.jpg"))
    assert run(by_task) == ["broken"]
    assert media_state(Kept.objects.get()) == "stored"
    assert f"{row.image.key} was stored, but cannot be decoded" in caplog.text


def test_task_of_a_file_that_was_replaced_or_deleted_changes_nothing(by_task: Any) -> None:
    row = Kept.objects.create(image=upload())
    row.delete()
    assert run(by_task) == ["gone"]


def test_field_without_facts_for_a_task_enqueues_none(
    by_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept._meta.get_field("image"), "keep_metadata", ["camera"])
    monkeypatch.setattr(Kept._meta.get_field("image"), "metadata_field", None)
    Kept.objects.create(image=upload())
    Photo.objects.create(image=upload())
    assert by_task.results == []


@pytest.mark.parametrize(
    ("analyse", "tasks", "found"),
    [("later", "media", "must be one of"), ("task", None, "is not set")],
)
def test_wrong_option_is_an_error(analyse: Any, tasks: str | None, found: str) -> None:
    field = MediaField(metadata_field="image_meta", keep_metadata=["palette"], analyse=analyse)
    field.model, field.name = Photo, "image"
    with override_settings(SHIFT_MEDIA={"TASKS": tasks}):
        (message,) = [each for each in field.check() if each.id == "shift_media.E117"]
    assert found in message.msg
