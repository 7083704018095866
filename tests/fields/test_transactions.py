"""An instance that is saved in a transaction follows the fate of that transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.db import IntegrityError, transaction

from shift_media.deletion.models import PendingDeletion
from shift_media.signals import media_saved
from shift_media.transcoding.models import TranscodeJob
from tests.fields.material import picture, upload
from tests.fields.test_concurrency import in_a_process
from tests.servers.databases import DatabaseServer
from tests.testapp.models import Child, Film, MetaFirst, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64)


class Undo(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def announced() -> Iterator[list[str]]:
    keys: list[str] = []

    def note(sender: Any, key: str, **kwargs: Any) -> None:
        keys.append(key)

    media_saved.connect(note)
    yield keys
    media_saved.disconnect(note)


def undone(work: Callable[[], Any], *, outer: bool = True) -> None:
    """Do some work in a transaction, or in a savepoint of one, that is rolled back."""
    if not outer:
        with transaction.atomic():
            undone(work)
        return
    with contextlib.suppress(Undo), transaction.atomic():
        work()
        raise Undo


@pytest.mark.acceptance(62)
@pytest.mark.parametrize("outer", [True, False])
def test_row_saved_again_after_a_rollback_is_announced_once(
    outer: bool, announced: list[str], stored: Stored
) -> None:
    photo = Photo(image=upload())
    undone(photo.save, outer=outer)
    assert announced == []
    photo.save()
    assert announced == [photo.image.name]
    assert Photo.objects.get().image.name == photo.image.name
    assert photo.image.name in stored()
    photo.save()
    assert announced == [photo.image.name]


@pytest.mark.slow
@pytest.mark.acceptance(62)
@pytest.mark.parametrize("outer", [True, False])
def test_video_saved_again_after_a_rollback_gets_its_job(outer: bool) -> None:
    film = Film(video=ContentFile(MP4, "film.mp4"))
    undone(film.save, outer=outer)
    assert not TranscodeJob.objects.exists()
    film.save()
    assert TranscodeJob.objects.get().original == film.video.name


@pytest.mark.acceptance(62)
@pytest.mark.parametrize("outer", [True, False])
def test_replacement_saved_again_after_a_rollback_deletes_the_old_file(
    outer: bool, stored: Stored
) -> None:
    photo = Photo.objects.create(image=upload())
    old = photo.image.name
    photo.image = upload(picture(size=(32, 16)), name="new.jpg")
    undone(photo.save, outer=outer)
    assert old in stored()
    assert not PendingDeletion.objects.exists()
    photo.save()
    assert old not in stored()
    assert Photo.objects.get().image.name == photo.image.name
    assert Photo.objects.get().image.metadata.width == 32


@pytest.mark.acceptance(62)
def test_emptied_field_saved_again_after_a_rollback_deletes_the_file(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    undone(photo.image.delete)
    assert len(stored()) == 1
    photo.save()
    assert stored() == []
    assert not Photo.objects.get().image


@pytest.mark.acceptance(62)
def test_focal_point_saved_again_after_a_rollback_is_written() -> None:
    photo = Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    photo.image.focal = (10, 20)
    undone(photo.save)
    photo.save()
    assert Photo.objects.get().image.focal == (10, 20)


@pytest.mark.acceptance(62)
def test_row_saved_again_after_an_integrity_error_is_whole(
    announced: list[str], stored: Stored
) -> None:
    MetaFirst.objects.create(code="taken")
    row = MetaFirst(code="taken", image=upload())
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    assert stored() == []
    row.code = "free"
    row.save()
    assert announced == [row.image.name]
    assert stored() == [row.image.name]
    assert MetaFirst.objects.get(code="free").image_meta["key"] == row.image.name


@pytest.mark.acceptance(62)
def test_replacement_saved_again_after_an_integrity_error_deletes_the_old_file(
    stored: Stored,
) -> None:
    Child.objects.create(code="taken")
    row = Child.objects.create(code="free", image=upload())
    row.image, row.code = upload(name="new.jpg"), "taken"
    with pytest.raises(IntegrityError):
        row.save()
    row.code = "other"
    row.save()
    assert stored() == [row.image.name]
    assert Child.objects.get(code="other").image.name == row.image.name


@pytest.mark.slow
@pytest.mark.acceptance(62)
def test_two_saves_in_one_transaction_are_announced_and_transcoded_once(
    announced: list[str],
) -> None:
    with transaction.atomic():
        film = Film(video=ContentFile(MP4, "film.mp4"))
        film.save()
        film.title = "A film"
        film.save()
    assert announced == [film.video.name]
    assert TranscodeJob.objects.count() == 1
    assert Film.objects.get().title == "A film"


class Staged(File):  # type: ignore[type-arg]
    """A file that wants to know when it lies in a storage for good."""

    told = 0

    def on_stored(self) -> None:
        self.told += 1


def staged() -> Staged:
    return Staged(upload().file, "staged.jpg")


@pytest.mark.acceptance(39)
def test_upload_whose_row_fails_to_insert_is_good_for_another_row() -> None:
    MetaFirst.objects.create(code="taken")
    file = staged()
    row = MetaFirst(code="taken", image=file)
    with pytest.raises(IntegrityError):
        row.save()
    assert file.told == 0
    row.code = "free"
    row.save()
    assert file.told == 1


@pytest.mark.acceptance(39)
def test_upload_is_good_until_a_committed_row_has_it() -> None:
    file = staged()
    photo = Photo()
    photo.image.save("staged.jpg", file, save=False)
    assert file.told == 0
    undone(photo.save)
    assert file.told == 0
    photo.save()
    assert file.told == 1
    photo.save()
    assert file.told == 1


COPY = """
import io, threading
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections, transaction
from PIL import Image
from tests.testapp.models import Photo
from shift_media.core.errors import MediaError
from shift_media.storages import default_media_storage

call_command("migrate", run_syncdb=True, verbosity=0)

def picture():
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "JPEG")
    return ContentFile(file.getvalue(), "photo.jpg")

def copy_while_deleted(copied_first):
    Photo.objects.all().delete()
    pk = Photo.objects.create(image=picture()).pk
    loaded, copied, deleting = threading.Event(), threading.Event(), threading.Event()
    failures = []

    def copy():
        row = Photo.objects.get(pk=pk)
        row.pk, row._state.adding = None, True
        loaded.set()
        if not copied_first:
            deleting.wait(20)
        try:
            with transaction.atomic():
                row.save()
                copied.set()
                deleting.wait(2)  # The deletion waits for this transaction, or is over.
        except MediaError as error:
            failures.append(error.code)
        finally:
            copied.set()
            connections.close_all()

    def delete():
        loaded.wait(20)
        if copied_first:
            copied.wait(20)
        try:
            Photo.objects.get(pk=pk).delete()
        finally:
            deleting.set()
            connections.close_all()

    threads = [threading.Thread(target=work) for work in (copy, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = [entry.key for entry in default_media_storage.entries()]
    rows = list(Photo.objects.values_list("image", flat=True))
    assert rows == stored, (rows, stored, failures)
    return rows, failures

rows, failures = copy_while_deleted(copied_first=True)
assert len(rows) == 1 and not failures, (rows, failures)
rows, failures = copy_while_deleted(copied_first=False)
assert failures == ["not_stored"] and not rows, (rows, failures)
"""


@pytest.mark.acceptance(61)
def test_copy_while_its_source_is_deleted_has_its_file_or_is_refused_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(COPY, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


@pytest.mark.sqlite("It is the same test, on SQLite.")
@pytest.mark.slow
@pytest.mark.acceptance(61)
def test_copy_while_its_source_is_deleted_has_its_file_or_is_refused_on_sqlite(
    tmp_path: Path,
) -> None:
    options = {"timeout": 30, "transaction_mode": "IMMEDIATE"}
    in_a_process(COPY, tmp_path, repr({"OPTIONS": options}))
