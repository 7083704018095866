"""Rows that were loaded in part, read again, copied or pickled, and then saved."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.db import models

from shift_media.core.errors import NotStored
from shift_media.deletion.models import PendingDeletion
from shift_media.fields import loaded
from shift_media.signals import media_saved
from tests.fields.material import picture, upload
from tests.testapp.models import Gallery, Measured, MetaFirst, Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media"),
    pytest.mark.acceptance(63),
]

Stored = Callable[[], list[str]]
Load = Callable[[type[Any]], Any]
FOCAL = (10, 20)


def row(model: type[models.Model]) -> dict[str, Any]:
    return dict(model._default_manager.values().get())


def refreshed(*fields: str) -> Load:
    def load(model: type[Any]) -> Any:
        instance = model.objects.get()
        instance.refresh_from_db(fields=list(fields) or None)
        return instance

    return load


def used(model: type[Any]) -> Any:
    """Return a row whose file was used, so that it is a file object and no text any more."""
    instance = model.objects.get()
    assert instance.image.width
    return instance


def without_metadata(model: type[Any]) -> tuple[str, ...]:
    return model._meta.get_field("image").metadata_columns  # type: ignore[no-any-return]


LOADS: dict[str, Load] = {
    "get": lambda model: model.objects.get(),
    "only pk": lambda model: model.objects.only("pk").get(),
    "only image": lambda model: model.objects.only("image").get(),
    "only metadata": lambda model: model.objects.only(*without_metadata(model)).get(),
    "defer image": lambda model: model.objects.defer("image").get(),
    "defer metadata": lambda model: model.objects.defer(*without_metadata(model)).get(),
    "raw": lambda model: model.objects.raw(f"SELECT id, image FROM {model._meta.db_table}")[0],
    "refresh": refreshed(),
    "refresh image": refreshed("image"),
    "refresh metadata": lambda model: refreshed(*without_metadata(model))(model),
    "refresh both": lambda model: refreshed("image", *without_metadata(model))(model),
    "pickle": lambda model: pickle.loads(pickle.dumps(model.objects.get())),
    "pickle of used": lambda model: pickle.loads(pickle.dumps(used(model))),
    "pickle of deferred": lambda model: pickle.loads(pickle.dumps(LOADS["defer image"](model))),
    "copy": lambda model: copy.copy(model.objects.get()),
    "copy of used": lambda model: copy.copy(used(model)),
    "deepcopy": lambda model: copy.deepcopy(model.objects.get()),
    "deepcopy of used": lambda model: copy.deepcopy(used(model)),
}

SAVES: dict[str, Callable[[Any], None]] = {
    "save": lambda instance: instance.save(),
    "update image": lambda instance: instance.save(update_fields=["image"]),
    "update metadata": lambda instance: instance.save(
        update_fields=[n for n in without_metadata(type(instance)) if n in instance.__dict__]
    ),
    "update nothing": lambda instance: instance.save(update_fields=[]),
    "force update": lambda instance: instance.save(force_update=True),
    "used and saved": lambda instance: (instance.image.metadata, instance.save())[-1],
}


@pytest.fixture
def announced() -> Any:
    """Return a list of the keys that ``media_saved`` was sent for."""
    keys: list[str] = []

    def remember(sender: Any, key: str, **kwargs: Any) -> None:
        keys.append(key)

    media_saved.connect(remember)
    yield keys
    media_saved.disconnect(remember)


def create(model: type[Any]) -> None:
    set_focal(model.objects.create(image=upload()))


def set_focal(instance: Any) -> None:
    if instance.image.field.metadata_field:
        instance.image.focal = FOCAL
        instance.save()


@pytest.mark.parametrize("model", [Photo, MetaFirst, Measured])
@pytest.mark.parametrize("load", LOADS)
def test_row_is_the_same_after_it_was_loaded_and_saved(
    model: type[Any], load: str, stored: Stored, announced: list[str]
) -> None:
    create(model)
    before, files = row(model), stored()
    announced.clear()
    for name, save in SAVES.items():
        save(LOADS[load](model))
        assert row(model) == before, name
    assert announced == []
    assert stored() == files
    assert not PendingDeletion.objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("model", [Photo, MetaFirst, Measured])
@pytest.mark.parametrize("load", LOADS)
def test_row_has_the_facts_of_the_newer_file_after_a_stale_save(
    model: type[Any], load: str, stored: Stored
) -> None:
    create(model)
    for number, (name, save) in enumerate(SAVES.items()):
        stale, replaced = LOADS[load](model), model.objects.get()
        replaced.image = upload(picture(size=(32 + number, 16)))
        replaced.save()
        before = row(model)
        # The old file is gone, so that its header cannot be read.
        with contextlib.suppress(NotStored):
            save(stale)
        assert row(model) == before, name
        assert stored() == [replaced.image.name]
        set_focal(replaced)  # so that the next stale row has facts of its own


@pytest.mark.parametrize("model", [Photo, MetaFirst, Measured])
@pytest.mark.parametrize("load", LOADS)
def test_assigned_file_replaces_the_old_one_however_the_row_was_loaded(
    model: type[Any], load: str, stored: Stored, announced: list[str]
) -> None:
    create(model)
    announced.clear()
    instance = LOADS[load](model)
    instance.image = upload(picture(size=(32, 16)))
    instance.save()
    again = model.objects.get()
    assert (again.image.width, again.image.height) == (32, 16)
    if again.image.field.metadata_field:
        assert again.image.metadata.focal is None
        assert again.image.metadata == instance.image.metadata
    assert stored() == announced == [again.image.name]


def test_instance_made_of_values_writes_the_same_row(stored: Stored, announced: list[str]) -> None:
    create(Photo)
    before = row(Photo)
    announced.clear()
    Photo(**before).save()
    assert row(Photo) == before
    assert stored() == [before["image"]]
    assert not PendingDeletion.objects.exists()
    assert announced == []


def test_row_of_a_relation_is_the_same_after_a_save() -> None:
    create(Photo)
    Gallery.objects.create(cover=Photo.objects.get())
    before = row(Photo)
    for gallery in (
        Gallery.objects.select_related("cover").get(),
        Gallery.objects.select_related("cover").only("cover__title").get(),
        Gallery.objects.prefetch_related("cover").get(),
    ):
        assert gallery.cover is not None
        gallery.cover.save()
        assert row(Photo) == before


def test_pickle_of_another_python_version_is_saved_whole() -> None:
    """The bytes of marshal differ between versions of Python, and may be unreadable."""
    create(Photo)
    before = row(Photo)
    for packed in (b"", b"\xfbgarbage", b"[\xff\xff\xff\x00", b"u\x05\x00\x00\x00"):
        photo = Photo.objects.get()
        photo.__dict__[loaded._COLUMNS]["image_meta"] = loaded._Packed(packed)
        photo = pickle.loads(pickle.dumps(photo))
        photo.title = "changed"
        photo.save()
        assert row(Photo) == {**before, "title": "changed"}
        photo.image_meta["color"] = before["image_meta"]["color"]
        assert not loaded.has_changed(photo, "image_meta")  # The save has remembered it again.
