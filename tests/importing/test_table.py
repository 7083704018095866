"""The table of imported files: who finds what in it, and by which index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shift_media.importing.models import HELD, NAME_LENGTH, ImportState
from shift_media.models import ImportedFile
from tests.testapp.models import Photo

NAME = "photos/2019/lake.jpg"
FIELD: Any = Photo._meta.get_field("image")

pytestmark = pytest.mark.django_db


def record(state: str = ImportState.IMPORTED, row: str = "1", **values: Any) -> ImportedFile:
    values = {"old_name": NAME, "key": f"key-{row}", "source": str(FIELD), **values}
    return ImportedFile.objects.create(row=row, state=state, **values)


def test_old_name_is_looked_up_with_one_query_of_an_index() -> None:
    wanted = record()
    record(row="2", old_name="photos/other.jpg")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert list(ImportedFile.objects.for_name(NAME)) == [wanted]
    assert len(queries) == 1
    assert "shift_media_import_name" in ImportedFile.objects.for_name(NAME).explain()


@pytest.mark.parametrize(
    "state", [ImportState.COPYING, ImportState.FAILED, ImportState.UNDONE, ImportState.REPLACED]
)
def test_old_name_without_a_key_of_its_own_is_not_found(state: str) -> None:
    record(state)
    assert not ImportedFile.objects.for_name(NAME)


def test_newest_of_several_rows_with_one_file_is_first() -> None:
    record(row="1", updated=timezone.now() - timedelta(hours=1))
    newest = record(ImportState.FINISHED, row="2")
    assert ImportedFile.objects.for_name(NAME).first() == newest


def test_files_of_a_field_are_found_by_the_field_and_by_its_label() -> None:
    wanted = record()
    record(source="testapp.Pair.left")
    assert list(ImportedFile.objects.of(FIELD)) == [wanted]
    assert list(ImportedFile.objects.of("testapp.Photo.image")) == [wanted]


def test_copy_of_a_run_is_held_for_a_day() -> None:
    held = record(ImportState.COPYING, row="1")
    record(ImportState.COPYING, row="2", updated=timezone.now() - HELD - timedelta(minutes=1))
    record(ImportState.IMPORTED, row="3")
    assert list(ImportedFile.objects.held()) == [held]


def test_row_has_an_old_name_once() -> None:
    record()
    with pytest.raises(IntegrityError), transaction.atomic():
        record()


def test_replaced_file_is_noted_once_with_its_storage() -> None:
    for _ in range(2):
        ImportedFile.objects.note_replaced(FIELD, 7, NAME, "default")
    (noted,) = ImportedFile.objects.of(FIELD)
    assert (noted.row, noted.old_storage, noted.state) == ("7", "default", ImportState.REPLACED)


def test_name_that_is_longer_than_the_column_is_not_noted() -> None:
    ImportedFile.objects.note_replaced(FIELD, 7, "a" * (NAME_LENGTH + 1), "default")
    assert not ImportedFile.objects.exists()
