"""Imports of rows: what is copied, what is written, and what is left alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

from shift_media.importing.models import ImportState
from shift_media.importing.outcomes import RowOutcome
from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.importing.run import ImportOptions, ImportRun
from shift_media.models import ImportedFile
from shift_media.sandbox import jxl
from shift_media.storages import LocalMediaStorage
from tests.fields.material import HTML, picture, upload
from tests.imaging import images, jxls
from tests.testapp.models import (
    Child,
    Converted,
    MetaFirst,
    Photo,
    PhotoProxy,
    Portrait,
    Profile,
    Scan,
    Switched,
)

pytestmark = pytest.mark.django_db(transaction=True)

OldRow = Callable[..., Any]
Stored = Callable[[], list[str]]


def plan_of(model: Any = Photo, field: str = "image", old: str | None = None) -> ImportPlan:
    return ImportPlan.make(model, field, old, "default")


def import_all(plan: ImportPlan | None = None, **options: Any) -> list[RowOutcome]:
    return list(ImportRun(plan or plan_of(), ImportOptions(**options)).outcomes())


def content_of(file: Any) -> bytes:
    with file.open() as opened:
        content: bytes = opened.read()
    return content


def codes(outcomes: list[RowOutcome]) -> list[str]:
    return sorted(outcome.code for outcome in outcomes)


def test_row_gets_a_key_with_metadata_and_the_old_file_stays(
    old_row: OldRow, old_folder: Path, stored: Stored
) -> None:
    content, row = (
        picture(size=(300, 200)),
        old_row("photos/2019/A lake.JPG", picture(size=(300, 200))),
    )
    (outcome,) = import_all()
    photo = Photo.objects.get(pk=row.pk)
    assert [photo.image.name] == stored() == [outcome.key]
    assert photo.image.name.endswith("/a-lake.jpg")
    assert photo.image_meta["key"] == photo.image.name
    known = photo.image.metadata
    assert (known.width, known.height, known.original_name) == (300, 200, "A lake.JPG")
    assert known.sha256 == hashlib.sha256(content).hexdigest()
    assert content_of(photo.image) == content
    assert (old_folder / "photos/2019/A lake.JPG").read_bytes() == content


def test_source_of_an_imported_file_is_kept_in_the_table(old_row: OldRow) -> None:
    content = picture()
    row = old_row("photos/lake.jpg", content)
    (outcome,) = import_all()
    record = ImportedFile.objects.for_name("photos/lake.jpg").get()
    assert (record.source, record.row, record.from_field) == (
        "testapp.Photo.image",
        str(row.pk),
        "",
    )
    assert (record.old_storage, record.key) == ("default", outcome.key)
    assert (record.size, record.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert record.state == ImportState.IMPORTED


def test_import_sends_no_signals_and_leaves_auto_now_alone(old_row: OldRow) -> None:
    row = old_row(model=Switched)
    long_ago = timezone.now() - timedelta(days=900)
    Switched.objects.update(changed=long_ago, title="kept")
    sent: list[Any] = []

    def note(**kwargs: Any) -> None:
        sent.append(kwargs)

    for signal in (pre_save, post_save):
        signal.connect(note, sender=Switched)
    try:
        import_all(plan_of(Switched, "photo", "image"))
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(note, sender=Switched)
    switched = Switched.objects.get(pk=row.pk)
    assert (switched.changed, switched.title, sent) == (long_ago, "kept", [])
    assert switched.photo.name


def test_column_to_column_import_leaves_the_old_column(old_row: OldRow) -> None:
    row = old_row(model=Switched)
    import_all(plan_of(Switched, "photo", "image"))
    switched = Switched.objects.get(pk=row.pk)
    assert switched.image.name == "photos/lake.jpg"
    assert content_of(switched.image) == content_of(switched.photo)
    assert ImportedFile.objects.get().from_field == "image"
    assert import_all(plan_of(Switched, "photo", "image")) == []


def test_second_run_does_nothing(old_row: OldRow, stored: Stored) -> None:
    old_row()
    import_all()
    before = stored()
    assert import_all() == []
    assert stored() == before


def test_keys_defaults_and_empty_fields_are_not_imported(old_row: OldRow) -> None:
    uploaded = Photo.objects.create(image=upload())
    Photo.objects.create()
    assert import_all() == []
    assert Photo.objects.get(pk=uploaded.pk).image.name == uploaded.image.name
    Profile.objects.create()
    assert import_all(plan_of(Profile)) == []


def test_columns_for_sides_are_written(old_row: OldRow) -> None:
    row = old_row(content=picture(size=(300, 200)), model=MetaFirst)
    import_all(plan_of(MetaFirst))
    found = MetaFirst.objects.get(pk=row.pk)
    assert (found.width, found.height) == (300, 200)
    assert found.image_meta["width"] == 300


def test_stripped_copy_has_no_metadata_and_the_table_has_both_checksums(old_row: OldRow) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    content = picture(exif=exif.tobytes())
    row = old_row(content=content, model=Portrait)
    import_all(plan_of(Portrait))
    stored = content_of(Portrait.objects.get(pk=row.pk).image)
    assert b"secret" not in stored
    record = ImportedFile.objects.get()
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert record.stored_sha256 == hashlib.sha256(stored).hexdigest()
    assert (record.size, record.stored_size) == (len(content), len(stored))


@pytest.mark.slow
def test_jpeg_xl_is_imported_with_its_facts_and_without_metadata(old_row: OldRow) -> None:
    exif = jxls.box(b"Exif", bytes(4) + images.exif(6, model="Camera 7"))
    content = jxls.container(jxls.encoded(images.quadrants(64, 48)), exif)
    kept = old_row("scans/a.jxl", content, model=Scan)
    converted = old_row("scans/b.jxl", content, model=Converted)
    assert codes(import_all(plan_of(Scan)) + import_all(plan_of(Converted))) == ["", ""]
    for row, extension in ((kept, "jxl"), (converted, "jpg")):
        image = type(row).objects.get(pk=row.pk).image
        assert image.name.endswith(f".{extension}")
        assert (image.metadata.width, image.metadata.height) == (64, 48)
        assert b"Camera 7" not in content_of(image)


@pytest.mark.slow
def test_file_is_tried_again_that_was_late_on_a_machine_with_too_much_to_do(
    old_row: OldRow, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = old_row("scans/a.jxl", jxls.encoded(images.quadrants(64, 48)), model=Scan)
    with monkeypatch.context() as late:
        late.setattr(jxl, "BOUNDS", replace(jxl.BOUNDS, seconds=0.001))
        assert codes(import_all(plan_of(Scan))) == ["out_of_resources"]
    assert stored() == []
    assert codes(import_all(plan_of(Scan))) == [""]
    assert Scan.objects.get(pk=row.pk).image.metadata.width == 64


# Files that are left alone


@pytest.mark.acceptance(70)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (HTML, "unsupported_type"),
        (picture()[:-200], "undecodable"),
        (None, "not_stored"),
    ],
)
def test_unusable_file_is_left_alone_and_the_others_are_imported(
    old_row: OldRow, old_folder: Path, stored: Stored, content: bytes | None, code: str
) -> None:
    first = old_row("photos/1.jpg")
    bad = old_row("photos/2.jpg", content, missing=content is None)
    last = old_row("photos/3.jpg")
    outcomes = import_all()
    assert codes(outcomes) == ["", "", code]
    assert Photo.objects.get(pk=bad.pk).image.name == "photos/2.jpg"
    assert len(stored()) == 2
    assert all(Photo.objects.get(pk=row.pk).image_meta for row in (first, last))
    record = ImportedFile.objects.get(row=str(bad.pk))
    assert (record.state, record.error_code, record.key) == (ImportState.FAILED, code, "")
    assert content is None or (old_folder / "photos/2.jpg").read_bytes() == content


@pytest.mark.acceptance(70)
def test_file_that_is_too_large_for_the_field_is_left_alone(old_row: OldRow) -> None:
    row = old_row(content=picture() + b"\0" * 1_000_000, model=Portrait)
    assert codes(import_all(plan_of(Portrait))) == ["too_large"]
    assert Portrait.objects.get(pk=row.pk).image.name == "photos/lake.jpg"


@pytest.mark.acceptance(70)
def test_unreadable_file_is_left_alone(old_row: OldRow, old_folder: Path) -> None:
    old_row("photos/1.jpg", missing=True)
    (old_folder / "photos/1.jpg").mkdir(parents=True)  # root may read a file of any mode
    old_row("photos/2.jpg")
    assert codes(import_all()) == ["", "storage_error"]


@pytest.mark.acceptance(70)
@pytest.mark.parametrize(
    "name",
    [
        "photos/Ünïcödé (1) +&%20'\"<b>.jpg",
        "photos/ leading and trailing .jpg",
        "photos/日本語.jpg",
        "photos/a\nb.jpg",
        "photos/UPPER.JPEG",
        "no extension",
    ],
)
def test_name_with_odd_characters_is_imported(old_row: OldRow, name: str) -> None:
    row = old_row(name)
    assert codes(import_all()) == [""]
    assert content_of(Photo.objects.get(pk=row.pk).image) == picture()
    assert ImportedFile.objects.for_name(name).get().row == str(row.pk)


@pytest.mark.acceptance(70)
@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "/etc/passwd",
        pytest.param(
            "photos/a\0b.jpg", marks=pytest.mark.sqlite("PostgreSQL has no text with a NUL.")
        ),
    ],
)
def test_name_that_leads_out_of_the_storage_is_left_alone(old_row: OldRow, name: str) -> None:
    row = old_row(name, missing=True)
    assert codes(import_all()) == ["invalid_name"]
    assert Photo.objects.get(pk=row.pk).image.name == name


@pytest.mark.sqlite("Others have no value that is longer than its column.")
@pytest.mark.acceptance(70)
def test_name_that_could_not_be_put_back_is_left_alone(old_row: OldRow) -> None:
    name = f"{'a' * 199}/b.jpg"
    row = old_row(name)
    assert codes(import_all()) == ["name_too_long"]
    assert Photo.objects.get(pk=row.pk).image.name == name
    assert not ImportedFile.objects.exists()


@pytest.mark.acceptance(70)
def test_two_rows_on_one_file_get_a_key_each(old_row: OldRow, stored: Stored) -> None:
    rows = [old_row(), old_row()]
    import_all()
    keys = {Photo.objects.get(pk=row.pk).image.name for row in rows}
    assert len(keys) == 2
    assert sorted(keys) == stored()


# Options and plans


def test_limit_and_after_choose_rows(old_row: OldRow) -> None:
    rows = [old_row(f"photos/{number}.jpg") for number in range(4)]
    assert [o.row for o in import_all(limit=2, workers=1)] == [rows[0].pk, rows[1].pk]
    assert [o.row for o in import_all(after=rows[2].pk)] == [rows[3].pk]
    assert [o.row for o in import_all()] == [rows[2].pk]


def test_rate_limits_the_rows_of_a_second(old_row: OldRow) -> None:
    import time

    for number in range(4):
        old_row(f"photos/{number}.jpg")
    started = time.monotonic()
    import_all(rate=20)
    assert time.monotonic() - started > 3 / 20


def test_linked_import_shares_the_bytes(old_row: OldRow, old_folder: Path, tmp_path: Path) -> None:
    row = old_row()
    import_all(link=True)
    key = Photo.objects.get(pk=row.pk).image.name
    assert os.path.samefile(old_folder / "photos/lake.jpg", tmp_path / "media" / key)


@pytest.mark.parametrize(
    ("model", "field", "old", "message"),
    [
        (Photo, "title", None, "is not a MediaField"),
        (Photo, "nothing", None, "has no field 'nothing'"),
        (Child, "image", None, "write testapp.Base.image"),
        (Switched, "photo", "title", "is not another file field"),
        (Switched, "photo", "photo", "is not another file field"),
    ],
)
def test_plan_without_sense_is_refused(
    model: Any, field: str, old: str | None, message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        plan_of(model, field, old)


def test_proxy_stands_for_its_model(old_row: OldRow) -> None:
    old_row()
    assert codes(import_all(plan_of(PhotoProxy))) == [""]


# Rows that change meanwhile


@pytest.fixture
def at_copy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Return a function that runs something after each copy, before its row is written."""
    from shift_media.importing import run

    def install(action: Callable[[], None]) -> None:
        write = run.ImportRun._write

        def wrapped(self: ImportRun, *arguments: Any) -> bool:
            action()
            return write(self, *arguments)

        monkeypatch.setattr(run.ImportRun, "_write", wrapped)

    return install


@pytest.mark.acceptance(69)
def test_newer_upload_stays_and_the_copy_goes(
    old_row: OldRow, stored: Stored, at_copy: Any
) -> None:
    row = old_row()

    def replace() -> None:
        photo = Photo.objects.get(pk=row.pk)
        photo.image = upload(name="newer.jpg")
        photo.save()

    at_copy(replace)
    (outcome,) = import_all()
    assert outcome.state == "skipped"
    photo = Photo.objects.get(pk=row.pk)
    assert [photo.image.name] == stored()
    assert photo.image.name.endswith("newer.jpg")
    assert not ImportedFile.objects.filter(state=ImportState.COPYING).exists()


@pytest.mark.acceptance(69)
def test_copy_of_a_row_that_was_deleted_goes(
    old_row: OldRow, stored: Stored, at_copy: Any
) -> None:
    row = old_row()
    at_copy(lambda: Photo.objects.filter(pk=row.pk).delete())
    (outcome,) = import_all()
    assert (outcome.state, stored()) == ("skipped", [])
    assert ImportedFile.objects.get().state == ImportState.REPLACED  # for --finish


@pytest.mark.acceptance(69)
def test_row_with_another_old_name_by_now_is_tried_again(
    old_row: OldRow, old_folder: Path, stored: Stored, at_copy: Any
) -> None:
    row = old_row()
    (old_folder / "photos/other.jpg").write_bytes(picture(size=(20, 20)))
    at_copy(lambda: Photo.objects.filter(image="photos/lake.jpg").update(image="photos/other.jpg"))
    (outcome,) = import_all()
    assert outcome.old_name == "photos/other.jpg"
    photo = Photo.objects.get(pk=row.pk)
    assert photo.image.width == 20
    assert [photo.image.name] == stored()


def test_row_that_changes_again_and_again_is_left_alone(
    old_row: OldRow, old_folder: Path, stored: Stored, at_copy: Any
) -> None:
    row, names = old_row(), iter(range(10))

    def change() -> None:
        name = f"photos/{next(names)}.jpg"
        (old_folder / name).write_bytes(picture())
        Photo.objects.filter(pk=row.pk).update(image=name)

    at_copy(change)
    assert codes(import_all()) == ["row_changed"]
    assert stored() == []


def test_rules_of_the_field_hold_for_imports(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.exceptions import ValidationError

    seen: list[Any] = []

    def refuse_wide(inspection: Any, instance: Any) -> None:
        seen.append(instance.title)
        if inspection.metadata.width > 100:
            raise ValidationError("too wide", code="too_wide")

    monkeypatch.setattr(Photo._meta.get_field("image"), "rules", [refuse_wide])
    old_row("photos/1.jpg", picture(size=(300, 200)))
    old_row("photos/2.jpg")
    assert "" in codes(import_all())
    assert len([outcome for outcome in import_all() if outcome.code]) == 1
    assert seen == ["", "", ""]


def test_files_of_the_media_storage_itself_are_imported(old_folder: Path, tmp_path: Path) -> None:
    """A site without ``STORAGES["media"]`` has old names and keys in one storage."""
    import copy

    from django.conf import settings
    from django.test import override_settings

    storages = copy.deepcopy(settings.STORAGES)
    storages["default"] = storages.pop("media")
    with override_settings(STORAGES=storages):
        path = tmp_path / "media" / "photos/lake.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(picture())
        row = Photo.objects.create()
        Photo.objects.filter(pk=row.pk).update(image="photos/lake.jpg")
        assert codes(import_all()) == [""]
        photo = Photo.objects.get(pk=row.pk)
        assert content_of(photo.image) == path.read_bytes()
        assert not photo.image.is_legacy


def test_field_with_imported_from_is_imported_from_that_field(old_row: OldRow) -> None:
    field: Any = Switched._meta.get_field("photo")
    assert plan_of(Switched, "photo").old is None
    field.imported_from = "image"
    try:
        assert plan_of(Switched, "photo").old is Switched._meta.get_field("image")
    finally:
        field.imported_from = None


@pytest.mark.acceptance(70)
def test_storage_that_raises_errors_of_its_own_fails_for_that_row_only(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.files.storage import FileSystemStorage

    opened = FileSystemStorage._open  # type: ignore[attr-defined]

    def fail(self: Any, name: str, mode: str = "rb") -> Any:
        if name == "photos/1.jpg":
            raise RuntimeError("the vendor's own error")
        return opened(self, name, mode)

    monkeypatch.setattr(FileSystemStorage, "_open", fail)
    monkeypatch.setattr(LocalMediaStorage, "begin_copy", lambda *args, **options: None)
    old_row("photos/1.jpg"), old_row("photos/2.jpg")
    outcomes = import_all()
    assert codes(outcomes) == ["", "storage_error"]
    assert "RuntimeError: the vendor's own error" in next(o.detail for o in outcomes if o.code)


@pytest.mark.sqlite("The trigger is written in its dialect.")
def test_row_that_the_database_refuses_keeps_its_name_and_the_copy_goes(
    old_row: OldRow, stored: Stored
) -> None:
    bad, good = old_row("photos/1.jpg"), old_row("photos/2.jpg")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON testapp_photo WHEN OLD.image = 'photos/1.jpg' "
            "BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
        )
    try:
        assert codes(import_all()) == ["", "database_error"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse")
    assert Photo.objects.get(pk=bad.pk).image.name == "photos/1.jpg"
    assert stored() == [Photo.objects.get(pk=good.pk).image.name]
    assert ImportedFile.objects.get(row=str(bad.pk)).error_code == "database_error"
