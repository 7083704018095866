"""Resizes that a field has made as soon as its file is saved: ``presets`` and ``prepare``."""

from __future__ import annotations

import logging
from typing import Any, Final, Literal

from django.utils.module_loading import import_string

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.formats import BY_EXTENSION
from shift_media.deletion.references import all_rows
from shift_media.fields.types import AnyMediaField
from shift_media.registry import find_field
from shift_media.resizes.builder import has_resizes
from shift_media.resizes.service import ensure_many
from shift_media.storages import find_alias, unwrap

logger = logging.getLogger("shift_media")

Prepare = Literal["never", "save", "task"]
"""When the resizes of ``presets`` are made: never, while the row is saved, or by a task."""

OCCASIONS: Final[tuple[Prepare, ...]] = ("never", "save", "task")

_ENQUEUE: Final = "shift_media.resizes.tasks.enqueue"


def prepare_image(file: Any, field: AnyMediaField) -> None:
    """Make the resizes of a field's presets for what was saved, or enqueue them.

    The posters of videos are not there yet; see `prepare_poster`.
    """
    format = BY_EXTENSION.get(file.key.rpartition(".")[2])
    if format is not None and format.kind != "video" and has_resizes(format.extension):
        _prepare(file, field)


def prepare_poster(job: Any) -> None:
    """Make the resizes of a video's poster, or enqueue them, once its job has completed."""
    field: Any = find_field(job.source)
    if not getattr(field, "holds_media", False) or field.prepare == "never":
        return
    # A replica may not have the row yet, and it may be in any database.
    for rows in all_rows(field.model):
        instance = rows.filter(**{field.name: job.original}).first()
        if instance is not None:
            _prepare(getattr(instance, field.name), field)
            return


def _prepare(file: Any, field: AnyMediaField) -> None:
    keys = []
    for name in field.presets:
        try:
            keys.append(file.resize(name).key)
        except MediaError as error:
            logger.warning("No resize %r of %s is made ahead: %s", name, file.key, error)
    if not keys:
        return
    if field.prepare == "task" and settings.TASKS is not None:
        alias = find_alias(unwrap(file.storage)) or ""
        import_string(_ENQUEUE)(keys, alias, str(field), settings.TASKS)
        return
    # The user who has sent the file waits.
    for key, outcome in ensure_many(keys, file.storage, effort="fast").items():
        if outcome.error is not None:
            logger.warning("The resize %s is not made ahead: %s", key, outcome.error)
