"""Assumptions about the wrapped methods of Django's models: docs/decisions/save-table.rst.

If one fails after an update of Django, Django saves rows in another way. Compare the methods of
``Model`` that are named here with the release before, and adapt the wrappers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from tests.fields.material import upload
from tests.testapp.models import Base, Child, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (models.Model.save_base, "self raw force_insert force_update using update_fields"),
        (
            models.Model._save_table,  # type: ignore[attr-defined]  # private, and in no stubs
            "self raw cls force_insert force_update using update_fields",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_django_method_that_is_wrapped_has_the_known_parameters(
    method: Callable[..., Any], parameters: str
) -> None:
    assert list(inspect.signature(method).parameters) == parameters.split()


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (
            models.Model._do_update,  # type: ignore[attr-defined]  # private, and in no stubs
            "self base_qs using pk_val values",
        ),
        (models.Model.refresh_from_db, "self using fields"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_django_method_that_is_wrapped_begins_with_the_known_parameters(
    method: Callable[..., Any], parameters: str
) -> None:
    known = parameters.split()
    assert list(inspect.signature(method).parameters)[: len(known)] == known


def test_each_column_of_an_update_and_of_an_insert_goes_through_the_wrapped_methods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    for name in ("_do_update", "_do_insert"):
        original = getattr(Photo, name)

        def note(self: Any, *args: Any, name: str = name, original: Any = original) -> Any:
            called.append(name)
            return original(self, *args)

        monkeypatch.setattr(Photo, name, note)
    photo = Photo.objects.create(image=upload())
    photo.save()
    photo.save(update_fields=["title"])
    Photo.objects.update_or_create(pk=photo.pk, defaults={"title": "new"})
    assert called == ["_do_insert", "_do_update", "_do_update", "_do_update"]


def test_each_table_of_a_multi_table_model_is_written_by_its_own_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`TableWrite` locks the row of the table that it is given, in the transaction around it."""
    written: list[tuple[type[models.Model], bool]] = []
    save_table = Child._save_table  # type: ignore[attr-defined]  # private, and in no stubs

    def observed(self: Any, *args: Any, **kwargs: Any) -> Any:
        table = inspect.signature(save_table).bind(self, *args, **kwargs).arguments["cls"]
        written.append((table, connection.in_atomic_block))
        return save_table(self, *args, **kwargs)

    monkeypatch.setattr(Child, "_save_table", observed)
    child = Child.objects.create(image=upload(), extra=upload())
    child.save()
    assert written == [(Base, True), (Child, True)] * 2


def test_django_tells_which_rows_may_exist() -> None:
    """`TableWrite` decides by these private methods, as ``Model._save_table`` does."""
    row: Any = Child()
    assert not row._is_pk_set(Base._meta)
    assert row._get_pk_val(Base._meta) is None
    row.id = 7
    assert row._is_pk_set(Base._meta)
    assert row._get_pk_val(Base._meta) == 7


def test_post_save_after_a_replacement_is_sent_outside_the_transaction() -> None:
    photo = Photo.objects.create(image=upload())
    seen = []

    def receive(**kwargs: Any) -> None:
        seen.append(connection.in_atomic_block)

    photo.image = upload()
    post_save.connect(receive, sender=Photo)
    try:
        with CaptureQueriesContext(connection) as captured:
            photo.save()
    finally:
        post_save.disconnect(receive, sender=Photo)
    assert seen == [False]
    statements = [query["sql"].split()[0] for query in captured.captured_queries]
    assert statements[0] == "BEGIN"
    assert statements.index("UPDATE") < statements.index("INSERT") < statements.index("COMMIT")


def test_pre_save_of_a_field_runs_outside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Django opened one, `Field.pre_save` could lock the row, and nothing need be wrapped."""
    photo = Photo.objects.create(image=upload())
    title, seen = Photo._meta.get_field("title"), []
    pre_save = title.pre_save

    def observed(instance: models.Model, add: bool) -> Any:
        seen.append(connection.in_atomic_block)
        return pre_save(instance, add)

    monkeypatch.setattr(title, "pre_save", observed)
    photo.save()
    assert seen == [False]
