"""The file that a field names as its default belongs to the project, and is never deleted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from shift_media.core.keys import new_original_key
from shift_media.deletion.models import PendingDeletion
from shift_media.storages import default_media_storage
from tests.deletion.test_deletions import run_all
from tests.deletion.test_sweep import age
from tests.fields.material import picture, upload
from tests.testapp.models import DEFAULT_PICTURE, OTHER_DEFAULT, Photo, Profile

pytestmark = pytest.mark.django_db(transaction=True)

scans: Any = Profile._meta.get_field("scan").storage  # type: ignore[union-attr]
storage: Any = default_media_storage


@pytest.fixture(autouse=True)
def defaults(media_root: Path) -> Iterator[None]:
    """Store the default pictures, each in the storage of its field."""
    for where, key in ((storage, DEFAULT_PICTURE), (scans, OTHER_DEFAULT)):
        where.put(key, ContentFile(picture()), content_type="image/jpeg")
    yield
    scans.delete_prefix(OTHER_DEFAULT.rpartition("/")[0] + "/")


def replace(profile: Profile) -> None:
    profile.image, profile.scan = upload(), upload()
    profile.save()


def empty(profile: Profile) -> None:
    profile.image.delete()
    profile.scan.delete()


WAYS: dict[str, Callable[[Profile], object]] = {
    "row": lambda profile: profile.delete(),
    "queryset": lambda profile: Profile.objects.all().delete(),
    "replaced": replace,
    "file": empty,
}


@pytest.mark.parametrize("way", WAYS)
def test_default_stays_when_the_last_row_with_it_goes(way: str) -> None:
    WAYS[way](Profile.objects.create())
    run_all()
    assert storage.exists(DEFAULT_PICTURE)
    assert scans.exists(OTHER_DEFAULT)


def test_default_is_read_from_the_storage_of_its_field() -> None:
    profile = Profile.objects.create()
    assert Profile.objects.get().scan.metadata == profile.scan.metadata
    assert (profile.scan.width, profile.image.width) == (64, 64)
    assert not scans.exists(DEFAULT_PICTURE)
    with profile.scan.open() as file:
        assert file.read() == picture()
    assert profile.scan.resize("20x20").ensure()


def test_pending_deletion_of_a_file_that_became_a_default_keeps_it() -> None:
    prefix = DEFAULT_PICTURE.rpartition("/")[0] + "/"
    PendingDeletion.objects.create(storage="media", source="testapp.Photo.image", prefix=prefix)
    run_all()
    assert storage.exists(DEFAULT_PICTURE)
    assert not PendingDeletion.objects.exists()


@pytest.mark.slow
def test_sweep_keeps_a_default_without_a_row(media_root: Path) -> None:
    Photo.objects.create(image=upload())
    orphan = str(new_original_key("photo", "jpg"))
    storage.put(orphan, ContentFile(b"x"), content_type="image/jpeg")
    age(media_root)
    call_command("media_cleanup", verbosity=0, stdout=io.StringIO())
    assert storage.exists(DEFAULT_PICTURE)
    assert not storage.exists(orphan)


def test_default_is_no_row_by_which_a_sweep_is_trusted(media_root: Path) -> None:
    orphan = str(new_original_key("photo", "jpg"))
    storage.put(orphan, ContentFile(b"x"), content_type="image/jpeg")
    age(media_root)
    with pytest.raises(CommandError, match="1 of 2 originals"):
        call_command("media_cleanup", verbosity=0, stdout=io.StringIO())
    assert storage.exists(orphan)


def test_default_of_a_database_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    field: Any = Photo._meta.get_field("image")
    photo = Photo.objects.create(image=upload())
    monkeypatch.setattr(field, "db_default", photo.image.name)
    photo.delete()
    assert storage.exists(field.db_default)
