"""``focal="auto"``: the focal point of an upload that has none."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from shift_media.fields import MediaField
from shift_media.imaging.engine import vips
from tests.fields.material import upload
from tests.fields.test_ahead import TASKS
from tests.fields.test_focal import FocalForm, saved, sent
from tests.imaging import images
from tests.imaging.test_attention import dotted, is_near
from tests.testapp.models import Kept, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

DOTTED = images.encoded(dotted(20, 30), "jpg", quality=90)
OTHER = images.encoded(dotted(80, 70), "jpg", quality=90)


@pytest.fixture(autouse=True)
def auto(monkeypatch: pytest.MonkeyPatch) -> None:
    for model in (Photo, Kept):
        monkeypatch.setattr(model._meta.get_field("image"), "focal", "auto")


def stored(content: bytes = DOTTED, model: Any = Photo) -> Any:
    row = model.objects.create(image=upload(content))
    return model.objects.get(pk=row.pk)


@pytest.mark.slow
def test_upload_gets_the_point_that_stands_out() -> None:
    photo = stored()
    assert is_near(photo.image.focal, 20, 30)
    x, y = photo.image.focal
    assert f"f{x}.{y}" in photo.image.resize("9x9", mode="fill").key


def test_fields_without_the_option_find_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Photo._meta.get_field("image"), "focal", None)
    assert stored().image.focal is None


def test_point_that_is_set_before_saving_stays() -> None:
    photo = Photo(image=ContentFile(DOTTED, "photo.jpg"))
    photo.image.focal = (90, 10)
    photo.full_clean()
    photo.save()
    assert Photo.objects.get().image.focal == (90, 10)


def test_crops_that_are_set_before_saving_stay_beside_the_point_that_is_found() -> None:
    photo = Photo(image=ContentFile(DOTTED, "photo.jpg"))
    photo.image.crops = {"1:1": (0, 0, 100, 100)}
    photo.save()
    image = Photo.objects.get().image
    assert list(image.crops) == ["1x1"]
    assert is_near(image.focal, 20, 30)


def test_form_without_a_point_stores_the_one_that_is_found() -> None:
    form = FocalForm(sent("", ""), {"image": upload(DOTTED)})
    assert is_near(saved(form).image.focal, 20, 30)


@pytest.mark.slow
def test_form_shows_the_point_that_was_found() -> None:
    photo = stored()
    x, y = photo.image.focal
    html = str(FocalForm(instance=photo)["image"])
    assert f'value="{x}"' in html
    assert f'value="{y}"' in html


@pytest.mark.slow
def test_point_of_a_form_goes_before_the_one_that_is_found() -> None:
    photo = stored()
    moved = saved(FocalForm(sent("90", "10"), instance=photo))
    assert moved.image.focal == (90, 10)
    new = FocalForm(sent("60", "40"), {"image": upload(OTHER)}, instance=moved)
    assert saved(new).image.focal == (60, 40)


def test_point_that_was_removed_is_not_found_again() -> None:
    photo = saved(FocalForm(sent("", ""), instance=stored()))
    assert photo.image.focal is None
    photo.title = "later"
    photo.save()
    assert Photo.objects.get().image.focal is None


def test_other_file_gets_a_point_of_its_own() -> None:
    photo = stored()
    photo.image = upload(OTHER)
    photo.save()
    assert is_near(Photo.objects.get().image.focal, 80, 70)


def test_copy_for_another_row_keeps_the_point_of_the_first() -> None:
    photo = stored()
    photo.image.focal = (90, 10)
    photo.save()
    copy = Photo.objects.create(image=photo.image)
    assert Photo.objects.get(pk=copy.pk).image.focal == (90, 10)


def test_stripped_upload_has_the_point_of_the_upright_picture() -> None:
    turned = images.oriented("jpg", 6, dotted(20, 30))
    assert is_near(stored(turned, Kept).image.focal, 20, 30)


@pytest.fixture
def by_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(Kept._meta.get_field("image"), "analyse", "task")
    tasks = {"media": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}}
    with override_settings(SHIFT_MEDIA={"TASKS": "media"}, TASKS=tasks):
        yield import_module(TASKS).task_backends["media"]


def run(backend: Any) -> list[Any]:
    return [result.task.func(*result.args) for result in backend.results]


def test_task_finds_the_point_after_the_upload(by_task: Any) -> None:
    assert stored(model=Kept).image.focal is None
    assert run(by_task) == ["kept"]
    assert is_near(Kept.objects.get().image.focal, 20, 30)


def test_point_that_was_set_before_the_task_ran_stays(by_task: Any) -> None:
    row = stored(model=Kept)
    row.image.focal = (90, 10)
    row.save()
    assert run(by_task) == ["kept"]
    assert Kept.objects.get().image.focal == (90, 10)


def test_field_with_nothing_else_to_keep_enqueues_the_task(
    by_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept._meta.get_field("image"), "keep_metadata", [])
    stored(model=Kept)
    run(by_task)
    assert is_near(Kept.objects.get().image.focal, 20, 30)


def messages(installed: bool, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Any]:
    monkeypatch.setattr(vips, "is_installed", lambda: installed)
    field: Any = MediaField(**options)
    field.model, field.name = Photo, "image"
    return [each for each in field.check() if each.id == "shift_media.E120"]


@pytest.mark.parametrize(
    ("installed", "options", "found"),
    [
        (
            True,
            {"focal": "faces", "metadata_field": "image_meta"},
            "\"auto\" or None, got 'faces'",
        ),
        (True, {"focal": (30, 70), "metadata_field": "image_meta"}, '"auto" or None'),
        (True, {"focal": "auto"}, "needs 'metadata_field'"),
        (False, {"focal": "auto", "metadata_field": "image_meta"}, "pyvips is not installed"),
    ],
)
def test_wrong_option_is_an_error(
    monkeypatch: pytest.MonkeyPatch, installed: bool, options: dict[str, Any], found: str
) -> None:
    (message,) = messages(installed, monkeypatch, **options)
    assert found in message.msg
    assert message.hint


def test_right_option_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not messages(True, monkeypatch, focal="auto", metadata_field="image_meta")
    assert not messages(False, monkeypatch, metadata_field="image_meta")


def test_upload_without_libvips_is_stored_without_a_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vips, "is_installed", lambda: False)
    with override_settings(SHIFT_MEDIA={"WORKERS": 0}):
        assert stored().image.focal is None


def test_option_is_not_in_migrations() -> None:
    assert "focal" not in MediaField(focal="auto").deconstruct()[3]
