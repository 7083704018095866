"""Saves of an instance that no longer holds what its row does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.db import connection, models, transaction
from django.db.models.signals import post_save, pre_save
from django.test.utils import CaptureQueriesContext

from shift_media.core.errors import MediaError
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion
from shift_media.signals import media_saved
from tests.fields.material import picture, upload
from tests.testapp.models import Base, Child, Coded, Measured, MetaFirst, Pair, Photo, PhotoProxy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]
FOCAL = (10, 20)


def row(model: type[models.Model] = Photo) -> dict[str, Any]:
    return dict(model._default_manager.values().get())


def other_picture(name: str = "other.jpg") -> Any:
    return upload(picture(size=(32, 16)), name=name)


# Another process has replaced the file.


@pytest.mark.acceptance(58)
@pytest.mark.parametrize("model", [Photo, PhotoProxy, MetaFirst, Base, Measured])
def test_stale_save_leaves_file_that_another_process_stored(
    model: type[Any], stored: Stored
) -> None:
    model.objects.create(image=upload())
    stale = model.objects.get()
    replaced = model.objects.get()
    replaced.image = other_picture()
    replaced.save()
    written = row(model)
    stale.save()
    assert row(model) == written
    assert stored() == [replaced.image.name]


@pytest.mark.acceptance(58)
def test_stale_save_writes_the_other_columns(stored: Stored) -> None:
    Photo.objects.create(image=upload(), title="old")
    stale, replaced = Photo.objects.get(), Photo.objects.get()
    replaced.image = other_picture()
    replaced.save()
    stale.title = "new"
    stale.save()
    again = Photo.objects.get()
    assert (again.title, again.image.name) == ("new", replaced.image.name)
    assert again.image.metadata.width == 32
    assert stored() == [replaced.image.name]


@pytest.mark.acceptance(58)
def test_stale_child_leaves_files_of_both_tables(stored: Stored) -> None:
    Child.objects.create(image=upload(), extra=upload(), name="old")
    stale, replaced = Child.objects.get(), Child.objects.get()
    replaced.image, replaced.extra = other_picture(), other_picture()
    replaced.save()
    stale.name = "new"
    stale.save()
    again = Child.objects.get()
    assert (again.name, again.image.name) == ("new", replaced.image.name)
    assert again.extra.name == replaced.extra.name
    assert sorted(stored()) == sorted([again.image.name, again.extra.name])


@pytest.mark.acceptance(58)
@pytest.mark.parametrize("fields", [["title", "image", "image_meta"], ["image", "title"]])
def test_stale_save_of_named_fields_leaves_the_newer_file(fields: list[str]) -> None:
    Photo.objects.create(image=upload(), title="old")
    stale, replaced = Photo.objects.get(), Photo.objects.get()
    replaced.image = other_picture()
    replaced.save()
    stale.title = "new"
    stale.save(update_fields=fields)
    assert row()["image"] == replaced.image.name
    assert row()["title"] == "new"


@pytest.mark.acceptance(58)
def test_update_or_create_of_another_column_leaves_the_newer_file() -> None:
    pk = Photo.objects.create(image=upload(), title="old").pk

    def replace(sender: Any, instance: Photo, **kwargs: Any) -> None:
        Photo.objects.filter(pk=pk).update(image="")

    pre_save.connect(replace, sender=Photo)
    try:
        Photo.objects.update_or_create(pk=pk, defaults={"title": "new"})
    finally:
        pre_save.disconnect(replace, sender=Photo)
    assert (row()["title"], row()["image"]) == ("new", "")


@pytest.mark.acceptance(59)
def test_two_processes_replace_two_files_of_one_row(stored: Stored) -> None:
    Pair.objects.create(left=upload(), right=upload())
    one, two = Pair.objects.get(), Pair.objects.get()
    one.left, two.right = other_picture("left.jpg"), other_picture("right.jpg")
    one.save()
    two.save()
    pair = Pair.objects.get()
    assert (pair.left.name, pair.right.name) == (one.left.name, two.right.name)
    assert (pair.left_meta["key"], pair.right_meta["key"]) == (pair.left.name, pair.right.name)
    assert sorted(stored()) == sorted([pair.left.name, pair.right.name])


@pytest.mark.acceptance(58)
def test_stale_save_after_deletion_is_refused_and_leaves_no_row(stored: Stored) -> None:
    Photo.objects.create(image=upload(), title="old")
    stale = Photo.objects.get()
    Photo.objects.get().delete()
    with pytest.raises(MediaError):
        stale.save()
    assert not Photo.objects.exists()
    assert stored() == []


@pytest.mark.acceptance(58)
def test_row_inserted_again_before_its_file_is_gone_keeps_the_file(stored: Stored) -> None:
    Photo.objects.create(image=upload())
    stale = Photo.objects.get()
    with transaction.atomic():
        Photo.objects.get().delete()
        stale.save()
    assert stored() == [Photo.objects.get().image.name]
    deletion.run_due()
    assert stored() == [Photo.objects.get().image.name]


# What an instance has changed is written.


def test_metadata_changed_in_place_are_written() -> None:
    Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    photo.image_meta["caption"] = {"en": ["A hill"]}
    photo.save()
    assert row()["image_meta"]["caption"] == {"en": ["A hill"]}


def test_focal_point_is_written_unless_the_file_was_replaced() -> None:
    Photo.objects.create(image=upload())
    stale, replaced, other = (Photo.objects.get() for _ in range(3))
    stale.image.focal = FOCAL
    stale.save()
    assert Photo.objects.get().image.focal == FOCAL
    replaced.image = other_picture()
    replaced.save()
    other.image.focal = FOCAL
    other.save()
    again = Photo.objects.get()
    assert again.image.focal is None
    assert again.image_meta["key"] == replaced.image.name


def test_focal_point_of_another_process_is_not_overwritten() -> None:
    Photo.objects.create(image=upload(), title="old")
    stale, other = Photo.objects.get(), Photo.objects.get()
    other.image.focal = FOCAL
    other.save()
    stale.title = "new"
    stale.save()
    again = Photo.objects.get()
    assert (again.title, again.image.focal) == ("new", FOCAL)


def test_instance_that_was_not_loaded_writes_what_it_holds() -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    Photo(pk=photo.pk, image=key, image_meta={"key": key}, title="made").save()
    assert row()["title"] == "made"
    assert row()["image_meta"]["key"] == key


def test_raw_save_of_a_fixture_writes_what_it_holds() -> None:
    photo = Photo.objects.create(image=upload(), title="old")
    text = serializers.serialize("json", [photo])
    Photo.objects.update(title="new", image_meta={})
    for loaded in serializers.deserialize("json", text):
        loaded.save()
    assert row()["title"] == "old"
    assert row()["image_meta"]["key"] == photo.image.name


def test_changed_primary_key_inserts_a_whole_row(stored: Stored) -> None:
    Coded.objects.create(code="a", image=upload())
    coded = Coded.objects.get()
    coded.code = "b"
    coded.save()
    assert set(Coded.objects.values_list("code", "image")) == {
        ("a", coded.image.name),
        ("b", coded.image.name),
    }
    assert Coded.objects.get(code="b").image_meta["key"] == coded.image.name


def test_primary_key_of_another_row_writes_the_file_too() -> None:
    Coded.objects.create(code="a", image=upload())
    Coded.objects.create(code="b", image=other_picture())
    coded = Coded.objects.get(code="a")
    coded.code = "b"
    coded.save()
    assert Coded.objects.get(code="b").image.name == coded.image.name
    assert Coded.objects.get(code="b").image_meta["key"] == coded.image.name


def test_receivers_see_the_update_fields_of_the_caller() -> None:
    Photo.objects.create(image=upload())
    seen: list[Any] = []

    def note(sender: Any, update_fields: Any, **kwargs: Any) -> None:
        seen.append(update_fields)

    for signal in (pre_save, post_save):
        signal.connect(note, sender=Photo)
    try:
        Photo.objects.get().save()
        Photo.objects.get().save(update_fields=["title"])
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(note, sender=Photo)
    assert seen == [None, None, frozenset(["title"]), frozenset(["title"])]


def test_plain_save_of_an_unchanged_row_is_one_statement() -> None:
    Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    with CaptureQueriesContext(connection) as captured:
        photo.save()
    (query,) = [q["sql"] for q in captured.captured_queries]
    assert query.startswith("UPDATE")
    assert "image" not in query.partition("WHERE")[0]


# A row is read again.


def test_refreshed_file_keeps_its_metadata_after_a_save() -> None:
    Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    photo.image.focal = FOCAL
    photo.save()
    written = row()["image_meta"]
    photo = Photo.objects.get()
    photo.refresh_from_db(fields=["image"])
    photo.save()
    assert row()["image_meta"] == written
    assert written["sha256"]


def test_refreshed_file_of_another_process_brings_its_metadata() -> None:
    Photo.objects.create(image=upload())
    photo, replaced = Photo.objects.get(), Photo.objects.get()
    replaced.image = other_picture()
    replaced.save()
    written = row()["image_meta"]
    photo.refresh_from_db(fields=["image"])
    assert photo.image.name == replaced.image.name
    assert photo.image.metadata.original_name == "other.jpg"
    photo.save()
    assert row()["image_meta"] == written


def test_save_after_a_refresh_sends_no_signal() -> None:
    Photo.objects.create(image=upload())
    photo, replaced = Photo.objects.get(), Photo.objects.get()
    replaced.image = other_picture()
    replaced.save()
    seen: list[str] = []

    def note(sender: Any, key: str, **kwargs: Any) -> None:
        seen.append(key)

    media_saved.connect(note)
    try:
        photo.refresh_from_db()
        photo.save()
        photo.refresh_from_db(fields=["image"])
        photo.save()
    finally:
        media_saved.disconnect(note)
    assert seen == []
    assert not PendingDeletion.objects.filter(prefix=replaced.image.name.rpartition("/")[0] + "/")
