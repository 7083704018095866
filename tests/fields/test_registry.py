"""The registry of media fields: of all models, of one model, by a label."""

from __future__ import annotations

import pytest

from shift_media.registry import (
    all_media_fields,
    find_field,
    is_media_field,
    media_fields,
    own_media_fields,
)
from tests.testapp.models import Album, Base, Child, Photo, PhotoProxy, Stamp


def test_each_column_of_a_media_field_is_listed_once() -> None:
    labels = [str(field) for field in all_media_fields()]
    assert len(labels) == len(set(labels))
    assert {"testapp.Photo.image", "testapp.Base.image", "testapp.Child.extra"} <= {*labels}
    assert "testapp.PhotoProxy.image" not in labels


def test_model_has_the_media_fields_of_its_parents() -> None:
    assert [field.name for field in media_fields(Child)] == ["image", "extra"]
    assert [field.name for field in own_media_fields(Child)] == ["extra"]
    assert [field.name for field in own_media_fields(Base)] == ["image"]


def test_proxy_has_the_media_fields_of_its_model() -> None:
    assert own_media_fields(PhotoProxy) == own_media_fields(Photo) == media_fields(PhotoProxy)


def test_field_of_an_abstract_model_is_listed_for_each_model_that_inherits_it() -> None:
    assert [field.model for field in own_media_fields(Stamp)] == [Stamp]


def test_model_without_media_fields_has_none() -> None:
    assert media_fields(Album) == []
    assert not any(map(is_media_field, Album._meta.get_fields()))


def test_field_is_found_by_its_label() -> None:
    for field in all_media_fields():
        assert find_field(str(field)) is field


@pytest.mark.parametrize(
    "label", ["", "testapp", "testapp.Photo", "testapp.Photo.gone", "gone.Photo.image", "a.b.c.d"]
)
def test_label_of_no_field_is_none(label: str) -> None:
    assert find_field(label) is None
