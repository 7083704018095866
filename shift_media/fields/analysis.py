"""Facts of ``keep_metadata`` that a task reads from the stored file: the upload does not wait."""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from django.core.files.base import File
from django.db import models, transaction
from django.utils.module_loading import import_string

from shift_media.conf import settings
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.fields.types import AnyMediaField
from shift_media.registry import find_field
from shift_media.validators import EXIF_FACTS, Inspection, keep_facts

Analyse = Literal["save", "task"]
"""When palette, BlurHash and functions of ``keep_metadata`` are evaluated."""

ANALYSES: Final[tuple[Analyse, ...]] = ("save", "task")

_ENQUEUE: Final = "shift_media.fields.tasks.enqueue"


def wanted_at_once(field: Any) -> list[Any]:
    """Return what a field keeps when a file is saved: facts of EXIF, which may be stripped."""
    if field.analyse != "task" or settings.TASKS is None:
        return cast("list[Any]", field.keep_metadata)
    return [item for item in field.keep_metadata if item in EXIF_FACTS]


def analyse_later(file: Any, field: AnyMediaField, using: str) -> None:
    """Enqueue the facts that are not read when a file is saved, if a field keeps some."""
    if settings.TASKS is not None and len(wanted_at_once(field)) < len(field.keep_metadata):
        import_string(_ENQUEUE)(str(field), file.key, using, settings.TASKS)


def analyse(label: str, key: str, using: str) -> str:
    """Read the facts of a stored file into its rows; return ``kept`` or ``gone``.

    Only the kept facts are written, so that a focal point that was set meanwhile stays.
    """
    field: Any = find_field(label)
    rows: models.QuerySet[Any] = field.model._base_manager.using(using).filter(**{field.name: key})
    row = rows.first()
    if row is None:
        return "gone"
    file = getattr(row, field.name)
    wanted = [item for item in field.keep_metadata if item not in EXIF_FACTS]
    with file.storage.open(key) as stored:
        inspection = Inspection(BY_EXTENSION[key.rpartition(".")[2]], file.metadata)
        kept = keep_facts(wanted, cast("File[Any]", stored), inspection).metadata
    with transaction.atomic(using):
        for current in rows.select_for_update():
            known = Metadata.from_json(getattr(current, field.metadata_field), key)
            if known is not None:
                merged = {**known.to_json(key), **_facts_of(kept, key)}
                rows.filter(pk=current.pk).update(**{field.metadata_field: merged})
    return "kept"


def _facts_of(metadata: Metadata, key: str) -> dict[str, Any]:
    data = metadata.to_json(key)
    return {name: data[name] for name in ("palette", "blurhash", "extra") if name in data}
