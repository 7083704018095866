"""The operation ``ImportMedia`` in the migrations of a site, run by Django's own executor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import NotSupportedError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.writer import OperationWriter
from django.test.utils import modify_settings

from shift_media.core.errors import MediaError
from shift_media.importing.finish import FinishRun
from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.models import ImportedFile
from shift_media.operations import DEPENDENCY, ImportMedia
from shift_media.storages import LocalMediaStorage
from shift_media.validators import Inspection
from tests.fields.material import picture

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = """
from django.db import models
from shift_media.fields import MediaField

class Shot(models.Model):
    image = MediaField(metadata_field="image_meta", blank=True)
    image_meta = models.JSONField(default=dict, editable=False)
"""
FIRST = """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Shot", [
            ("id", models.BigAutoField(primary_key=True)),
            ("image", models.ImageField(upload_to="photos/%Y/", blank=True)),
        ])
    ]
"""
SECOND = """
from django.db import migrations, models
from shift_media.fields import MediaField

class Migration(migrations.Migration):
    dependencies = [("moved", "0001_initial")]
    operations = [
        migrations.AddField("Shot", "image_meta", models.JSONField(default=dict)),
        migrations.AlterField(
            "Shot", "image", MediaField(metadata_field="image_meta", blank=True)
        ),
    ]
"""
THIRD = """
from django.db import migrations
from shift_media import operations

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("moved", "0002_field"), operations.DEPENDENCY]
    operations = [operations.ImportMedia("shot", "image")]
"""

Migrate = Callable[[str], Any]


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Migrate]:
    """Install an app with three migrations; return a function that migrates to one of them."""
    files = {
        "__init__.py": "",
        "models.py": MODELS,
        "migrations/__init__.py": "",
        "migrations/0001_initial.py": FIRST,
        "migrations/0002_field.py": SECOND,
        "migrations/0003_import.py": THIRD,
    }
    for name, text in files.items():
        path = tmp_path / "site" / "moved" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def migrate(name: str) -> Any:
        """Return the model as it is after a migration."""
        executor = MigrationExecutor(connection)
        state = executor.migrate([("moved", name or None)])  # type: ignore[list-item]
        return state.apps.get_model("moved", "Shot") if name else None

    with modify_settings(INSTALLED_APPS={"append": "moved"}):
        yield migrate
        ImportedFile.objects.all().delete()
        migrate("")
    apps.all_models.pop("moved", None)
    for module in [name for name in sys.modules if name.split(".")[0] == "moved"]:
        del sys.modules[module]


@pytest.fixture
def old_shots(moved: Migrate, old_folder: Path) -> list[str]:
    """Make two rows of the ImageField, and return their names."""
    model, names = moved("0001_initial"), ["photos/2019/1.jpg", "photos/2019/2.jpg"]
    for name in names:
        (old_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (old_folder / name).write_bytes(picture())
        model.objects.create(image=name)
    return names


@pytest.mark.slow
@pytest.mark.acceptance(69)
def test_migration_imports_files_and_backwards_undoes_it(
    moved: Migrate, old_shots: list[str], stored: Callable[[], list[str]]
) -> None:
    model = moved("0003_import")
    keys = list(model.objects.order_by("pk").values_list("image", flat=True))
    assert sorted(keys) == stored()
    assert len(keys) == 2
    assert model.objects.first().image_meta["key"] == keys[0]
    assert set(ImportedFile.objects.values_list("source", flat=True)) == {"moved.Shot.image"}
    model = moved("0001_initial")
    assert list(model.objects.order_by("pk").values_list("image", flat=True)) == old_shots
    assert stored() == []


@pytest.mark.slow
@pytest.mark.acceptance(70)
def test_row_that_cannot_be_imported_is_logged_and_the_migration_ends(
    moved: Migrate, old_shots: list[str], old_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (old_folder / old_shots[0]).write_bytes(b"")
    model = moved("0003_import")
    assert model.objects.filter(image=old_shots[0]).exists()
    assert ImportedFile.objects.filter(error_code="empty").count() == 1
    assert "photos/2019/1.jpg: empty" in caplog.text


@pytest.mark.slow
def test_rules_that_the_field_has_today_are_called_with_the_row_of_the_migration(
    moved: Migrate, old_shots: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_second(inspection: Inspection, row: Any) -> None:
        assert inspection.file is not None
        if row.image == old_shots[1]:
            raise ValidationError("Not this one.", "refused")

    today = apps.get_model("moved", "Shot")._meta.get_field("image")
    monkeypatch.setattr(today, "rules", [refuse_second])
    model = moved("0003_import")
    assert ImportedFile.objects.get(error_code="refused").old_name == old_shots[1]
    assert model.objects.filter(image=old_shots[1]).exists()
    assert not model.objects.filter(image=old_shots[0]).exists()


@pytest.mark.slow
def test_migration_that_failed_midway_goes_on(
    moved: Migrate,
    old_shots: list[str],
    stored: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shift_media.importing import run

    publish, calls = LocalMediaStorage._publish, []

    def fail_after_one(self: Any, *arguments: Any) -> bool:
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return publish(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(LocalMediaStorage, "_publish", fail_after_one)
        patch.setattr(run, "MAX_STORAGE_FAILURES", 1)
        with pytest.raises(MediaError, match="Run the migration again"):
            moved("0003_import")
    assert len(stored()) == 1
    model = moved("0003_import")
    assert len(stored()) == 2
    assert not model.objects.filter(image__startswith="photos/").exists()


@pytest.mark.slow
def test_migration_is_not_undone_after_the_finish(
    moved: Migrate, old_shots: list[str], old_folder: Path
) -> None:
    model = moved("0003_import")
    list(FinishRun(ImportPlan.make(model, "image", None, "default")).outcomes())
    assert not (old_folder / old_shots[0]).exists()
    with pytest.raises(PlanError, match="cannot be undone"):
        moved("0002_field")
    ImportedFile.objects.all().delete()  # so that the table can be removed


@pytest.mark.slow
def test_empty_table_is_migrated_without_the_table_of_imports(
    moved: Migrate, django_assert_num_queries: Any
) -> None:
    moved("0002_field")
    operation, state = ImportMedia("shot", "image"), MigrationExecutor(connection).loader
    project = state.project_state([("moved", "0002_field")])
    with connection.schema_editor(atomic=False) as editor, django_assert_num_queries(1):
        operation.database_forwards("moved", editor, project, project)


@pytest.mark.sqlite("MySQL changes tables outside of transactions.")
@pytest.mark.slow
def test_atomic_migration_is_refused(moved: Migrate) -> None:
    moved("0002_field")
    project = MigrationExecutor(connection).loader.project_state([("moved", "0002_field")])
    with (
        pytest.raises(NotSupportedError, match="atomic = False"),
        connection.schema_editor(atomic=True) as editor,
    ):
        ImportMedia("shot", "image").database_forwards("moved", editor, project, project)


def test_operation_is_written_as_it_was_given() -> None:
    operation = ImportMedia("photo", "image", from_field="old", workers=2)
    text, imports = OperationWriter(operation, indentation=0).serialize()
    assert "from_field='old'" in text
    assert "workers=2" in text
    assert imports == {"import shift_media.operations"}
    assert operation.describe() == "Import the files of photo.image"
    assert operation.migration_name_fragment == "import_photo_image"


def test_dependency_is_the_migration_of_the_table() -> None:
    loader = MigrationExecutor(connection).loader
    created = loader.get_migration(*DEPENDENCY).operations[0]
    assert created.name == "ImportedFile"
