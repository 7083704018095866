"""The values that an instance was loaded with, so that a save writes only what it has changed."""

from __future__ import annotations

import copy
import marshal
from collections.abc import Iterable
from typing import Any, Final, cast

from django.db import models, router
from django.db.models.signals import post_init

from shift_media.fields.types import AnyMediaField
from shift_media.registry import media_fields

_COLUMNS: Final = "_shift_media_loaded"
_PRIMARY_KEY: Final = "_shift_media_loaded_pk"


def track(model: type[models.Model]) -> None:
    """Remember the metadata columns of each instance of a model when it is made.

    The sides of a file with which a new row is made are written, too.
    """
    fields = cast("list[AnyMediaField]", media_fields(model))
    names = tuple(name for field in fields for name in field.metadata_columns)
    with_sides = [field for field in fields if field.has_sides]

    def remember(instance: models.Model, **kwargs: Any) -> None:
        remember_columns(instance, names)
        for field in with_sides:
            field.fill_sides_of_new(instance)

    uid = f"{__name__}.{model._meta.label}"
    post_init.connect(remember, sender=model, weak=False, dispatch_uid=uid)


def remember_columns(instance: models.Model, names: Iterable[str]) -> None:
    """Keep what these columns hold as what the row holds; deferred ones are left out."""
    state = instance.__dict__
    state[_PRIMARY_KEY] = instance.pk
    columns = state.setdefault(_COLUMNS, {})
    columns.update({name: _frozen(state[name]) for name in names if name in state})


def forget_columns(instance: models.Model) -> None:
    """Forget what the row holds, because a transaction may have taken it back."""
    instance.__dict__.pop(_COLUMNS, None)


def is_loaded_row(instance: models.Model, using: str) -> bool:
    """Return True if a save would write the very row that the instance was loaded from.

    A replica has the rows of the database that a router names for writing.
    """
    loaded: object = instance.__dict__.get(_PRIMARY_KEY)
    if instance._state.adding or loaded != instance.pk:
        return False
    return using in (instance._state.db, router.db_for_write(type(instance), instance=instance))


def has_changed(instance: models.Model, name: str) -> bool:
    """Return True if a column differs from what was loaded, or if that is not known."""
    columns = instance.__dict__.get(_COLUMNS, {})
    return name not in columns or _thawed(columns[name]) != instance.__dict__.get(name)


class _Packed(bytes):
    """A JSON value as bytes: a copy that costs a page of a hundred rows next to nothing."""


def _frozen(value: Any) -> Any:
    """Return a copy that stays as it is when the value is changed in place."""
    if not isinstance(value, dict | list):
        return value
    try:
        return _Packed(marshal.dumps(value))
    except ValueError:  # A decoder of the project's own has made other types of it.
        return copy.deepcopy(value)


def _thawed(value: Any) -> Any:
    """Return a frozen value; one that equals nothing if it cannot be read.

    A row may have been pickled by another version of Python, whose marshal format differs.
    """
    if not isinstance(value, _Packed):
        return value
    try:
        return marshal.loads(value)  # noqa: S302  # our own
    except (ValueError, EOFError, TypeError):
        return object()
