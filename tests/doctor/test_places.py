"""``media_doctor --find-metadata``: pictures that say where they were taken are counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from PIL import Image

from tests.doctor.conftest import Doctor, media_storage
from tests.resizes.conftest import picture
from tests.testapp.models import Photo, Portrait

pytestmark = [pytest.mark.acceptance(79), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with media_storage("LocalMediaStorage", {"location": tmp_path / "m", "base_url": "/media/"}):
        yield tmp_path / "m"


def placed_picture() -> bytes:
    """Return a picture with the position of Bern in its EXIF."""
    exif = Image.Exif()
    position = {1: "N", 2: (46.0, 56.0, 53.0), 3: "E", 4: (7.0, 26.0, 51.0)}
    exif[0x8825] = position
    return picture(exif=exif)


def add(model: type[Photo] | type[Portrait], content: bytes) -> Photo | Portrait:
    row = model()
    row.image.save("photo.jpg", ContentFile(content))
    return row


@pytest.mark.slow
def test_pictures_with_a_place_are_counted_by_field(root: Path, doctor: Doctor) -> None:
    for content in (placed_picture(), placed_picture(), picture()):
        add(Photo, content)
    add(Portrait, placed_picture())  # The field strips it.
    gone = add(Photo, picture())
    (root / gone.image.key).unlink()
    found = {one["seen"]: one["severity"] for one in doctor.findings("--find-metadata")}
    assert found == {
        "testapp.Photo.image: 2 of 3 originals say where the picture was taken.": "warning",
        "testapp.Portrait.image: 0 of 1 originals say where the picture was taken.": "ok",
        "1 originals could not be read.": "warning",
    }
    assert doctor.code == 0


def test_limit_is_that_of_the_pictures_that_are_read(root: Path, doctor: Doctor) -> None:
    for _ in range(3):
        add(Photo, placed_picture())
    (seen,) = [one["seen"] for one in doctor.findings("--find-metadata", "--limit", "2")]
    assert "2 of 2 originals" in seen


def test_storage_without_pictures_has_nothing_to_count(root: Path, doctor: Doctor) -> None:
    assert doctor.codes("--find-metadata", severity="skipped") == {"metadata-place"}
