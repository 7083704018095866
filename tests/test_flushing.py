"""The flush of the test database leaves it as ``migrate`` has made it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connection
from django.test import TransactionTestCase

from tests.flushing import FILLED
from tests.testapp.models import Gallery

pytestmark = pytest.mark.django_db


def flush(databases: frozenset[str] = frozenset({"default"})) -> None:
    class Case(TransactionTestCase):
        pass

    Case.databases = databases
    Case()._fixture_teardown()


def test_flush_empties_all_tables_that_migrate_does_not_fill() -> None:
    Gallery.objects.create()
    flush()
    tables = connection.introspection.django_table_names(only_existing=True)
    with connection.cursor() as cursor:
        for table in set(tables) - set(FILLED):
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")
            assert cursor.fetchone() == (0,), table


def test_flush_restores_rows_that_were_deleted_changed_or_added() -> None:
    models = (ContentType, Permission, Site)
    assert {model._meta.db_table for model in models} == set(FILLED)
    before = [list(model.objects.order_by("pk").values_list()) for model in models]
    assert all(before)
    ContentType.objects.first().delete()
    Permission.objects.update(name="x")
    Site.objects.create(domain="other.example")
    flush()
    assert [list(model.objects.order_by("pk").values_list()) for model in models] == before


def test_flush_of_another_database_is_refused() -> None:
    with pytest.raises(AssertionError, match="other databases"):
        flush(frozenset({"default", "other"}))
