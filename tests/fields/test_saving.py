"""Saving rows: stored files, written columns, and the numbers of queries and storage calls."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps

from shift_media.core.errors import NotStored, StorageError
from shift_media.core.keys import parse_original_key
from shift_media.deletion.models import PendingDeletion
from shift_media.signals import media_saved
from shift_media.storages import default_media_storage
from shift_media.validators import InvalidMedia
from tests.fields.conftest import Use
from tests.fields.material import HTML, PDF, picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import (
    Bare,
    Base,
    Child,
    Coded,
    Measured,
    MetaFirst,
    Pair,
    Photo,
    PhotoProxy,
    PlainChild,
    Secret,
    Stamp,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


def queries(work: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured.captured_queries]


def test_saved_upload_is_stored_under_a_new_key(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload(name="Mein schönes Bild.PNG"))
    key = parse_original_key(photo.image.name)
    assert key.name == "mein-schones-bild.jpg"
    assert stored() == [str(key)]
    assert photo.image.read() == picture()
    photo.image.close()


def test_saved_upload_costs_one_statement_and_one_storage_call(media: CountingStorage) -> None:
    photo = Photo(image=upload())
    (insert,) = queries(photo.save)
    assert insert.startswith("INSERT")
    assert media.calls == {"put": 1}


def test_saved_row_has_metadata_with_the_key_that_they_describe() -> None:
    photo = Photo.objects.create(image=upload())
    row = Photo.objects.values_list("image_meta", flat=True).get()
    assert row["key"] == photo.image.name
    assert row["sha256"] == hashlib.sha256(picture()).hexdigest()
    assert (row["width"], row["height"], row["original_name"]) == (64, 48, "photo.jpg")
    assert Photo.objects.get().image.metadata == photo.image.metadata


@pytest.mark.parametrize(
    "model", [Photo, MetaFirst, Stamp, Base, Child, PlainChild, PhotoProxy, Coded]
)
def test_metadata_are_written_whichever_field_is_declared_first(model: type[models.Model]) -> None:
    row: Any = model(image=upload())
    row.save()
    loaded: Any = model._default_manager.get()
    assert loaded.image_meta["key"] == loaded.image.name
    row.image = upload(picture("PNG", (30, 20)))
    row.save()
    loaded = model._default_manager.get()
    assert loaded.image_meta["key"] == loaded.image.name
    assert loaded.image_meta["width"] == 30


def test_sides_are_written_whichever_field_is_declared_first() -> None:
    first = MetaFirst.objects.create(image=upload())
    assert MetaFirst.objects.values_list("width", "height").get(pk=first.pk) == (64, 48)
    measured = Measured.objects.create(image=upload())
    assert Measured.objects.values_list("width", "height").get(pk=measured.pk) == (64, 48)


@pytest.mark.parametrize("names", [["image"], ("image", "code"), {"image"}])
def test_update_fields_with_the_file_writes_metadata_too(names: Any) -> None:
    row = MetaFirst.objects.create(image=upload())
    row.image = upload(picture("PNG", (30, 20)))
    (update,) = (
        q
        for q in queries(lambda: row.save(update_fields=names))
        if "UPDATE" in q[:6] and connection.ops.quote_name("image_meta") in q
    )
    assert f"{connection.ops.quote_name('image')} =" in update
    loaded = MetaFirst.objects.get()
    assert (loaded.width, loaded.height) == (30, 20)
    assert loaded.image_meta["key"] == loaded.image.name == row.image.name


def test_update_fields_without_the_file_stores_nothing(media: CountingStorage) -> None:
    photo = Photo.objects.create(image=upload())
    media.calls.clear()
    photo.title, photo.image = "new", upload()
    photo.save(update_fields=["title"])
    assert not media.calls
    assert Photo.objects.get().title == "new"
    photo.save()
    assert media.calls["put"] == 1


def test_row_with_deferred_columns_is_saved_with_metadata() -> None:
    pk = MetaFirst.objects.create(image=upload(), code="kept").pk
    row = MetaFirst.objects.only("image").get(pk=pk)
    row.image = upload(picture("PNG", (30, 20)))
    row.save()
    loaded = MetaFirst.objects.get(pk=pk)
    assert (loaded.code, loaded.width, loaded.image_meta["width"]) == ("kept", 30, 30)


def test_file_assigned_to_a_deferred_field_replaces_the_stored_one() -> None:
    photo = Photo.objects.create(image=upload())
    row = Photo.objects.defer("image").get()
    row.image = upload(picture("PNG"))
    row.save()
    assert PendingDeletion.objects.get().key == photo.image.name


def test_saving_does_not_load_a_deferred_field() -> None:
    Photo.objects.create(image=upload())
    row = Photo.objects.defer("image", "image_meta").get()
    row.title = "new"
    (update,) = queries(row.save)
    assert '"image"' not in update


def test_asave_stores_the_file() -> None:
    photo = Photo(image=upload())
    async_to_sync(photo.asave)()
    assert Photo.objects.get().image_meta["key"] == photo.image.name


def test_saving_an_unchanged_row_costs_one_statement_and_no_storage_call(
    media: CountingStorage,
) -> None:
    Photo.objects.create(image=upload())
    media.calls.clear()
    photo = Photo.objects.get()
    photo.title = "new"
    assert len(queries(photo.save)) == 1
    assert not media.calls


def test_loading_and_building_urls_call_neither_storage_nor_database(
    media: CountingStorage,
) -> None:
    for _ in range(3):
        Photo.objects.create(image=upload())
    media.calls.clear()

    def page() -> None:
        for photo in Photo.objects.all():
            made = photo.image.resize("40x40", mode="fill")
            assert made.url
            assert (made.width, made.height) == (40, 40)
            assert photo.image.url
            assert photo.image.srcset([20, 40, 640])
            assert photo.image.width == 64
            assert photo.image.size
            assert photo.image.placeholder

    assert len(queries(page)) == 1
    assert not media.calls


def test_cleared_field_has_empty_metadata_columns() -> None:
    for empty in (None, ""):
        row = MetaFirst.objects.create(image=upload())
        row.image = empty
        row.save()
        loaded = MetaFirst.objects.get(pk=row.pk)
        assert not loaded.image
        assert (loaded.image_meta, loaded.width, loaded.height) == ({}, None, None)


def test_empty_field_behaves_like_that_of_a_file_field() -> None:
    photo = Photo.objects.create()
    assert not photo.image
    for ask in (
        lambda: photo.image.url,
        lambda: photo.image.metadata,
        lambda: photo.image.resize("40x40"),
        lambda: photo.image.srcset([40]),
    ):
        with pytest.raises(ValueError, match="no file associated"):
            ask()
    photo.image.delete()
    assert Bare.objects.create().image.name in (None, "")


@pytest.mark.acceptance(22)
@pytest.mark.parametrize(
    "content", [HTML, PDF, b"", b"GIF89a", b"{}"], ids=["html", "pdf", "empty", "gif", "json"]
)
def test_refused_file_is_not_stored(
    content: bytes, stored: Stored, media: CountingStorage
) -> None:
    photo = Photo(image=upload(content))
    for work in (
        photo.save,
        photo.full_clean,
        lambda: photo.image.save("a.jpg", ContentFile(content)),
        lambda: photo.image.save("a.jpg", ContentFile(content), save=False),
    ):
        with pytest.raises(ValidationError) as caught:
            work()
        if work != photo.full_clean:
            assert isinstance(caught.value, InvalidMedia)
    assert not stored()
    assert not media.calls
    assert not Photo.objects.exists()


def test_full_clean_error_has_the_field_and_the_code() -> None:
    with pytest.raises(ValidationError) as caught:
        Photo(image=upload(PDF)).full_clean()
    assert [error.code for error in caught.value.error_dict["image"]] == ["unsupported_type"]
    photo = Photo(image=upload())
    photo.full_clean()
    photo.save()


def test_limit_holds_without_a_form() -> None:
    with pytest.raises(InvalidMedia) as caught:
        Pair(right=upload(picture("BMP", (9, 9)) + b"x" * 200_000)).save()
    assert caught.value.code == "too_large"


def test_save_accepts_the_arguments_of_django(stored: Stored) -> None:
    photo = Photo(title="a")
    photo.image.save("First.JPG", ContentFile(picture()))
    assert photo.pk
    first = photo.image.name
    photo.image.save("second.jpg", File(io.BytesIO(picture("PNG"))), save=False)
    assert photo.image.name.endswith("/second.png/second.png")
    assert Photo.objects.get().image.name == first
    photo.save()
    assert Photo.objects.get().image.name == photo.image.name
    assert photo.image.metadata.original_name == "second.jpg"


def test_file_without_a_name_is_called_file() -> None:
    photo = Photo.objects.create(image=ContentFile(picture()))
    assert photo.image.name.endswith("/file.jpg/file.jpg")


def test_one_upload_saved_in_two_rows_is_stored_twice(stored: Stored) -> None:
    file = upload()
    first, second = Photo.objects.create(image=file), Photo.objects.create(image=file)
    assert first.image.name != second.image.name
    assert len(stored()) == 2
    assert second.image.metadata.sha256 == first.image.metadata.sha256


def test_upload_is_read_once_by_form_check_and_save() -> None:
    class Reader(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    content = picture(size=(800, 600))
    once, file = Reader(content), Reader(content)
    Photo(image=File(once, "a.jpg")).full_clean()
    photo = Photo(image=File(file, "a.jpg"))
    photo.full_clean()
    photo.clean_fields()
    photo.save()
    assert file.count == once.count + len(content)  # Storing reads it a second time.


def test_resizes_of_a_replaced_file_are_those_of_the_new_one() -> None:
    photo = Photo.objects.create(image=upload())
    before = photo.image.resize("40x").url
    photo.image = upload(picture("PNG", (30, 20)))
    photo.save()
    after = photo.image.resize("40x")
    assert after.url != before
    assert (after.width, after.height, after.spec.format) == (30, 20, "png")


def test_unsaved_upload_has_its_sides() -> None:
    photo = Photo(image=upload())
    assert (photo.image.width, photo.image.height, photo.image.size) == (64, 48, len(picture()))
    photo.save()
    assert photo.image.width == 64


def test_header_is_read_once_without_a_metadata_field(media: CountingStorage) -> None:
    Bare.objects.create(image=upload())
    media.calls.clear()
    row = Bare.objects.get()
    assert row.image.known_metadata is None
    assert row.image.resize("40x").width is None
    assert not media.calls
    assert (row.image.width, row.image.height, row.image.metadata.frames) == (64, 48, 1)
    assert media.calls == {"fetch": 1}


def test_metadata_of_another_key_are_ignored(media: CountingStorage) -> None:
    first = Photo.objects.create(image=upload())
    second = Photo.objects.create(image=upload(picture("PNG", (30, 20))))
    Photo.objects.filter(pk=first.pk).update(image_meta=second.image_meta)
    row = Photo.objects.get(pk=first.pk)
    assert row.image.known_metadata is None
    assert row.image.width == 64


def test_assigned_key_is_saved_with_its_metadata(media: CountingStorage) -> None:
    known = Photo.objects.create(image=upload())
    row = MetaFirst.objects.create(image=known.image.name)
    assert (row.width, row.height, row.image_meta["key"]) == (64, 48, known.image.name)
    media.calls.clear()
    other = MetaFirst.objects.create(image=known.image)
    assert (other.width, other.image_meta["sha256"]) == (64, known.image.metadata.sha256)
    assert not media.calls


def test_assigned_key_without_an_object_is_saved_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
    row = MetaFirst.objects.create(image=key)
    assert (row.image_meta, row.width) == ({}, None)
    assert "could not be read" in caplog.text
    with pytest.raises(NotStored):
        row.image.metadata  # noqa: B018


def test_file_assigned_from_another_row_shares_the_key() -> None:
    first = Photo.objects.create(image=upload())
    second = Photo.objects.create(image=first.image)
    assert second.image.name == first.image.name
    assert second.image is not first.image
    assert second.image_meta == first.image_meta
    second.image.save("b.png", ContentFile(picture("PNG")))
    assert first.image.name != second.image.name
    assert first.image.metadata.content_type == "image/jpeg"


def test_copied_instance_has_its_own_file_object() -> None:
    first = Photo.objects.create(image=upload())
    second = copy.copy(first)
    second.image.save("b.png", ContentFile(picture("PNG")), save=False)
    assert first.image.name.endswith(".jpg")
    assert second.image.name.endswith(".png")


def test_file_assigned_from_another_storage_is_copied(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload(name="Mine.jpg"))
    secret = Secret.objects.create(document=photo.image)
    assert secret.document.name != photo.image.name
    assert secret.document.storage.exists(secret.document.name)
    assert secret.document.metadata.original_name == "Mine.jpg"
    assert len(stored()) == 1


def test_pickled_row_keeps_its_file() -> None:
    photo = Photo.objects.create(image=upload())
    loaded = pickle.loads(pickle.dumps(photo))
    assert loaded.image.resize("40x").url == photo.image.resize("40x").url
    assert loaded.image.metadata == photo.image.metadata
    assert b"Storage" not in pickle.dumps(photo.image.field.storage)


def test_refreshed_row_has_the_new_file() -> None:
    photo = Photo.objects.create(image=upload())
    other = Photo.objects.get()
    other.image = upload(picture("PNG", (30, 20)))
    other.save()
    photo.refresh_from_db()
    assert photo.image.name == other.image.name
    assert photo.image.width == 30


# Failures.


def test_upload_of_a_failed_save_is_removed_and_can_be_saved_again(stored: Stored) -> None:
    MetaFirst.objects.create(image=upload(), code="taken")
    row = MetaFirst(image=upload(name="Again.jpg"), code="taken")
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    assert len(stored()) == 1
    assert (row.image_meta, row.width) == ({}, 64)
    row.code = "free"
    row.save()
    assert len(stored()) == 2
    assert row.image.name.endswith("/again.jpg/again.jpg")
    assert MetaFirst.objects.get(code="free").image_meta["key"] == row.image.name


def test_failed_replacement_keeps_the_old_file(stored: Stored) -> None:
    MetaFirst.objects.create(image=upload(), code="taken")
    row = MetaFirst.objects.create(image=upload(), code="free")
    old = row.image.name
    row.code, row.image = "taken", upload(picture("PNG"))
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    row.code = "taken"
    with pytest.raises(IntegrityError), transaction.atomic():
        row.image.save("a.png", ContentFile(picture("PNG")))
    assert len(stored()) == 2
    assert old in stored()
    assert not PendingDeletion.objects.exists()


def test_row_with_two_files_stores_neither_if_the_second_is_refused(stored: Stored) -> None:
    pair = Pair(left=upload(), right=upload(PDF))
    with pytest.raises(InvalidMedia):
        pair.save()
    assert not stored()
    pair.right = upload()
    pair.save()
    assert len(stored()) == 2


def test_row_is_not_written_if_the_storage_refuses_the_file(use: Use) -> None:
    use("tests.resizes.counting.FailingStorage")
    photo = Photo(image=upload())
    with pytest.raises(StorageError):
        photo.save()
    assert not Photo.objects.exists()
    use()
    photo.save()
    assert photo.image.storage.exists(photo.image.name)


def test_fixture_is_loaded_without_storing_files(media: CountingStorage) -> None:
    photo = Photo.objects.create(image=upload())
    dump = serializers.serialize("json", Photo.objects.all())
    media.calls.clear()
    Photo.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    for loaded in serializers.deserialize("json", dump):
        loaded.save()
    again = Photo.objects.get()
    assert again.image_meta == photo.image_meta
    assert not media.calls


def test_bulk_create_stores_files_and_metadata() -> None:
    Photo.objects.bulk_create([Photo(image=upload()), Photo(image=upload(picture("PNG", (9, 9))))])
    rows = list(Photo.objects.order_by("pk"))
    assert [row.image_meta["key"] for row in rows] == [row.image.name for row in rows]
    assert [row.image_meta["width"] for row in rows] == [64, 9]


def test_bulk_create_with_metadata_declared_first_needs_stored_files() -> None:
    row = MetaFirst()
    row.image.save("a.jpg", ContentFile(picture()), save=False)
    MetaFirst.objects.bulk_create([row])
    loaded = MetaFirst.objects.get()
    assert loaded.image_meta["key"] == loaded.image.name
    MetaFirst.objects.all().delete()
    MetaFirst.objects.bulk_create([MetaFirst(image=upload())])  # Its metadata column stays empty.
    loaded = MetaFirst.objects.get()
    assert loaded.image_meta == {}
    assert loaded.image.width == 64


def test_update_and_bulk_update_refuse_a_file_that_is_not_stored() -> None:
    photo = Photo.objects.create(image=upload())
    with pytest.raises(ValueError, match="not stored yet"), transaction.atomic():
        Photo.objects.update(image=upload(name="evil.jpg"))
    key = photo.image.name
    photo.image = upload(name="evil.jpg")
    with pytest.raises(ValueError, match="not stored yet"), transaction.atomic():
        Photo.objects.bulk_update([photo], ["image"])
    assert Photo.objects.filter(image=key).exists()


def test_get_or_create_and_update_or_create_store_files(stored: Stored) -> None:
    row, _ = MetaFirst.objects.get_or_create(code="a", defaults={"image": upload()})
    MetaFirst.objects.get_or_create(code="a", defaults={"image": upload()})
    assert len(stored()) == 1
    MetaFirst.objects.update_or_create(
        code="a", defaults={"image": upload(picture("PNG", (30, 20)))}
    )
    loaded = MetaFirst.objects.get()
    assert loaded.image.name != row.image.name
    assert (loaded.width, loaded.image_meta["key"]) == (30, loaded.image.name)


def test_file_assigned_by_a_pre_save_receiver_is_stored() -> None:
    def assign(sender: Any, instance: MetaFirst, **kwargs: Any) -> None:
        instance.image = upload()

    models.signals.pre_save.connect(assign, sender=MetaFirst)
    try:
        MetaFirst.objects.create()
    finally:
        models.signals.pre_save.disconnect(assign, sender=MetaFirst)
    loaded = MetaFirst.objects.get()
    assert loaded.image_meta["key"] == loaded.image.name
    assert loaded.width == 64


def test_media_saved_has_model_row_field_and_key(
    django_capture_on_commit_callbacks: Any,
) -> None:
    received: list[dict[str, Any]] = []

    def listen(**kwargs: Any) -> None:
        received.append(kwargs)

    media_saved.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            photo = Photo.objects.create(image=upload())
            assert not received
        photo.title = "new"
        photo.save()
        child = Child(image=upload(), extra=upload())
        with django_capture_on_commit_callbacks(execute=True):
            child.save()
    finally:
        media_saved.disconnect(listen)
    first = received[0]
    assert (first["sender"], first["instance"], first["field"].name) == (Photo, photo, "image")
    assert first["key"] == photo.image.name
    assert [(arguments["sender"], arguments["field"].name) for arguments in received[1:]] == [
        (Child, "image"),
        (Child, "extra"),
    ]


@isolate_apps("tests.testapp")
def test_field_added_to_a_prepared_model_stores_files(stored: Stored) -> None:
    from shift_media.fields import MediaField, saving

    class Late(models.Model):
        class Meta:
            app_label = "testapp"

        def __str__(self) -> str:
            return "late"

    Late.add_to_class("image", MediaField())
    assert hasattr(vars(Late)["_save_table"], saving._WRAPPED)


def test_default_storage_of_a_field_is_the_lazy_one() -> None:
    assert Photo._meta.get_field("image").storage is default_media_storage
