"""Imports that are undone, verified and finished."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command
from django.db import connection, models, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from shift_media.core.keys import new_original_key
from shift_media.importing.finish import FinishRun
from shift_media.importing.models import ImportState
from shift_media.importing.outcomes import RowOutcome
from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.importing.run import ImportOptions, ImportRun
from shift_media.importing.undo import UndoRun
from shift_media.models import ImportedFile
from tests.fields.material import picture, upload
from tests.testapp.models import Moving, Photo, Switched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(69)]

OldRow = Callable[..., Any]
Stored = Callable[[], list[str]]
NAME = "photos/lake.jpg"


def plan_of(model: Any = Photo, field: str = "image", old: str | None = None) -> ImportPlan:
    return ImportPlan.make(model, field, old, "default")


SWITCHED = (Switched, "photo", "image")


def import_all(plan: ImportPlan | None = None) -> list[RowOutcome]:
    return list(ImportRun(plan or plan_of(), ImportOptions()).outcomes())


def undo(plan: ImportPlan | None = None, **options: Any) -> list[RowOutcome]:
    return list(UndoRun(plan or plan_of(), **options).outcomes())


def finish(plan: ImportPlan | None = None, **options: Any) -> list[RowOutcome]:
    return list(FinishRun(plan or plan_of(), **options).outcomes())


def codes(outcomes: list[RowOutcome]) -> list[str]:
    return sorted(outcome.code for outcome in outcomes)


@pytest.fixture
def names_without_case() -> Iterator[None]:
    """Let the table of imports compare old names without case, as MySQL does."""
    if connection.vendor != "sqlite":
        pytest.skip("NOCASE is a collation of SQLite.")
    plain = models.CharField(max_length=400)
    alike = models.CharField(max_length=400, db_collation="NOCASE")
    for field in (plain, alike):
        field.set_attributes_from_name("old_name")
        field.model = ImportedFile
    with connection.schema_editor() as editor:
        editor.alter_field(ImportedFile, plain, alike, strict=True)
    yield
    with connection.schema_editor() as editor:
        editor.alter_field(ImportedFile, alike, plain, strict=True)


# Undo


def test_undo_puts_the_old_name_back_and_deletes_the_copy(old_row: OldRow, stored: Stored) -> None:
    row = old_row()
    import_all()
    assert codes(undo()) == [""]
    photo = Photo.objects.get(pk=row.pk)
    assert (photo.image.name, photo.image_meta) == (NAME, {})
    assert stored() == []
    assert ImportedFile.objects.get().state == ImportState.UNDONE
    assert codes(import_all()) == [""]
    assert Photo.objects.get(pk=row.pk).image_meta


def test_undo_of_column_to_column_empties_the_new_column(old_row: OldRow, stored: Stored) -> None:
    row = old_row(model=Switched)
    import_all(plan_of(*SWITCHED))
    undo(plan_of(*SWITCHED))
    switched = Switched.objects.get(pk=row.pk)
    assert (switched.image.name, switched.photo.name, stored()) == (NAME, "", [])


def test_undo_leaves_a_newer_upload(old_row: OldRow, stored: Stored) -> None:
    row = old_row()
    import_all()
    photo = Photo.objects.get(pk=row.pk)
    photo.image = upload(name="newer.jpg")
    photo.save()
    (outcome,) = undo()
    assert outcome.state == "skipped"
    assert [Photo.objects.get(pk=row.pk).image.name] == stored()


def test_undo_leaves_a_row_whose_old_file_is_missing(
    old_row: OldRow, old_folder: Path, stored: Stored
) -> None:
    row = old_row()
    import_all()
    (old_folder / NAME).unlink()
    assert codes(undo()) == ["not_stored"]
    assert [Photo.objects.get(pk=row.pk).image.name] == stored()


def test_undo_leaves_a_row_whose_old_column_has_changed(old_row: OldRow, stored: Stored) -> None:
    row = old_row(model=Switched)
    import_all(plan_of(*SWITCHED))
    Switched.objects.update(image="")
    (outcome,) = undo(plan_of(*SWITCHED))
    assert outcome.state == "skipped"
    assert [Switched.objects.get(pk=row.pk).photo.name] == stored()


def test_undo_keeps_a_copy_that_another_row_refers_to(old_row: OldRow, stored: Stored) -> None:
    row = old_row()
    import_all()
    copy = Photo.objects.get(pk=row.pk)
    copy.pk, copy._state.adding = None, True
    copy.save()
    undo()
    assert [Photo.objects.get(pk=copy.pk).image.name] == stored()


def test_undo_without_the_old_column_says_what_to_do(old_row: OldRow, stored: Stored) -> None:
    row = old_row(model=Switched)
    import_all(plan_of(*SWITCHED))
    ImportedFile.objects.update(from_field="removed")
    for options in ({}, {"dry_run": True}):
        with pytest.raises(PlanError, match=r"no field 'removed'.*add it again"):
            undo(plan_of(*SWITCHED[:2]), **options)
    assert [Switched.objects.get(pk=row.pk).photo.name] == stored()


def test_dry_undo_changes_nothing(old_row: OldRow, stored: Stored) -> None:
    row = old_row()
    import_all()
    assert codes(undo(dry_run=True)) == [""]
    assert [Photo.objects.get(pk=row.pk).image.name] == stored()


# Finish


def test_finish_deletes_the_old_file_and_undo_refuses(
    old_row: OldRow, old_folder: Path, stored: Stored
) -> None:
    row = old_row()
    import_all()
    assert codes(finish(dry_run=True)) == [""]
    assert (old_folder / NAME).exists()
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()
    with pytest.raises(PlanError, match="cannot be undone"):
        undo()
    assert [Photo.objects.get(pk=row.pk).image.name] == stored()
    assert finish() == []
    assert ImportedFile.objects.for_name(NAME).get().state == ImportState.FINISHED


@pytest.mark.slow
def test_finish_deletes_a_file_of_two_rows_once_both_are_imported(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row(), old_row()
    list(ImportRun(plan_of(), ImportOptions(limit=1)).outcomes())
    (outcome,) = finish()
    assert (outcome.code, "testapp.Photo.image" in outcome.detail) == ("still_used", True)
    import_all()
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()
    assert not ImportedFile.objects.exclude(state=ImportState.FINISHED).exists()


@pytest.mark.slow
def test_finish_leaves_a_file_that_the_old_column_still_has(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row(model=Switched)
    import_all(plan_of(*SWITCHED))
    (outcome,) = finish(plan_of(*SWITCHED))
    assert (outcome.code, "testapp.Switched.image" in outcome.detail) == ("still_used", True)
    assert (old_folder / NAME).exists()
    Switched.objects.update(image="")  # The migration that removes the field does the same.
    assert codes(finish()) == []
    assert codes(finish(plan_of(Switched, "photo"))) == [""]
    assert not (old_folder / NAME).exists()


@pytest.mark.parametrize("odd", ["photos//lake.jpg", "photos/./lake.jpg", "/photos/lake.jpg"])
def test_finish_leaves_a_file_that_a_row_has_in_another_spelling(
    old_row: OldRow, old_folder: Path, odd: str
) -> None:
    old_row()
    import_all()
    other = Switched.objects.create()
    Switched.objects.filter(pk=other.pk).update(image=odd)
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_finish_goes_on_behind_the_last_name_in_the_order_of_the_database(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_row()
    import_all()
    record = ImportedFile.objects.get()
    pages = [{"a.jpg": [record], "B.jpg": [record]}, {}]  # as PostgreSQL sorts in English
    asked: list[str] = []

    def page(run: FinishRun, alias: str, after: str) -> object:
        asked.append(after)
        return pages[len(asked) - 1]

    monkeypatch.setattr(FinishRun, "_page", page)
    monkeypatch.setattr(FinishRun, "_finish_page", lambda run, files, pool: iter(()))
    assert finish() == []
    assert asked == ["", "B.jpg"]


@pytest.mark.parametrize("odd", ["photos//lake.jpg", "photos/./lake.jpg"])
def test_finish_of_an_odd_name_leaves_a_file_that_a_row_has_by_its_usual_name(
    old_row: OldRow, old_folder: Path, odd: str
) -> None:
    row = old_row()
    Photo.objects.filter(pk=row.pk).update(image=odd)
    import_all()
    assert ImportedFile.objects.get().old_name == odd
    other = Switched.objects.create()
    Switched.objects.filter(pk=other.pk).update(image=NAME)
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_finish_leaves_a_file_that_a_column_of_the_history_has(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row()
    import_all()
    Photo.objects.create(title=NAME)
    with override_settings(SHIFT_MEDIA={"HISTORY": {"testapp.Photo.title": "exact"}}):
        assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_finish_leaves_a_file_that_is_the_default_of_a_field(
    old_row: OldRow, old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_row()
    import_all()
    monkeypatch.setattr(Switched._meta.get_field("image"), "default", NAME)
    monkeypatch.delitem(vars(Switched._meta.get_field("image")), "_get_default", raising=False)
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_finish_leaves_a_file_in_the_directory_of_another_row_s_video(
    old_row: OldRow, stored: Stored
) -> None:
    with override_settings(STORAGES={**settings.STORAGES, "default": settings.STORAGES["media"]}):
        key = new_original_key("film", "mp4")
        poster = f"{key.prefix}_poster.jpg"
        for name, content in ((str(key), b"video"), (poster, picture())):
            storages["media"].put(name, io.BytesIO(content), content_type="image/jpeg")
        Photo.objects.bulk_create([Photo(image=poster)])
        assert codes(import_all()) == [""]
        (outcome,) = finish()
        assert (outcome.code, str(key) in outcome.detail) == ("still_used", True)
    assert poster in stored()


@pytest.mark.slow
@pytest.mark.usefixtures("names_without_case")
def test_finish_verifies_all_rows_of_a_name_that_a_database_sorts_without_case(
    old_row: OldRow, old_folder: Path
) -> None:
    rows = [old_row(name) for name in (NAME, NAME.title(), NAME)]
    import_all()
    key = Photo.objects.get(pk=rows[0].pk).image.name
    Path(storages["media"].path(key)).write_bytes(b"damaged")
    assert codes(finish()) == ["", "copy_differs"]
    assert (old_folder / NAME).exists()


@pytest.mark.usefixtures("names_without_case")
def test_row_whose_new_name_is_the_old_one_to_the_database_is_imported(
    old_row: OldRow, old_folder: Path
) -> None:
    row, stop = old_row(), threading.Event()
    import_all()
    undo()
    target = old_folder / NAME.upper()
    target.parent.mkdir()
    (old_folder / NAME).rename(target)
    Photo.objects.filter(pk=row.pk).update(image=NAME.upper())
    limit = threading.Timer(5, stop.set)
    limit.start()
    outcomes = list(ImportRun(plan_of(), ImportOptions(), stop).outcomes())
    limit.cancel()
    assert [(outcome.code, outcome.old_name) for outcome in outcomes] == [("", NAME.upper())]
    assert ImportedFile.objects.get().old_name == NAME.upper()


@pytest.mark.parametrize(
    ("damage", "code"),
    [("truncate", "copy_differs"), ("remove", "copy_missing"), ("rewrite", "old_changed")],
)
def test_finish_leaves_a_file_whose_copy_is_not_verified(
    old_row: OldRow, old_folder: Path, tmp_path: Path, damage: str, code: str
) -> None:
    row = old_row()
    import_all()
    copy = tmp_path / "media" / Photo.objects.get(pk=row.pk).image.name
    if damage == "truncate":
        copy.write_bytes(copy.read_bytes()[:-1])
    elif damage == "remove":
        copy.unlink()
    else:
        (old_folder / NAME).write_bytes(picture(size=(30, 30)))
    assert codes(finish()) == [code]
    assert (old_folder / NAME).exists()
    assert ImportedFile.objects.get().state == ImportState.IMPORTED


@pytest.mark.slow
def test_finish_deletes_the_old_file_of_a_row_with_a_newer_upload(
    old_row: OldRow, old_folder: Path, stored: Stored
) -> None:
    row = old_row()
    import_all()
    photo = Photo.objects.get(pk=row.pk)
    photo.image = upload(name="newer.jpg")
    photo.save()
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()
    assert [Photo.objects.get(pk=row.pk).image.name] == stored()


def test_finish_deletes_the_old_file_that_an_upload_has_replaced_before_the_import(
    old_row: OldRow, old_folder: Path
) -> None:
    row = old_row()
    Photo.objects.update(image="")
    ImportedFile.objects.note_replaced(Photo._meta.get_field("image"), row.pk, NAME, "default")
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()


def test_finish_that_was_killed_before_the_deletion_goes_on(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row()
    import_all()
    ImportedFile.objects.update(state=ImportState.FINISHING)
    with pytest.raises(PlanError):
        undo()
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()


def test_row_that_gets_the_name_back_during_the_finish_keeps_its_file(
    old_row: OldRow, old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = old_row()
    import_all()
    verify = FinishRun._verify

    def restored_meanwhile(self: FinishRun, *arguments: Any) -> Any:
        Photo.objects.filter(pk=row.pk).update(image=NAME)
        connection.close()  # of this thread
        return verify(self, *arguments)

    monkeypatch.setattr(FinishRun, "_verify", restored_meanwhile)
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()
    assert ImportedFile.objects.get().state == ImportState.IMPORTED


def test_import_without_checksums_is_verified_by_its_bytes(
    old_row: OldRow, old_folder: Path, tmp_path: Path
) -> None:
    from django.core.files.storage import default_storage

    rows = [old_row(f"photos/{number}.jpg") for number in range(3)]
    list(ImportRun(plan_of(), ImportOptions(checksum=False)).outcomes())
    record = ImportedFile.objects.get(row=str(rows[0].pk))
    assert (record.sha256, record.stored_sha256, record.size) == ("", "", len(picture()))
    keys = [Photo.objects.get(pk=row.pk).image.name for row in rows]
    assert Photo.objects.get(pk=rows[0].pk).image.metadata.sha256 == ""
    (tmp_path / "media" / keys[1]).write_bytes(picture()[:-1])
    default_storage.delete("photos/2.jpg")
    assert codes(finish()) == ["", "", "copy_differs"]
    assert [path.name for path in old_folder.rglob("*.jpg")] == ["1.jpg"]


# Databases, storages and file systems that are not as they were, or not as usual


class StorageWithoutCase(FileSystemStorage):
    """A folder in which names in other case are of the same file, as on macOS and Windows."""

    def path(self, name: str) -> str:
        folder = os.path.abspath(self.location)
        return super().path(name) if name.startswith(folder) else super().path(name.lower())


@pytest.fixture
def folder_without_case(old_row: OldRow, old_folder: Path) -> Iterator[Path]:
    kind = f"{__name__}.StorageWithoutCase"
    default = {"BACKEND": kind, "OPTIONS": {"location": old_folder}}
    with override_settings(STORAGES={**settings.STORAGES, "default": default}):
        yield old_folder


@pytest.mark.slow
@pytest.mark.usefixtures("folder_without_case")
def test_finish_leaves_a_file_that_a_row_has_in_another_case(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row()
    other = Switched.objects.create()
    Switched.objects.filter(pk=other.pk).update(image="Photos/LAKE.jpg")
    import_all()
    (outcome,) = finish()
    assert (outcome.code, "Photos/LAKE.jpg" in outcome.detail) == ("still_used", True)
    assert (old_folder / NAME).exists()
    Switched.objects.update(image="")
    assert codes(finish()) == [""]


@pytest.mark.slow
@pytest.mark.usefixtures("folder_without_case")
def test_finish_verifies_the_copies_of_all_spellings_of_a_file(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row()
    other = Photo.objects.create()
    Photo.objects.filter(pk=other.pk).update(image="photos/Lake.jpg")
    assert codes(import_all()) == ["", ""]
    key = Photo.objects.get(pk=other.pk).image.name
    whole = Path(storages["media"].path(key)).read_bytes()
    Path(storages["media"].path(key)).write_bytes(b"damaged")
    assert codes(finish()) == ["copy_differs"]
    Path(storages["media"].path(key)).write_bytes(whole)
    assert codes(finish()) == [""]
    assert not (old_folder / NAME).exists()
    assert not ImportedFile.objects.exclude(state=ImportState.FINISHED).exists()


def test_finish_leaves_a_file_that_is_the_database_default_of_a_field(
    old_row: OldRow, old_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_row()
    import_all()
    monkeypatch.setattr(Switched._meta.get_field("image"), "db_default", models.Value(NAME))
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_row_with_the_database_default_is_not_imported(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = old_row()
    monkeypatch.setattr(Photo._meta.get_field("image"), "db_default", models.Value(NAME))
    assert import_all() == []
    assert Photo.objects.get(pk=row.pk).image.name == NAME


@pytest.mark.slow
def test_files_of_storages_without_a_name_are_told_apart(
    old_row: OldRow, old_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two fields had storages that are not in STORAGES, and files of the same name in them."""
    folders = {Switched: tmp_path / "first", Moving: tmp_path / "second"}
    for model, folder in folders.items():
        (folder / "photos").mkdir(parents=True)
        (folder / NAME).write_bytes(picture(size=(30 + len(folder.name), 20)))
        monkeypatch.setattr(
            model._meta.get_field("image"), "storage", FileSystemStorage(folder), raising=False
        )
        row = model.objects.create()
        model.objects.filter(pk=row.pk).update(image=NAME)
        assert codes(import_all(plan_of(model, "photo", "image"))) == [""]
        model.objects.update(image="")
    assert codes(finish(plan_of(Switched, "photo", "image"))) == [""]
    assert not (folders[Switched] / NAME).exists()
    assert (folders[Moving] / NAME).exists()
    assert codes(finish(plan_of(Moving, "photo", "image"))) == [""]
    assert not (folders[Moving] / NAME).exists()


def test_finish_without_the_field_of_a_storage_without_a_name_is_refused(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row(model=Switched)
    import_all(plan_of(*SWITCHED))
    ImportedFile.objects.update(from_field="removed", old_storage="")
    with pytest.raises(PlanError, match=r"'removed' of testapp.Switched.photo.*Add the storage"):
        finish(plan_of(*SWITCHED[:2]))
    assert (old_folder / NAME).exists()


@pytest.mark.parametrize("mode", ["--status", "--verify", "--undo"])
def test_import_is_read_after_the_primary_key_has_changed_its_type(
    old_row: OldRow, mode: str
) -> None:
    row = old_row()
    import_all()
    ImportedFile.objects.update(row="0a1b2c3d-0000-4000-8000-00000000000a")
    out = io.StringIO()
    call_command("media_import", "testapp.Photo.image", mode, stdout=out, stderr=out)
    assert ("1" in out.getvalue(), "0 imported" in out.getvalue()) == (True, False)
    name = Photo.objects.get(pk=row.pk).image.name
    assert (name == NAME) == (mode == "--undo")


def test_undo_deletes_copies_however_long_the_storage_takes(
    old_row: OldRow, stored: Stored
) -> None:
    old_row()
    import_all()
    with override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 1e-9}):
        undo()
    assert stored() == []


def test_undo_notes_the_rows_of_a_page_with_one_statement(old_row: OldRow) -> None:
    for number in range(3):
        old_row(f"photos/{number}.jpg")
    import_all()
    with CaptureQueriesContext(connection) as queries:
        assert codes(undo()) == [""] * 3
    table = connection.ops.quote_name(ImportedFile._meta.db_table)
    assert sum(each["sql"].startswith(f"UPDATE {table}") for each in queries) == 1


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["instance", "queryset"])
def test_finish_lists_and_deletes_the_old_file_of_a_deleted_row(
    old_row: OldRow, old_folder: Path, whole: bool
) -> None:
    row = old_row()
    kept = old_row("photos/kept.jpg")
    if whole:
        row.delete()
    else:
        Photo.objects.filter(pk=row.pk).delete()
    out = io.StringIO()
    words = ("media_import", "testapp.Photo.image", "--finish")
    call_command(*words, "--dry-run", stdout=out, stderr=out)
    assert f"{NAME}: The row has another file, or was deleted." in out.getvalue()
    assert (old_folder / NAME).exists()
    call_command(*words, stdout=out, stderr=out)
    assert not (old_folder / NAME).exists()
    assert (old_folder / kept.image.name).exists()


def test_finish_leaves_the_old_file_of_a_deleted_row_that_another_row_has(
    old_row: OldRow, old_folder: Path
) -> None:
    old_row().delete()
    old_row()
    assert codes(finish()) == ["still_used"]
    assert (old_folder / NAME).exists()


def test_old_file_is_not_noted_if_the_deletion_is_rolled_back(old_row: OldRow) -> None:
    row = old_row()
    with transaction.atomic():
        row.delete()
        transaction.set_rollback(True)
    assert not ImportedFile.objects.exists()
