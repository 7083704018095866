"""Model forms of models with constraints over a media field."""
# ruff: noqa: DJ008

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.files.base import ContentFile
from django.db import models
from django.test.utils import isolate_apps

from shift_media.fields import MediaField
from tests.fields.material import picture, upload
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


def constrained_model(**options: Any) -> Any:
    """Return a model that looks at the table of photos."""

    class Constrained(models.Model):
        image = MediaField(unique=options.pop("unique", False))

        class Meta:
            app_label = "testapp"
            db_table = Photo._meta.db_table
            managed = False
            constraints = options.get("constraints", [])

    return Constrained


CONSTRAINTS = {
    "unique": {"unique": True},
    "UniqueConstraint": {
        "constraints": [models.UniqueConstraint(fields=["image"], name="one_image")]
    },
    "CheckConstraint": {
        "constraints": [models.CheckConstraint(condition=~models.Q(image=""), name="never_empty")]
    },
}


@pytest.mark.parametrize("options", CONSTRAINTS.values(), ids=CONSTRAINTS)
@isolate_apps("tests.testapp")
def test_form_of_a_constrained_model_accepts_an_upload(options: dict[str, Any]) -> None:
    model = constrained_model(**options)
    form_class = forms.modelform_factory(model, fields=["image"])
    form = form_class(files={"image": upload()})
    assert form.is_valid(), form.errors


def test_file_without_a_key_finds_no_row_and_is_not_written() -> None:
    photo = Photo.objects.create(image=upload())
    file = Photo(image=ContentFile(picture(), photo.image.name)).image
    assert not Photo.objects.filter(image=file).exists()
    assert Photo.objects.filter(image=photo.image).exists()
    with pytest.raises(ValueError, match="no key"):
        Photo.objects.update(image=file)
