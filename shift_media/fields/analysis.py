"""Facts that a task reads from the stored file: the upload does not wait.

These are the placeholder and the colour of an image, for which it is decoded, and facts of
``keep_metadata``.
"""

from __future__ import annotations

import logging
from typing import Any, BinaryIO, Final, Literal, cast

from django.core.files.base import File
from django.db import models, transaction
from django.utils.module_loading import import_string

from shift_media.conf import settings
from shift_media.core.errors import SourceError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import ANALYSING, Metadata
from shift_media.fields.types import AnyMediaField
from shift_media.registry import find_field
from shift_media.validators import (
    EXIF_FACTS,
    FOCAL,
    KEPT_FACTS,
    Inspection,
    keep_facts,
    with_preview,
)

logger = logging.getLogger("shift_media")

Analyse = Literal["save", "task"]
"""When images are decoded, and ``keep_metadata`` is evaluated."""

ANALYSES: Final[tuple[Analyse, ...]] = ("save", "task")

_FACTS: Final = (*("placeholder", "color", "extra", FOCAL), *KEPT_FACTS)
_ENQUEUE: Final = "shift_media.fields.tasks.enqueue"


def waits_for_task(field: Any) -> bool:
    """Return True if a task analyses the files of a field."""
    return field.analyse == "task" and settings.TASKS is not None


def wanted(field: Any) -> list[Any]:
    """Return what a field keeps of a file."""
    return [*field.keep_metadata, FOCAL] if field.focal == "auto" else list(field.keep_metadata)


def wanted_at_once(field: Any) -> list[Any]:
    """Return what a field keeps when a file is saved: facts of EXIF that the stored file lacks."""
    if not waits_for_task(field):
        return wanted(field)
    if not (field.strip or field.convert):
        return []
    return [item for item in field.keep_metadata if item in EXIF_FACTS]


def is_analysed_later(key: str, field: Any) -> bool:
    """Return True if a task reads facts of a stored file."""
    if not (waits_for_task(field) and field.metadata_field):
        return False
    is_image = BY_EXTENSION[key.rpartition(".")[2]].kind == "image"
    return is_image or len(wanted_at_once(field)) < len(wanted(field))


def analyse_later(file: Any, field: AnyMediaField, using: str) -> None:
    """Enqueue what is not read when a file is saved, if there is something."""
    if is_analysed_later(file.key, field):
        import_string(_ENQUEUE)(str(field), file.key, using, settings.TASKS)


def analyse(label: str, key: str, using: str) -> str:
    """Read the facts of a stored file into its rows; return ``kept``, ``gone`` or ``broken``.

    Only these facts are written, so that a focal point that was set meanwhile stays. An image that
    is not whole is logged; its resizes are answered as those of any broken original.
    """
    field: Any = find_field(label)
    rows: models.QuerySet[Any] = field.model._base_manager.using(using).filter(**{field.name: key})
    row = rows.first()
    if row is None:
        return "gone"
    file = getattr(row, field.name)
    later = [item for item in wanted(field) if item not in wanted_at_once(field)]
    format = BY_EXTENSION[key.rpartition(".")[2]]
    try:
        with file.storage.open(key) as stored:
            known = file.metadata
            if format.kind == "image" and not known.placeholder:
                known = with_preview(known, cast("BinaryIO", stored))
            inspection = Inspection(format, known)
            kept = keep_facts(later, cast("File[Any]", stored), inspection).metadata
    except SourceError as error:
        logger.warning("%s: %s was stored, but cannot be decoded: %s", label, key, error)
        _merge(rows, field.metadata_field, key, {})
        return "broken"
    _merge(rows, field.metadata_field, key, _facts_of(kept, key))
    return "kept"


def _merge(rows: models.QuerySet[Any], column: str, key: str, facts: dict[str, Any]) -> None:
    """Write facts into rows, which are not being analysed any more."""
    with transaction.atomic(rows.db):
        for current in rows.select_for_update():
            known = Metadata.from_json(getattr(current, column), key)
            if known is not None:
                merged = {**known.to_json(key), **facts}
                if known.focal or not merged["focal"]:
                    merged["focal"] = known.to_json(key)["focal"]
                if known.state == ANALYSING:
                    del merged["state"]
                rows.filter(pk=current.pk).update(**{column: merged})


def _facts_of(metadata: Metadata, key: str) -> dict[str, Any]:
    data = metadata.to_json(key)
    return {name: data[name] for name in _FACTS if name in data}
