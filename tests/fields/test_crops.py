"""Crop boxes of a row: set in Python and in forms, stored in the metadata, used by ``fill``."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django import forms
from django.core.exceptions import FieldError
from django.core.files.base import ContentFile

from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from shift_media.widgets import CropInput
from tests.fields.material import picture, upload
from tests.testapp.models import Bare, Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

BOX = (0, 0, 16, 12)


class CropForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    class Meta:
        model = Photo
        fields = ["image"]
        widgets = {"image": CropInput(ratios={"400x300": "card", "1:1": "avatar"})}


def stored_photo(**crops: tuple[int, int, int, int]) -> Photo:
    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(picture()), save=False)
    photo.image.crops = {name.replace("_", ""): box for name, box in crops.items()}
    photo.save()
    return Photo.objects.get(pk=photo.pk)


def sent(**numbers: str) -> dict[str, str]:
    empty = {
        f"image-{ratio}-{side}": ""
        for ratio in ("4x3", "1x1")
        for side in ("left", "top", "width")
    }
    return {**empty, "image-across": "", "image-down": "", **numbers}


def test_fill_of_the_ratio_cuts_out_the_stored_box() -> None:
    photo = stored_photo(_4x3=BOX)
    image = photo.image
    assert image.crops == {"4x3": BOX}
    assert "-c0.0.16.12-" in image.resize("8x6", mode="fill").key
    assert image.resize("8x8", mode="fill").spec.crop is None
    assert image.resize("8x6").spec.crop is None
    assert image.resize("8x6", mode="fill", upscale=True).size == (8, 6)


@pytest.mark.parametrize("given", [{"focal": (50, 50)}, {"focal": (0, 0)}])
def test_focal_point_of_a_call_goes_before_the_stored_box(given: dict[str, Any]) -> None:
    key = stored_photo(_4x3=BOX).image.resize("8x6", mode="fill", **given).key
    assert "-c0.0" not in key


def test_crop_of_a_call_goes_before_the_stored_box() -> None:
    key = stored_photo(_4x3=BOX).image.resize("8x6", mode="fill", crop=(1, 1, 8, 6)).key
    assert "-c1.1.8.6-" in key


def test_stored_box_goes_before_the_focal_point() -> None:
    photo = stored_photo(_4x3=BOX)
    photo.image.focal = (90, 90)
    assert "-c0.0.16.12-" in photo.image.resize("8x6", mode="fill").key
    assert "-f90.90-" in photo.image.resize("8x8", mode="fill").key


def test_boxes_are_needed_for_no_other_file_and_survive_a_pickle() -> None:
    photo = stored_photo(_4x3=BOX)
    metadata: Metadata = pickle.loads(pickle.dumps(photo.image.metadata))
    assert metadata.crops == {"4x3": BOX}
    old = photo.image.metadata.__getstate__()[:-1]  # type: ignore[index]
    restored = object.__new__(Metadata)
    restored.__setstate__(old)  # type: ignore[attr-defined]
    assert (restored.crops, restored.sha256) == ({}, metadata.sha256)
    photo.image = upload()
    photo.save()
    assert Photo.objects.get().image.crops == {}


def test_box_needs_a_metadata_field_and_a_ratio() -> None:
    row = Bare(image=upload())
    with pytest.raises(FieldError, match="crop box"):
        row.image.crops = {"4:3": BOX}
    with pytest.raises(InvalidSpec, match="ratio"):
        Photo(image=upload()).image.crops = {"1:1": BOX}


def test_form_sets_moves_and_removes_boxes() -> None:
    photo = stored_photo(_1x1=(0, 0, 8, 8))
    first = sent(**{"image-1x1-left": "0", "image-1x1-top": "0", "image-1x1-width": "10"})
    form = CropForm(first, instance=photo)
    assert form.is_valid(), form.errors
    box = form.save().image.crops["1x1"]
    assert box[2] == box[3] == round(photo.image.width / 10)  # type: ignore[operator]
    form = CropForm(sent(), instance=Photo.objects.get())
    assert form.changed_data == ["image"]
    form.save()
    assert Photo.objects.get().image.crops == {}


def test_form_with_unchanged_boxes_changes_nothing() -> None:
    photo = stored_photo(_4x3=BOX)
    html = str(CropForm(instance=photo)["image"])
    width = f"{round(1600 / photo.image.width, 2):g}"  # type: ignore[operator]
    assert f'name="image-4x3-width" value="{width}"' in html
    data = sent(**{"image-4x3-left": "0", "image-4x3-top": "0", "image-4x3-width": width})
    form = CropForm(data, instance=photo)
    assert form.changed_data == []
    assert form.is_valid()
    assert form.save().image.crops == {"4x3": BOX}


def test_new_file_is_stored_with_the_boxes_of_its_form() -> None:
    data = sent(**{"image-4x3-left": "0", "image-4x3-top": "0", "image-4x3-width": "50"})
    form = CropForm(data, {"image": upload()})
    assert form.is_valid(), form.errors
    image = Photo.objects.get(pk=form.save().pk).image
    assert image.crops["4x3"].width == round(image.width / 2)  # type: ignore[operator]


@pytest.mark.parametrize(
    "numbers", [("1", "", "50"), ("1", "2", "0"), ("x", "1", "2"), ("101", "1", "2")]
)
def test_wrong_numbers_are_refused_in_plain_words(numbers: tuple[str, str, str]) -> None:
    names = ("left", "top", "width")
    data = sent(**{f"image-4x3-{n}": v for n, v in zip(names, numbers, strict=True)})
    form = CropForm(data, {"image": upload()})
    assert "crop 4:3 as three numbers" in str(form.errors)


def test_boxes_of_ratios_that_the_form_does_not_show_are_kept() -> None:
    photo = stored_photo(_2x1=(0, 0, 16, 8))
    data = sent(**{"image-1x1-left": "0", "image-1x1-top": "0", "image-1x1-width": "10"})
    form = CropForm(data, instance=photo)
    assert form.is_valid()
    assert sorted(form.save().image.crops) == ["1x1", "2x1"]


def test_input_has_no_inline_style_or_script() -> None:
    html = str(CropForm(instance=stored_photo(_4x3=BOX))["image"])
    assert "style=" not in html
    assert "<script" not in html
    assert str(CropForm().media).count("focal-input.js") == 1


def test_numbers_of_a_form_with_errors_are_shown_again() -> None:
    data = sent(**{"image-across": "30", "image-4x3-left": "1", "image-4x3-top": "2"})
    html = str(CropForm({**data, "image-4x3-width": "50"}, instance=stored_photo())["image"])
    assert 'name="image-across" value="30"' in html
    assert 'name="image-4x3-width" value="50"' in html
