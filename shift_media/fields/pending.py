"""Large direct uploads that a task stores, so that the request that writes the row does not wait.

Until then the file is pending: its key is known, and nothing is stored under it. A picture is
never pending, nor is a file that something of the field reads whole, because that happens before
the row is written.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.db import models, router
from django.utils.module_loading import import_string

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.formats import SAFE_TYPE
from shift_media.core.metadata import PENDING
from shift_media.deletion.budget import request_budget
from shift_media.deletion.references import all_rows
from shift_media.fields.types import AnyMediaField
from shift_media.quotas import release
from shift_media.storages.server_copy import ServerCopy
from shift_media.validators import Inspection

if TYPE_CHECKING:
    from shift_media.staging import PendingUpload

logger = logging.getLogger("shift_media")

LONG_COPY: Final = 1 << 30
"""Bytes above which a copy is always left to the task: a server takes minutes for it."""

_ENQUEUE: Final = "shift_media.fields.tasks.enqueue_pending"


def may_wait(field: Any, inspection: Inspection, copy: ServerCopy | None) -> bool:
    """Return True if a task may store a file that a server can copy."""
    is_possible = settings.TASKS is not None and settings.TENANTS is None
    if copy is None or not is_possible or not field.metadata_field:
        return False
    if inspection.format.kind == "image" or inspection.replacement:
        return False
    if copy.size > LONG_COPY:
        return True
    return copy.size > settings.UPLOAD_TASK_ABOVE and not _is_read_whole(field)


def _is_read_whole(field: Any) -> bool:
    """Return True if something of the field may read the bytes of a file."""
    functions = [item for item in field.keep_metadata if not isinstance(item, str)]
    return bool(field.rules or field.strip or field.convert or functions or field.has_validators)


def as_pending(inspection: Inspection) -> Inspection:
    """Return the inspection of a file that a task is to store."""
    return replace(inspection, metadata=replace(inspection.metadata, state=PENDING))


def with_digest(inspection: Inspection, file: Any) -> Inspection:
    """Return an inspection with the SHA-256, for which a direct upload may be read only now."""
    if inspection.metadata.sha256:
        return inspection
    digest = getattr(file, "known_sha256", "")
    return replace(inspection, metadata=replace(inspection.metadata, sha256=digest))


def write_pending(instance: models.Model, field: AnyMediaField, using: str) -> None:
    """Write what the task needs, in the transaction that writes the row."""
    file = getattr(instance, field.attname)
    rows = _model().objects.using(database_of(using))
    rows.create(
        source=str(field),
        key=file.key,
        staged=file.pending_upload.staged_key,
        sha256=file.pending_upload.announced_sha256,
        size=file.size,
    )


def database_of(using: str, model: type[models.Model] | None = None) -> str:
    """Return the alias of the database with the pending uploads of rows in another one.

    Likewise for the rows of another ``model`` of the app.
    """
    model = model or _model()
    here = router.allow_migrate_model(using, model)
    return using if here else router.db_for_write(model)


def _model() -> type[PendingUpload]:
    # On use, because a model needs the settings of a site, and the fields import this module.
    from shift_media.staging import PendingUpload

    return PendingUpload


def enqueue(key: str, using: str) -> None:
    """Enqueue the task that stores a pending file; ``media_cleanup`` does it if that fails."""
    import_string(_ENQUEUE)(key, using, settings.TASKS)


def held_by_pending(keys: Sequence[str]) -> set[str]:
    """Return those of the keys that are staged files of pending uploads."""
    held: set[str] = set()
    for rows in all_rows(_model()):
        held.update(rows.filter(staged__in=list(keys)).values_list("staged", flat=True))
    return held


def is_pending(key: str, using: str) -> bool:
    """Return True if a task is still to store the file of a key."""
    return _model().objects.using(database_of(using)).filter(key=key).exists()


def retire_staged(storage: Any, key: str) -> None:
    """Replace a staged file with an empty one, after its bytes were stored elsewhere.

    If it were only deleted, its presigned URL could write it again.
    """

    def replace() -> None:
        storage.delete(key)
        storage.put(key, io.BytesIO(), content_type=SAFE_TYPE, size=0)

    release(key)
    try:
        request_budget().start(replace)
    except (MediaError, OSError) as error:
        logger.warning("%s stays until media_cleanup removes it: %s", key, error)
