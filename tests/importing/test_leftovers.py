"""Thumbnails of other packages in the old storage: listed, and deleted if asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import override_settings

from shift_media.deletion.site_marker import MARKER_KEY, claim
from shift_media.importing.leftovers import package_of
from tests.importing.test_command import run
from tests.testapp.models import Attachment

pytestmark = pytest.mark.django_db(transaction=True)

OldRow = Callable[..., Any]
OLD = frozenset({"photos/lake.jpg", "a.b.png"})
SORL = "cache/0a/f3/0af3" + "0" * 28 + ".jpg"


@pytest.mark.parametrize(
    ("name", "package"),
    [
        (SORL, "sorl-thumbnail"),
        ("photos/lake.jpg.100x100_q85_crop.jpg", "easy-thumbnails"),
        ("CACHE/images/photos/lake/0af3.jpg", "django-imagekit"),
        ("__sized__/photos/lake-thumbnail-40x40-70.jpg", "django-versatileimagefield"),
        ("photos/__filtered__/lake__invert__.jpg", "django-versatileimagefield"),
        ("filer_public_thumbnails/filer_public/a/b.jpg__9x9_q85.jpg", "django-filer"),
        ("photos/lake.thumbnail.jpg", "django-stdimage"),
        ("a.b.small.png", "django-stdimage"),
        ("photos/lake/16_9/800w.avif", "django-pictures"),
        ("photos/lake/800w.webp", "django-pictures"),
        # No leftovers.
        ("photos/lake.jpg", ""),
        ("photos/other.jpg.100x100_q85.jpg", ""),
        ("photos/other.thumbnail.jpg", ""),
        ("photos/lake.thumbnail.png", ""),
        ("photos/other/800w.avif", ""),
        ("cache/report.pdf", ""),
        ("media/cache/0a/f3/notes.txt", ""),
        ("3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg", ""),
    ],
)
def test_package_is_told_by_the_name(name: str, package: str) -> None:
    assert package_of(name, OLD) == package


@override_settings(
    THUMBNAIL_PREFIX="thumbs/",
    IMAGEKIT_CACHEFILE_DIR="ik",
    VERSATILEIMAGEFIELD_SETTINGS={"sized_directory_name": "sized"},
)
def test_folders_are_those_of_the_settings() -> None:
    assert package_of(SORL, OLD) == ""
    assert package_of(SORL.replace("cache", "thumbs"), OLD) == "sorl-thumbnail"
    assert package_of("ik/a.jpg", OLD) == "django-imagekit"
    assert package_of("sized/a.jpg", OLD) == "django-versatileimagefield"


@pytest.fixture
def left(old_row: OldRow, old_folder: Path) -> list[Path]:
    """Return files of packages beside an imported one, of which a row has the last."""
    old_row("photos/lake.jpg")
    run()
    names = [SORL, "photos/lake.jpg.9x9_q85.jpg", "photos/lake.small.jpg"]
    for name in names:
        (old_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (old_folder / name).write_bytes(b"12345")
    Attachment.objects.bulk_create([Attachment(file=names[-1])])
    return [old_folder / name for name in names]


@pytest.mark.slow
def test_leftovers_are_listed_with_their_sizes(left: list[Path]) -> None:
    out, err, code = run("--leftovers")
    assert out == (
        "easy-thumbnails: 1 file, 5 bytes.\nsorl-thumbnail: 1 file, 5 bytes.\n"
        "Add --delete to delete them. No row of a file field has one of these names.\n"
    )
    assert (err, code) == ("", 0)
    assert f"sorl-thumbnail: {SORL}\n" in run("--leftovers", verbosity=2)[0]
    run("--leftovers", "--delete", "--dry-run")
    assert all(path.exists() for path in left)


def test_leftovers_are_deleted_and_what_a_row_has_stays(
    left: list[Path], old_folder: Path
) -> None:
    out, _, code = run("--leftovers", "--delete")
    assert out.endswith("2 files deleted.\n")
    assert code == 0
    assert [path.exists() for path in left] == [False, False, True]
    assert (old_folder / "photos/lake.jpg").exists()
    assert run("--leftovers")[0] == "No thumbnails of other packages were found.\n"


def test_leftovers_beside_the_storage_of_another_site_stay(left: list[Path]) -> None:
    storage: Any = storages["media"]
    storage.delete(MARKER_KEY)
    claim(storage, "another.example")
    _, err, code = run("--leftovers", "--delete")
    assert ("another.example" in err, "Nothing was changed." in err, code) == (True, True, 1)
    assert all(path.exists() for path in left)
    assert run("--leftovers", "--delete", "--dry-run")[2] == 0


def test_delete_without_leftovers_is_refused(old_folder: Path) -> None:
    _, err, code = run("--delete")
    assert (err, code) == ("--delete needs --leftovers.", 2)
