"""References: which rows of media fields refer to an original."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models, router

from shift_media.registry import all_media_fields


def is_referenced(key: str, using: str) -> bool:
    """Tell whether a row of any MediaField of any installed model refers to an original.

    Looks in the database ``using`` and in those where routers keep each model.
    """
    for field in all_media_fields():
        model = field.model
        for alias in {using, router.db_for_read(model), router.db_for_write(model)}:
            rows: models.QuerySet[models.Model] = models.QuerySet(model=model, using=alias)
            if (
                router.allow_migrate_model(alias, model)
                and rows.filter(**{field.name: key}).exists()
            ):
                return True
    return False


_QUERY = 500
"""Keys looked up in one query."""


def referenced(keys: Sequence[str]) -> set[str]:
    """Tell which originals a row of any MediaField refers to."""
    kept: set[str] = set()
    for media_field in all_media_fields():
        model = media_field.model
        database = router.db_for_read(model)
        rows: models.QuerySet[models.Model] = models.QuerySet(model=model, using=database)
        for start in range(0, len(keys), _QUERY):
            wanted = keys[start : start + _QUERY]
            found = rows.filter(**{f"{media_field.name}__in": wanted})
            kept.update(found.values_list(media_field.name, flat=True))
    return kept
