"""References: which rows of media fields refer to an original."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db import connections, models, router
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError, settings
from shift_media.registry import all_media_fields, find_field

_KEYS_PER_QUERY = 500  # below the limit of older SQLite, which takes 999 parameters
_KEYS_PER_SEARCH = 50  # of texts, in which the database looks for one key after another


def is_referenced(key: str, using: str) -> bool:
    """Return True if a row of any MediaField of any installed model refers to an original.

    The default of a field counts as a row that is always there. Every database in which the model
    may live is searched, ``using`` first, because a row can be saved to any alias without a router
    that says so.
    """
    if key in default_keys():
        return True
    for tenant in _tenants():
        with tenant:
            for field in all_media_fields():
                for alias in _databases(field.model, using):
                    if _rows(field.model, alias).filter(**{field.name: key}).exists():
                        return True
            if _keys_of_history([key]):
                return True
    return False


def referenced_keys(keys: Sequence[str], using: str | None = None) -> set[str]:
    """Return those of the keys that a row of any MediaField refers to, or that are a default.

    Rows of a history count if ``SHIFT_MEDIA["HISTORY"]`` names their column.

    Every database is searched, or ``using`` alone.
    """
    referenced = default_keys() & set(keys)
    for tenant in _tenants():
        with tenant:
            for field in all_media_fields():
                for alias in _databases(field.model):
                    if using not in (None, alias):
                        continue
                    for part in _parts(sorted(set(keys) - referenced)):
                        rows = _rows(field.model, alias).filter(**{f"{field.name}__in": part})
                        referenced.update(rows.values_list(field.name, flat=True))
            referenced |= _keys_of_history(set(keys) - referenced, using)
    return referenced


def history_columns() -> Iterator[tuple[models.Field[Any, Any], str]]:
    """Yield the columns of ``SHIFT_MEDIA["HISTORY"]``, each with its lookup.

    Raises `ConfigurationError` for a column that does not exist, so that nothing is deleted.
    """
    for label, lookup in settings.HISTORY.items():
        column = find_field(label)
        if column is None:
            raise ConfigurationError(
                f'SHIFT_MEDIA["HISTORY"] names {label!r}, which is not a field of an installed '
                "model. Write app.Model.field.",
                key="HISTORY",
            )
        yield column, lookup


def _keys_of_history(keys: Collection[str], using: str | None = None) -> set[str]:
    """Return those of the keys that are in a column of ``SHIFT_MEDIA["HISTORY"]``."""
    found: set[str] = set()
    for column, lookup in history_columns() if keys else ():
        for alias in _databases(column.model):
            for part in _parts(sorted(set(keys) - found)) if using in (None, alias) else ():
                found |= _keys_in_column(column, lookup, alias, part)
    return found


def _keys_in_column(
    column: models.Field[Any, Any], lookup: str, alias: str, keys: Sequence[str]
) -> set[str]:
    rows = _rows(column.model, alias)
    if lookup == "exact":
        matching = rows.filter(**{f"{column.name}__in": keys})
        return set(matching.values_list(column.name, flat=True))
    found: set[str] = set()
    for start in range(0, len(keys), _KEYS_PER_SEARCH):
        part = keys[start : start + _KEYS_PER_SEARCH]
        any_of = reduce(or_, (models.Q(**{f"{column.name}__contains": key}) for key in part))
        for text in rows.filter(any_of).values_list(column.name, flat=True).iterator():
            found.update(key for key in part if key in str(text))
    return found


def default_keys() -> set[str]:
    """Return the keys that fields name as their ``default`` or ``db_default``.

    They belong to the project, so they are never deleted, whether a row refers to them or not.
    """
    keys: set[str] = set()
    for field in all_media_fields():
        column: Any = field
        values = [column.get_default()] if column.has_default() else []
        database_default = getattr(column, "db_default", None)
        values.append(getattr(database_default, "value", database_default))
        keys.update(value for value in values if isinstance(value, str))
    return keys


def lock_references(key: str, using: str) -> bool:
    """Lock the rows in a database that refer to an original; return True if there are any."""
    locked = False
    for field in all_media_fields():
        if router.allow_migrate_model(using, field.model):
            rows = _rows(field.model, using).filter(**{field.name: key})
            if connections[using].features.has_select_for_update:
                locked |= bool(rows.select_for_update().values_list("pk"))
            else:
                # A write takes SQLite's lock at once, so that no other row can go meanwhile.
                locked |= bool(rows.update(**{field.name: models.F(field.attname)}))
    return locked


def _tenants() -> Iterable[contextlib.AbstractContextManager[Any]]:
    """Yield a context for each tenant, or one that does nothing if the project has no tenants."""
    path = settings.TENANTS
    return [contextlib.nullcontext()] if path is None else import_string(path)()


def _databases(model: type[models.Model], *first: str) -> Iterator[str]:
    """Yield the aliases of the databases that have the table of a model."""
    for alias in dict.fromkeys((*first, *connections)):
        if router.allow_migrate_model(alias, model) and _has_table(model, alias):
            yield alias


_known_tables: set[tuple[str, str]] = set()


def _has_table(model: type[models.Model], alias: str) -> bool:
    """Return True if the model was migrated in a database.

    A table that is there stays there. One that is missing is looked for each time, because it may
    be migrated while this process runs. With tenants the answer depends on the tenant.
    """
    table = (alias, model._meta.db_table)
    if table in _known_tables and settings.TENANTS is None:
        return True
    connection = connections[alias]
    with connection.cursor() as cursor:
        found = model._meta.db_table in connection.introspection.table_names(cursor)
    if found:
        _known_tables.add(table)
    return found


def _rows(model: type[models.Model], using: str) -> models.QuerySet[Any]:
    """Select all rows, past managers of the model that hide some."""
    return models.QuerySet(model=model, using=using)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start : start + _KEYS_PER_QUERY]
