"""The columns of the sides are filled when a file is assigned, as those of an ImageField."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files import File

from shift_media.validators import inspection
from tests.fields.material import HTML, picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Measured, MetaFirst

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

MODELS = pytest.mark.parametrize("model", [Measured, MetaFirst])


def sides(row: Any) -> tuple[int | None, int | None]:
    return row.width, row.height


def wide() -> Any:
    return upload(picture(size=(32, 16)))


@MODELS
def test_sides_are_filled_when_a_row_is_made_and_when_a_file_is_assigned(model: type[Any]) -> None:
    row = model(image=upload())
    assert sides(row) == (64, 48)
    row.image = wide()
    assert sides(row) == (32, 16)
    row.image = None
    assert sides(row) == (None, None)
    row.image = upload()
    row.save()
    assert sides(model.objects.get()) == (64, 48)
    row.image = ""
    assert sides(row) == (None, None)


@MODELS
def test_sides_that_were_given_with_the_file_stay_until_it_is_saved(model: type[Any]) -> None:
    row = model(image=upload(), width=1, height=2)
    assert sides(row) == (1, 2)
    row.save()
    assert sides(row) == (64, 48)


@MODELS
def test_refused_upload_has_no_sides_and_is_refused_by_saving(model: type[Any]) -> None:
    row = model.objects.create(image=upload())
    row.image = upload(HTML)
    assert sides(row) == (None, None)
    with pytest.raises(ValidationError, match="HTML"):
        row.full_clean(exclude=["code"])


@MODELS
def test_file_of_another_row_brings_its_sides(model: type[Any]) -> None:
    other = model.objects.create(image=wide())
    row = model(image=upload())
    row.image = other.image
    assert sides(row) == (32, 16)
    assert sides(model(image=model.objects.get().image)) == (32, 16)


@MODELS
def test_assigned_key_brings_the_sides_of_its_file(
    model: type[Any], media: CountingStorage
) -> None:
    other = model.objects.create(image=wide())
    row = model.objects.create(image=upload())
    row.image = other.image.name
    assert sides(row) == (32, 16)
    media.calls.clear()
    row.save()
    assert "fetch" not in str(media.calls)  # Assigning it has read the header.


@MODELS
def test_sides_stay_if_the_stored_file_cannot_be_read(
    model: type[Any], media: CountingStorage
) -> None:
    row = model.objects.create(image=upload())
    key = row.image.name
    Path(media.path(key)).unlink()
    row = model.objects.get()
    row.image = key
    assert sides(row) == (64, 48)
    row.save()
    assert sides(model.objects.get()) == (64, 48)


@MODELS
@pytest.mark.parametrize(
    "act",
    [
        lambda model: model.objects.get(),
        lambda model: model.objects.defer("width").get().refresh_from_db(fields=["image"]),
        lambda model: model.objects.get().refresh_from_db(),
        lambda model: pickle.loads(pickle.dumps(model.objects.get())),
        lambda model: copy.deepcopy(model.objects.get()).image.url,
        lambda model: model.objects.get().full_clean(exclude=["code"]),
        lambda model: model.objects.get().save(),
    ],
    ids=["load", "refresh file", "refresh", "pickle", "deepcopy", "clean", "save"],
)
def test_row_that_was_loaded_reads_no_file(
    model: type[Any], act: Callable[[Any], Any], media: CountingStorage
) -> None:
    model.objects.create(image=upload())
    media.calls.clear()
    act(model)
    assert not media.calls


@MODELS
def test_upload_is_inspected_once_by_assignment_and_save(
    model: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed, calls = inspection._sha256, []
    monkeypatch.setattr(inspection, "_sha256", lambda file: calls.append(file) or hashed(file))
    row = model(image=upload())
    row.full_clean(exclude=["code"])
    row.save()
    assert len(calls) == 1


def test_closed_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture())
    with path.open("rb") as opened:
        file = File(opened)
    row = Measured(image=file)
    assert sides(row) == (64, 48)
    assert file.closed
    row.save()
    assert Measured.objects.get().width == 64
