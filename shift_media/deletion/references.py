"""References: which rows of media fields refer to an original.

A row refers to an original if its value is the original's key, or the name of another file in its
directory. A column that was an ImageField's may have such names: the key of a poster, say.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db import connections, models, router
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError, settings
from shift_media.core.keys import directory_owner
from shift_media.deletion.lookups import StartsWithAny
from shift_media.registry import (
    RegisteredField,
    all_media_fields,
    default_names,
    find_field,
)

_KEYS_PER_QUERY = 500  # below the limit of older SQLite, which takes 999 parameters
_PREFIXES_PER_QUERY = 100  # SQLite nests at most 1000 expressions
_FIELDS_PER_QUERY = 100  # of which each is a column of the answer
_KEYS_PER_SEARCH = 50  # of texts, in which the database looks for one key after another


def is_referenced(key: str, using: str) -> bool:
    """Return True if a row of any MediaField of any installed model refers to an original.

    The default of a field counts as a row that is always there. Every database in which the model
    may live is searched, ``using`` first, because a row can be saved to any alias without a router
    that says so.
    """
    if key in default_keys():
        return True
    for tenant in tenants():
        with tenant:
            for field in all_media_fields():
                for alias in databases(field.model, using):
                    if (
                        _rows(field.model, alias)
                        .filter(_refers(field.name, [key], alias))
                        .exists()
                    ):
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
    for tenant in tenants():
        with tenant:
            for field in all_media_fields():
                for alias in databases(field.model):
                    if using in (None, alias):
                        left = set(keys) - referenced
                        referenced |= _keys_of_column(field, field.model, alias, left)
            referenced |= _keys_of_history(set(keys) - referenced, using)
    return referenced


def referring_rows(
    key: str, row: models.Model
) -> Iterator[tuple[RegisteredField, models.QuerySet[Any]]]:
    """Yield each MediaField with its rows that refer to an original, if there are any.

    Each model is read where its router reads it, and with tenants only the current one. All fields
    in the database of ``row``, any stored row, are asked by one query.
    """
    rows: list[tuple[RegisteredField, models.QuerySet[Any]]] = []
    for field in all_media_fields():
        alias = router.db_for_read(field.model)
        rows.append((field, _rows(field.model, alias).filter(_refers(field.name, [key], alias))))
    for start in range(0, len(rows), _FIELDS_PER_QUERY):
        part = rows[start : start + _FIELDS_PER_QUERY]
        are_there = _any_of_each([each for _, each in part], row)
        yield from (each for each, is_there in zip(part, are_there, strict=True) if is_there)


def _any_of_each(querysets: Sequence[models.QuerySet[Any]], row: models.Model) -> list[bool]:
    """Return for each queryset if it has rows, those of the database of ``row`` by one query."""
    here = row._state.db or router.db_for_read(type(row))
    own = _rows(type(row), here).filter(pk=row.pk)
    columns = {
        f"column{number}": models.Exists(each)
        for number, each in enumerate(querysets)
        if each.db == here
    }
    found = (own.annotate(**columns).values(*columns).first() or {}) if columns else {}
    return [
        bool(found[name]) if (name := f"column{number}") in found else each.exists()
        for number, each in enumerate(querysets)
    ]


def referenced_names(names: Collection[str]) -> set[str]:
    """Return those of some names of files that are the value of a MediaField, or a default."""
    found = _default_values() & set(names)
    for tenant in tenants():
        with tenant:
            for field in all_media_fields():
                for alias in databases(field.model):
                    for part in _parts(sorted(set(names) - found)):
                        rows = _rows(field.model, alias).filter(**{f"{field.name}__in": part})
                        found.update(rows.values_list(field.name, flat=True))
    return found


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
        for alias in databases(column.model):
            for part in _parts(sorted(set(keys) - found)) if using in (None, alias) else ():
                found |= _keys_in_column(column, lookup, alias, part)
    return found


def _keys_in_column(
    column: models.Field[Any, Any], lookup: str, alias: str, keys: Sequence[str]
) -> set[str]:
    if lookup == "exact":
        return _keys_of_column(column, column.model, alias, keys)
    rows = _rows(column.model, alias)
    found: set[str] = set()
    for start in range(0, len(keys), _KEYS_PER_SEARCH):
        part = {_prefix(key) or key: key for key in keys[start : start + _KEYS_PER_SEARCH]}
        any_of = reduce(or_, (models.Q(**{f"{column.name}__contains": text}) for text in part))
        for text in referring_values(rows.filter(any_of), column.name, alias):
            found.update(key for prefix, key in part.items() if prefix in str(text))
    return found


def _keys_of_column(
    column: Any, model: type[models.Model], alias: str, keys: Collection[str]
) -> set[str]:
    """Return those of the keys to which a value of a column refers.

    Many keys are looked up as they are first, because one query takes more of them.
    """
    rows, found = _rows(model, alias), set[str]()
    for part in _parts(sorted(keys)) if len(keys) > _PREFIXES_PER_QUERY else ():
        same = rows.filter(**{f"{column.name}__in": part})
        found.update(same.values_list(column.name, flat=True))
    for part in _parts(sorted(set(keys) - found), _PREFIXES_PER_QUERY):
        by_prefix = {prefix: key for key in part if (prefix := _prefix(key))}
        referring = rows.filter(_refers(column.name, part, alias))
        for value in referring_values(referring, column.name, alias):
            found.add(by_prefix.get(_prefix(value) or "", value))
    return found & set(keys)


def referring_values(rows: models.QuerySet[Any], name: str, alias: str) -> Iterator[Any]:
    """Yield the values of a column; raise Django's error if the database goes away meanwhile.

    Django closes a cursor of the server outside of what translates the errors of the driver.
    """
    with connections[alias].wrap_database_errors:
        yield from rows.values_list(name, flat=True).iterator()


def _refers(name: str, keys: Collection[str], alias: str) -> models.Q:
    """Return the condition for values that refer to one of the keys.

    It is one that an index of the column serves. So it may also select values that differ in case
    from such a value.
    """
    same = models.Q(**{f"{name}__in": list(keys)})
    prefixes = list(filter(None, map(_prefix, keys)))
    return same | models.Q(StartsWithAny(models.F(name), prefixes)) if prefixes else same


def _prefix(value: str) -> str | None:
    """Return the prefix of the directory that a value is in; None if it is in none."""
    owner = directory_owner(value)
    return None if owner is None else owner.prefix


def default_keys() -> set[str]:
    """Return the keys of originals to which a ``default`` or ``db_default`` of a field refers.

    They belong to the project, so they are never deleted, whether a row refers to them or not.
    """
    values = _default_values()
    return values | {str(owner) for owner in map(directory_owner, values) if owner is not None}


def _default_values() -> set[str]:
    return {name for field in all_media_fields() for name in default_names(field)}


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


def all_rows(model: type[models.Model]) -> Iterator[models.QuerySet[Any]]:
    """Yield the rows of a model, those of each database and tenant on their own."""
    for tenant in tenants():
        with tenant:
            for alias in databases(model):
                yield _rows(model, alias)


def tenants() -> Iterable[contextlib.AbstractContextManager[Any]]:
    """Yield a context for each tenant, or one that does nothing if the project has no tenants."""
    path = settings.TENANTS
    return [contextlib.nullcontext()] if path is None else import_string(path)()


def databases(model: type[models.Model], *first: str) -> Iterator[str]:
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


def _parts(keys: Sequence[str], most: int = _KEYS_PER_QUERY) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), most):
        yield keys[start : start + most]
