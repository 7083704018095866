"""The table "What happens to files" of the reference."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from shift_media.deletion.models import PendingDeletion
from shift_media.signals import media_saved
from shift_media.transcoding.models import TranscodeJob
from tests.fields.material import MP4, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Album, Child, Coded, Film, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


@pytest.fixture
def announced() -> Iterator[list[str]]:
    """Return a list of the keys that ``media_saved`` was sent for."""
    keys: list[str] = []

    def remember(sender: Any, key: str, **kwargs: Any) -> None:
        keys.append(key)

    media_saved.connect(remember)
    yield keys
    media_saved.disconnect(remember)


def new_file(row: Any) -> str:
    row.image.save("new.jpg", upload(), save=False)
    return str(row.image.name)


def by_bulk_create(row: Coded) -> str:
    new = Coded(code=row.code, image=upload(name="new.jpg"))
    Coded.objects.bulk_create(
        [new],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["image", "image_meta"],
    )
    return new.image.name or ""


def by_bulk_update(row: Coded) -> str:
    key = new_file(row)
    Coded.objects.bulk_update([row], ["image", "image_meta"])
    return key


def by_update(row: Coded) -> str:
    key = new_file(row)
    Coded.objects.filter(pk=row.pk).update(image=key, image_meta=row.image_meta)
    return key


def by_loaddata(row: Coded) -> str:
    path = Path(row.image.path).parents[7] / "fixture.json"
    old, key = row.image.name or "", new_file(Coded())
    out = io.StringIO()
    call_command("dumpdata", "testapp.Coded", stdout=out)
    path.write_text(out.getvalue().replace(old, key))
    call_command("loaddata", str(path), verbosity=0)
    path.unlink()
    return key


def by_sql(row: Coded) -> str:
    key = new_file(row)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE testapp_coded SET image = %s", [key])
        cursor.execute("UPDATE testapp_coded SET image_meta = replace(image_meta, 'old', 'new')")
    return key


by_unique_field = pytest.param(
    by_bulk_create, marks=pytest.mark.sqlite("MySQL takes no unique_fields.")
)
WAYS = [by_unique_field, by_bulk_update, by_update, by_loaddata, by_sql]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_replaced_file_stays_until_the_clean_up(
    way: Callable[[Coded], str], media: CountingStorage, stored: Stored, announced: list[str]
) -> None:
    old = Coded.objects.create(code="a", image=upload(name="old.jpg")).image.name or ""
    announced.clear()
    key = way(Coded.objects.get())
    row = Coded.objects.get()
    assert row.image.name == key
    assert row.image.width == 64
    assert announced == []
    assert not PendingDeletion.objects.exists()
    assert stored() == sorted([old, key])
    for path in Path(media.location).rglob("*"):
        os.utime(path, (0, 0))
    call_command("media_cleanup", stdout=io.StringIO())
    assert stored() == [key]


@pytest.mark.slow
def test_bulk_create_of_videos_makes_no_job_and_sends_no_signal(announced: list[str]) -> None:
    Film.objects.bulk_create([Film(video=upload(MP4, "a.mp4"))])
    assert announced == []
    assert not TranscodeJob.objects.exists()
    Film.objects.get().video.transcode()
    assert TranscodeJob.objects.count() == 1


@pytest.mark.parametrize(
    "remove",
    [
        lambda: Photo.objects.get().delete(),
        lambda: Photo.objects.all().delete(),
        lambda: Album.objects.all().delete(),
    ],
    ids=["row", "queryset", "cascade"],
)
def test_deleted_rows_take_their_files(remove: Callable[[], Any], stored: Stored) -> None:
    Photo.objects.create(image=upload(), album=Album.objects.create())
    remove()
    assert stored() == []


def test_row_of_two_tables_takes_its_files(stored: Stored) -> None:
    Child.objects.create(image=upload(), extra=upload())
    Child.objects.all().delete()
    assert stored() == []
