"""The migration from an ImageField to a MediaField, on SQLite and PostgreSQL."""
# ruff: noqa: DJ008

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import checks
from django.db import ConnectionHandler, connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.test.utils import CaptureQueriesContext

from shift_media.checks.rows import check_columns
from shift_media.fields import MediaField, database_columns
from tests.servers.postgres import Postgres, postgres
from tests.testapp.models import Photo

__all__ = ["postgres"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(68)]

NAME = "photos/2019/lake.jpg"


def old_state(max_length: int = 100) -> ProjectState:
    """Return a project whose model has an image field with all its options."""
    state = ProjectState()
    image: models.ImageField = models.ImageField(
        upload_to="photos/%Y/", width_field="w", height_field="h", max_length=max_length
    )
    sides = {name: models.PositiveIntegerField(null=True) for name in ("w", "h")}
    fields = [("id", models.BigAutoField(primary_key=True)), ("image", image), *sides.items()]
    state.add_model(ModelState("album", "Picture", fields))
    return state


def alter(database: Any, state: ProjectState, field: Any) -> tuple[ProjectState, list[str]]:
    """Apply an AlterField; return the state after it, and the SQL that it has run."""
    operation = migrations.AlterField("picture", "image", field)
    after = state.clone()
    operation.state_forwards("album", after)
    with CaptureQueriesContext(database) as queries, database.schema_editor() as editor:
        operation.database_forwards("album", editor, state, after)
    return after, [query["sql"] for query in queries]


def column(database: Any) -> tuple[int, bool]:
    """Return the length of the column, and whether it has an index."""
    introspection = database.introspection
    with database.cursor() as cursor:
        described = introspection.get_table_description(cursor, "album_picture")
        constraints = introspection.get_constraints(cursor, "album_picture").values()
    (length,) = (each.display_size for each in described if each.name == "image")
    return length, any(one["index"] and one["columns"] == ["image"] for one in constraints)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Any:
    """Return a connection to a database."""
    return connection if request.param == "sqlite" else request.getfixturevalue("on_postgres")


@pytest.fixture
def on_postgres(postgres: Postgres) -> Iterator[Any]:
    """Return a connection to PostgreSQL, which is closed at the end."""
    opened = ConnectionHandler({"default": {"OPTIONS": {}, **postgres.settings}})["default"]
    yield opened
    opened.close()


@pytest.fixture
def table(database: Any) -> Iterator[Any]:
    """Make the table of the image field, with a row, and remove it at the end."""
    state = old_state()
    model = state.apps.get_model("album", "picture")
    with database.schema_editor() as editor:
        editor.create_model(model)
    with database.cursor() as cursor:
        cursor.execute("INSERT INTO album_picture (image, w, h) VALUES (%s, 4, 3)", [NAME])
    yield state
    with database.schema_editor() as editor:
        editor.delete_model(model)


def stored_name(database: Any) -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT image FROM album_picture")
        return str(cursor.fetchone()[0])


on_both = [
    "sqlite",
    pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.needs("postgres")]),
]


@pytest.mark.parametrize("database", on_both, indirect=True)
def test_image_field_with_all_options_becomes_a_media_field(database: Any, table: Any) -> None:
    field = MediaField(upload_to="photos/%Y/", width_field="w", height_field="h")
    assert column(database) == (100, False)
    after, _ = alter(database, table, field)
    assert column(database) == (200, True)
    assert stored_name(database) == NAME
    back = table.models["album", "picture"].fields["image"]
    alter(database, after, back)
    assert column(database) == (100, False)
    assert stored_name(database) == NAME


@pytest.mark.parametrize("database", on_both, indirect=True)
def test_longer_column_stays_as_long(database: Any, table: Any) -> None:
    longer = models.ImageField(upload_to="photos/%Y/", max_length=500)
    state, _ = alter(database, table, longer)
    alter(database, state, MediaField(upload_to="photos/%Y/", max_length=500))
    assert column(database) == (500, True)


@pytest.mark.parametrize("database", on_both, indirect=True)
def test_options_of_a_media_field_run_no_sql(database: Any, table: Any) -> None:
    state, _ = alter(database, table, MediaField())
    options = {"accept": ["image/png"], "max_bytes": 9, "strip": True, "metadata_field": "meta"}
    _, statements = alter(database, state, MediaField(legacy_storage="default", **options))
    assert [sql for sql in statements if "album_picture" in sql] == []


# What `check` and `migrate` say of it.


@pytest.fixture
def photo_column() -> Iterator[Any]:
    """Return a function that gives the test model's column another length or no index."""
    current: Any = Photo._meta.get_field("image")

    def change(**options: Any) -> None:
        nonlocal current
        wanted = models.CharField(**options)
        wanted.set_attributes_from_name("image")
        wanted.model = Photo
        with connection.schema_editor() as editor:
            editor.alter_field(Photo, current, wanted)
        current = wanted

    yield change
    with connection.schema_editor() as editor:
        editor.alter_field(Photo, current, Photo._meta.get_field("image"))


def found(databases: Any = ("default",)) -> list[str]:
    messages = checks.run_checks(tags=[checks.Tags.database], databases=databases)
    return [str(message.msg) for message in messages if message.id == "shift_media.W106"]


@pytest.mark.slow
def test_column_of_an_image_field_is_w106_until_it_is_migrated(photo_column: Any) -> None:
    assert found() == []
    photo_column(max_length=100)
    (message,) = found()
    assert message == (
        "The column of testapp.Photo.image in the database 'default': it is 100 characters long "
        "instead of 200; it has no index."
    )


@pytest.mark.slow
def test_column_that_would_become_shorter_is_w106_with_what_to_write(photo_column: Any) -> None:
    photo_column(max_length=500, db_index=True)
    (message,) = found()
    assert message.endswith("which the field would shorten to 200: write max_length=500.")


@pytest.mark.postgres
@pytest.mark.needs("postgres")
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_column_is_found_on_postgres(
    database: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Picture(models.Model):
        image = MediaField()

        class Meta:
            app_label = "testapp"
            apps = ProjectState().apps
            db_table = "album_picture"

    monkeypatch.setattr(database_columns, "connections", {"default": database})
    field: Any = Picture._meta.get_field("image")
    monkeypatch.setattr(database_columns, "all_media_fields", lambda: iter([field]))
    (message,) = check_columns(None, ["default"])
    assert "it is 100 characters long instead of 200; it has no index" in str(message.msg)
    assert "refuses writes" in str(message.hint)
    alter(database, table, MediaField())
    assert check_columns(None, ["default"]) == []
