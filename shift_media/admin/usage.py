"""Where a file is used: the rows that have it, and the rows that refer to these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.admin.utils import quote
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from shift_media.deletion.references import referring_rows

MOST: Final = 20
"""Rows that are listed of one kind; of more there is only the number."""


@dataclass(slots=True)
class Uses:
    """The rows of one model that use a file in one way.

    Attributes:
        title: the model, and the field through which it uses the file.
        rows: texts and URLs of the rows that the user may view.
        more: how many there are beside them.
    """

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0


def find_uses(site: Any, request: HttpRequest, file: Any) -> list[Uses]:
    """Return who uses a file: each row that has its key, and each row that refers to one of them.

    It asks one query for all media fields of the project, two for each field that has the file,
    and one or two for each model with a relation to the rows that were found.
    """
    if file.is_legacy:
        return _related(site, request, [file.instance])
    found: list[Uses] = []
    for media_field, rows in referring_rows(file.key, file.instance):
        listed = list(rows[:MOST])
        title = f"{media_field.model._meta.verbose_name}: {_label(media_field)}"
        found.append(_uses(site, request, title, rows, listed))
        found += _related(site, request, listed)
    return found


def _label(media_field: Any) -> str:
    return str(getattr(media_field, "verbose_name", media_field.name))


def _related(site: Any, request: HttpRequest, rows: list[models.Model]) -> list[Uses]:
    if not rows:
        return []
    found = []
    for relation, name in _relations(type(rows[0])):
        model: Any = relation.related_model
        using = rows[0]._state.db
        every: models.QuerySet[Any] = models.QuerySet(model=model, using=using)
        # Not distinct(), which some databases refuse for rows with JSON.
        related = every.filter(pk__in=every.filter(**{f"{name}__in": rows}).values("pk"))
        listed = list(related[:MOST])
        if listed:
            title = f"{model._meta.verbose_name}: {relation.field.verbose_name}"
            found.append(_uses(site, request, title, related, listed))
    return found


def _relations(model: type[models.Model]) -> Iterator[tuple[Any, str]]:
    for relation in model._meta.related_objects:
        # The child of a model with a table of its own is the same object.
        if not getattr(relation, "parent_link", False):
            yield relation, relation.field.name


def _uses(
    site: Any, request: HttpRequest, title: str, rows: models.QuerySet[Any], listed: list[Any]
) -> Uses:
    total = len(listed) if len(listed) < MOST else rows.count()
    admin = site._registry.get(rows.model)
    visible: set[Any] = set()
    if admin is not None and admin.has_view_or_change_permission(request):
        own = admin.get_queryset(request).filter(pk__in=[row.pk for row in listed])
        visible = set(own.values_list("pk", flat=True))
    shown = [
        (str(row), page_of(site, row))
        for row in listed
        if row.pk in visible and admin.has_view_or_change_permission(request, row)
    ]
    return Uses(title, shown, total - len(shown))


def page_of(site: Any, row: models.Model) -> str:
    """Return the URL of the form of a row whose model is registered."""
    meta = row._meta
    name = f"{site.name}:{meta.app_label}_{meta.model_name}_change"
    return reverse(name, args=[quote(row.pk)])
