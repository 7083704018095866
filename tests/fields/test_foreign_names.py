"""Files that this app did not store: it never deletes or overwrites them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from shift_media.deletion.models import PendingDeletion
from tests.fields.material import picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Base, Child, Measured, MetaFirst, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]
OLD = "photos/2019/old lake.jpg"
MODELS = [Photo, MetaFirst, Measured, Child]


def put_old(media: CountingStorage) -> None:
    """Put a file into the folder of the media storage, as another program does."""
    path = Path(media.path(OLD))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(size=(40, 30)))


def old_row(model: type[Any]) -> Any:
    """Return a row whose value was written past the field."""
    made = model.objects.create()
    table = Base if model is Child else model
    table.objects.filter(pk=made.pk).update(image=OLD)
    return model.objects.get(pk=made.pk)


def clean_up(media: CountingStorage) -> None:
    """Run the clean-up as it runs some days later."""
    PendingDeletion.objects.update(not_before=timezone.now() - timedelta(days=1))
    for path in Path(media.location).rglob("*"):
        os.utime(path, (0, 0))
    call_command("media_cleanup", "--force", stdout=io.StringIO())


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_replaced_name_that_is_no_key_keeps_its_file(
    model: type[Any], media: CountingStorage, stored: Stored
) -> None:
    put_old(media)
    row = old_row(model)
    row.image = upload()
    row.save()
    assert stored() == sorted([OLD, row.image.name])
    clean_up(media)
    assert stored() == sorted([OLD, row.image.name])


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "remove",
    [
        lambda row: row.delete(),
        lambda row: type(row).objects.all().delete(),
        lambda row: row.image.delete(),
        lambda row: row.image.delete(save=False),
    ],
    ids=["row", "queryset", "file", "file without saving"],
)
def test_deleted_row_with_a_name_that_is_no_key_keeps_its_file(
    model: type[Any], remove: Callable[[Any], Any], media: CountingStorage, stored: Stored
) -> None:
    put_old(media)
    remove(old_row(model))
    clean_up(media)
    assert stored() == [OLD]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("is_there", [True, False])
def test_row_with_a_name_that_is_no_key_is_saved_and_copied(
    model: type[Any], is_there: bool, media: CountingStorage, stored: Stored
) -> None:
    if is_there:
        put_old(media)
    row = old_row(model)
    row.save()
    row.save(update_fields=["image"])
    row.pk = row.id = None
    row._state.adding = True
    row.save()
    again = list(model.objects.all())
    assert [row.image.name for row in again] == [OLD, OLD]
    again[0].delete()
    clean_up(media)
    assert model.objects.get().image.name == OLD
    assert stored() == ([OLD] if is_there else [])


@pytest.mark.slow
@pytest.mark.parametrize("copied", [True, False])
def test_row_whose_original_cannot_be_read_is_saved_and_its_copy_too(
    copied: bool, media: CountingStorage, stored: Stored
) -> None:
    """Its metadata are not lost either, because they are those of its key."""
    Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    path = Path(media.path(photo.image.name))
    content = path.read_bytes()
    path.write_bytes(b"not a picture any more")
    if copied:
        photo.pk, photo._state.adding = None, True
    photo.title = "changed"
    photo.save()
    again = Photo.objects.get(title="changed")
    assert again.image_meta["width"] == 64
    path.write_bytes(content)
    clean_up(media)
    assert stored() == [photo.image.name]


@pytest.mark.slow
def test_update_to_a_name_that_is_no_key_deletes_nothing_at_once(
    media: CountingStorage, stored: Stored
) -> None:
    """``update()`` sends no signal, so that only the clean-up can remove what was replaced."""
    put_old(media)
    key = Photo.objects.create(image=upload()).image.name
    Photo.objects.update(image=OLD)
    assert stored() == sorted([OLD, key])
    Photo.objects.get().save()
    assert stored() == sorted([OLD, key])
    clean_up(media)
    assert stored() == [OLD]


@pytest.mark.slow
def test_fixture_deletes_nothing_at_once(
    media: CountingStorage, stored: Stored, tmp_path: Path
) -> None:
    put_old(media)
    photo = Photo.objects.create(image=upload())
    first = photo.image.name
    fixture = tmp_path / "photos.json"
    call_command("dumpdata", "testapp.Photo", output=str(fixture))
    photo.image = upload(name="second.jpg")
    photo.save()
    second = photo.image.name
    fixture.write_text(fixture.read_text().replace(first, OLD))
    call_command("loaddata", str(fixture), verbosity=0)
    loaded = Photo.objects.get()
    assert loaded.image.name == OLD
    loaded.title = "saved"
    loaded.save()
    assert Photo.objects.get().image.name == OLD
    assert stored() == sorted([OLD, second])
    clean_up(media)
    assert stored() == [OLD]


NUL = pytest.param("a\0b", marks=pytest.mark.sqlite("PostgreSQL has no text with it."))


@pytest.mark.parametrize("name", [OLD, "../outside.jpg", "/etc/hostname", NUL, "x" * 199])
def test_odd_name_in_a_row_is_never_a_path_that_is_deleted(
    name: str, media: CountingStorage, stored: Stored
) -> None:
    photo = Photo.objects.create()
    Photo.objects.update(image=name)
    photo = Photo.objects.get()
    media.calls.clear()
    photo.image = upload()
    photo.save()
    photo.delete()
    assert not [call for call in media.calls if name in str(call) and "delete" in str(call)]
