"""The file that a row has now whose file was imported: what old addresses lead to."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router

from shift_media.importing.models import ImportedFile
from shift_media.registry import find_field, is_media_field


def current_file(imported: ImportedFile) -> Any:
    """Return the file of the row; None if the row is gone, or has an old name again."""
    field: Any = find_field(imported.source)
    if field is None or not is_media_field(field):
        return None
    # The table is in the database of the rows, unless a router says otherwise. In another database
    # the same primary key is another row's.
    here = imported._state.db
    if here is None or not router.allow_migrate_model(here, field.model):
        here = router.db_for_read(field.model)
    rows: models.QuerySet[Any] = models.QuerySet(model=field.model, using=here)
    try:
        row = rows.filter(pk=imported.row).only(field.name).first()
    except (ValueError, ValidationError):
        return None  # The model has primary keys of another type by now.
    file = None if row is None else getattr(row, field.attname)
    return file if file is not None and file.name and not file.is_legacy else None
