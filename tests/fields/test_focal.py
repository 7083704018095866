"""The focal point in forms: two numbers, with or without a new file."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.files.base import ContentFile

from shift_media.core.errors import InvalidSpec
from shift_media.widgets import FocalInput
from tests.fields.material import picture, upload
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


class FocalForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    class Meta:
        model = Photo
        fields = ["title", "image"]
        widgets = {"image": FocalInput}


def stored_photo(focal: tuple[int, int] | None = None) -> Photo:
    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(picture()), save=False)
    photo.image.focal = focal
    photo.save()
    return Photo.objects.get(pk=photo.pk)


def sent(across: str, down: str, **more: str) -> dict[str, str]:
    return {"title": "", "image-across": across, "image-down": down, **more}


def saved(form: FocalForm) -> Photo:
    assert form.is_valid(), form.errors
    return Photo.objects.get(pk=form.save().pk)


def test_form_with_two_numbers_moves_the_focal_point_of_the_current_file() -> None:
    photo = stored_photo()
    form = FocalForm(sent("30", "70"), instance=photo)
    assert form.changed_data == ["image"]
    again = saved(form)
    assert again.image.focal == (30, 70)
    assert again.image.key == photo.image.key
    assert "f30.70" in again.image.resize("9x9", mode="fill").key


def test_new_file_is_stored_with_the_focal_point_of_its_form() -> None:
    form = FocalForm(sent("10", "90"), {"image": upload()})
    assert saved(form).image.focal == (10, 90)


def test_focal_point_set_before_saving_is_stored() -> None:
    photo = Photo(image=ContentFile(picture(), "photo.jpg"))
    photo.image.focal = (20, 80)
    photo.save()
    assert Photo.objects.get().image.focal == (20, 80)


def test_replaced_file_in_a_form_loses_the_old_focal_point() -> None:
    photo = stored_photo((30, 70))
    photo.image = ContentFile(picture(), "other.jpg")
    photo.save()
    assert Photo.objects.get().image.focal is None


def test_empty_numbers_are_the_centre_and_missing_inputs_change_nothing() -> None:
    photo = stored_photo((30, 70))
    assert saved(FocalForm({"title": "x"}, instance=photo)).image.focal == (30, 70)
    assert saved(FocalForm(sent("", ""), instance=photo)).image.focal is None


def test_form_with_unchanged_focal_point_has_not_changed() -> None:
    photo = stored_photo((30, 70))
    assert not FocalForm(sent("30", "70"), instance=photo).has_changed()
    assert not FocalForm(sent("", ""), instance=stored_photo()).has_changed()
    assert not FocalForm(sent("", "")).has_changed()


@pytest.mark.parametrize("pair", [("101", "5"), ("-1", "5"), ("", "5"), ("٣", "5"), ("5.5", "5")])
def test_invalid_numbers_are_an_error_of_the_field(pair: tuple[str, str]) -> None:
    form = FocalForm(sent(*pair), instance=stored_photo())
    assert form.errors.as_data()["image"][0].code == "focal"
    assert "image-across" in form.as_p()


def test_cleared_file_ignores_the_focal_point() -> None:
    form = FocalForm(sent("1", "2", **{"image-clear": "on"}), instance=stored_photo())
    assert not saved(form).image


@pytest.mark.parametrize("focal", [None, (30, 0)])
def test_input_shows_the_focal_point_of_the_current_file(focal: Any) -> None:
    html = FocalForm(instance=stored_photo(focal)).as_p()
    assert 'name="image-across"' in html
    assert ('value="30"' in html and 'value="0"' in html) == (focal is not None)
    assert "shift-media-frame-mark" in html
    assert "focal-input.js" in str(FocalForm().media)


def test_compass_word_is_stored_as_its_point() -> None:
    photo = Photo()
    photo.image.save("x.jpg", ContentFile(picture()))
    photo.image.focal = "southwest"
    photo.save()
    assert Photo.objects.get(pk=photo.pk).image.focal == (0, 100)
    with pytest.raises(InvalidSpec, match="northwest, north"):
        photo.image.focal = "top"
