"""Validators of a project that look at the name of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.db.models.fields.files import FieldFile
from django.forms import modelform_factory

from tests.fields.material import picture, upload
from tests.testapp.models import Bare, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

seen: list[Any] = []


def remember(file: Any) -> None:
    seen.append(file)


@pytest.fixture(autouse=True)
def validated() -> Iterator[None]:
    """Set validators of the fields that accept the client's spelling alone."""
    fields: list[Any] = [model._meta.get_field("image") for model in (Photo, Bare)]
    for field in fields:
        field._validators = [FileExtensionValidator(["jpeg", "png"]), remember]
        field.__dict__.pop("validators", None)
    seen.clear()
    yield
    for field in fields:
        field._validators = []
        field.__dict__.pop("validators", None)


@pytest.mark.parametrize("model", [Photo, Bare])
def test_row_with_a_file_of_another_spelling_can_be_edited(model: type[Any]) -> None:
    row = model(image=upload(name="holiday.jpeg"))
    row.full_clean()
    row.save()
    assert row.image.name.endswith(".jpg")
    row.full_clean()
    model.objects.get().full_clean()


def test_title_of_a_row_can_be_changed_by_a_form() -> None:
    form_of = modelform_factory(Photo, fields=["title", "image"])
    form = form_of({"title": "a"}, {"image": upload(name="holiday.jpeg")})
    assert form.is_valid(), form.errors
    form.save()
    form = form_of({"title": "b"}, {}, instance=Photo.objects.get())
    assert form.is_valid(), form.errors
    form.save()
    assert Photo.objects.get().title == "b"


def test_new_file_with_a_refused_name_is_refused() -> None:
    for name in ("holiday.jpg", "holiday"):
        with pytest.raises(ValidationError, match="extension"):
            Photo(image=upload(name=name)).full_clean()
    photo = Photo()
    photo.image.save("holiday.jpg", upload(), save=False)
    with pytest.raises(ValidationError, match="extension"):
        photo.full_clean()


def test_validator_of_a_file_without_a_row_sees_its_name_and_all_else() -> None:
    photo = Photo()
    photo.image.save("holiday.jpeg", upload(picture(size=(20, 10))), save=False)
    photo.full_clean()
    (file,) = seen
    assert (file.name, str(file)) == ("holiday.jpeg", "holiday.jpeg")
    assert (file.width, file.size) == (20, photo.image.size)
    assert file.url == photo.image.url
    with file.open() as opened:
        assert opened.read() == picture(size=(20, 10))
    assert photo.image.closed
    assert bool(file)


def test_key_of_another_row_is_validated_by_the_name_of_its_file() -> None:
    row = Photo.objects.create(image=upload(name="holiday.jpeg"))
    Photo(image=row.image).full_clean()
    unknown = Bare.objects.create(image=upload(name="holiday.jpeg"))
    with pytest.raises(ValidationError, match="extension"):
        Bare(image=unknown.image.name).full_clean()  # Only its key is known.


def test_validator_of_an_upload_gets_the_file_itself() -> None:
    Photo(image=upload(name="holiday.jpeg")).full_clean()
    assert isinstance(seen[0], FieldFile)


def test_file_of_a_row_in_the_database_is_not_validated_again() -> None:
    Photo.objects.create(image=upload(name="holiday.jpg"))
    Photo.objects.bulk_create([Photo(image="photos/old.jpg")])
    for photo in Photo.objects.all():
        photo.full_clean()
    assert seen == []


def test_legacy_name_for_another_row_is_validated_as_it_is() -> None:
    Photo(image="photos/old.jpeg").full_clean()
    with pytest.raises(ValidationError, match="extension"):
        Photo(image="photos/old.jpg").full_clean()
