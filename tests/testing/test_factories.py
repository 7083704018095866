"""factory_boy and model_bakery make rows with media fields by their usual declarations."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from shift_media.testing import InMemoryMediaStorage, assert_resized, make_image, make_video
from tests.parts import package
from tests.testapp.models import Clip, Photo

factory: Any = package("factory", "dev")
baker: Any = package("model_bakery.baker", "dev")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_memory(media_storage: InMemoryMediaStorage) -> None:
    pass


class PhotoFactory(factory.django.DjangoModelFactory):  # type: ignore[misc]
    title = "a lake"
    image = factory.django.ImageField(width=60, height=40, filename="Lake.JPG")

    class Meta:
        model = Photo


class ClipFactory(factory.django.DjangoModelFactory):  # type: ignore[misc]
    video = factory.django.FileField(from_func=make_video)

    class Meta:
        model = Clip


def test_image_declaration_stores_a_checked_image() -> None:
    photo = PhotoFactory()
    photo.refresh_from_db()
    assert (photo.image.width, photo.image.height) == (60, 40)
    assert photo.image.metadata.original_name == "Lake.JPG"
    assert_resized(photo.image.resize("30x"), width=30, height=20)


def test_parameters_of_a_call_are_those_of_the_declaration() -> None:
    photo = PhotoFactory(image__format="PNG", image__width=20)
    assert (photo.image.metadata.content_type, photo.image.width) == ("image/png", 20)


def test_batch_has_a_file_for_each_row() -> None:
    photos = PhotoFactory.create_batch(3)
    assert len({photo.image.key for photo in photos}) == 3


def test_row_that_is_built_is_stored_when_it_is_saved() -> None:
    photo = PhotoFactory.build()
    photo.save()
    assert photo.image.storage.exists(photo.image.key)


def test_row_without_file_is_made() -> None:
    assert not PhotoFactory(image=None).image


@pytest.mark.parametrize("source", ["from_path", "from_file", "from_func", "data"])
def test_file_declaration_stores_each_of_its_sources(source: str, tmp_path: Path) -> None:
    content = make_image().read()
    path = tmp_path / "lake.jpg"
    path.write_bytes(content)
    file = io.BytesIO(content)
    file.name = "lake.jpg"
    value = {
        "from_path": str(path),
        "from_file": file,
        "from_func": make_image,
        "data": content,
    }[source]

    class FileFactory(PhotoFactory):
        image = factory.django.FileField(**{source: value})

    assert FileFactory().image.width == 64


@pytest.mark.slow
def test_file_declaration_stores_a_video() -> None:
    clip = ClipFactory()
    assert clip.video.metadata.content_type == "video/mp4"
    assert clip.video.duration == pytest.approx(1, abs=0.1)


def test_file_of_another_factory_is_accepted() -> None:
    class ProxyFactory(PhotoFactory):
        image = factory.LazyFunction(lambda: make_image(format="webp"))

    assert ProxyFactory().image.metadata.content_type == "image/webp"


GENERATOR = {"shift_media.fields.MediaField": "shift_media.testing.make_media"}


def test_baker_makes_rows_without_files_by_default() -> None:
    assert not baker.make(Photo).image


@pytest.mark.slow
@override_settings(BAKER_CUSTOM_FIELDS_GEN=GENERATOR)
def test_baker_makes_a_file_that_the_field_accepts() -> None:
    photo = baker.make(Photo, _create_files=True, _fill_optional=["image"])
    clip = baker.make(Clip, _create_files=True)
    assert photo.image.metadata.content_type == "image/jpeg"
    assert clip.video.metadata.content_type == "video/mp4"
    assert_resized(photo.image.resize("30x"))


def test_baker_stores_a_given_file() -> None:
    photo = baker.make(Photo, image=make_image(20, 10))
    assert (photo.image.width, photo.image.height) == (20, 10)
