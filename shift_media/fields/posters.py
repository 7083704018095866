"""The facts of a poster in the metadata of its video: which one it is, and how it looks."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any, Final

from django.db import connections, models, router, transaction

from shift_media.core.errors import MediaError
from shift_media.core.posters import find_poster, poster_token
from shift_media.deletion.references import tenants
from shift_media.registry import all_media_fields, find_field
from shift_media.workers import isolated

logger = logging.getLogger("shift_media")

_MOST_BYTES: Final = 32 << 20
_ATTEMPTS: Final = 5
"""To write the facts of a poster that is still in use afterwards."""


def note_poster(job: Any) -> None:
    """Write the facts of the poster that a complete job may have made into the video's rows."""
    field = find_field(job.source)
    if getattr(field, "holds_media", False):
        write_facts(field, job.original)


def write_facts(field: Any, original: str) -> None:
    """Write into the rows of a video which poster it has, its placeholder and its colour.

    Pages build URLs of its resizes from that, without any I/O.
    """
    columns = [each for each in all_media_fields() if getattr(each, "metadata_field", None)]
    if not columns:
        return
    poster = _find(original)
    for _ in range(_ATTEMPTS):
        facts = _read_facts(field.storage, poster)
        for tenant in tenants():
            with tenant:
                for column in columns:
                    _write(column, original, facts)
        noted, poster = poster, _find(original)
        if poster == noted:
            return


def _find(original: str) -> str | None:
    """Return the key of the poster in use; None if the video has none."""
    from shift_media.transcoding.models import Rendition

    rows = Rendition.objects.using(router.db_for_write(Rendition))
    poster = find_poster(rows.complete([original]))
    return None if poster is None else str(poster.key)


def _read_facts(storage: Any, poster: str | None) -> dict[str, str]:
    if poster is None:
        return {"poster": "", "placeholder": "", "color": ""}
    facts = {"poster": poster_token(poster) or ""}
    try:
        with storage.fetch(poster) as stored:
            content = io.BytesIO(stored.read(_MOST_BYTES))
        preview = isolated.make_preview(content)
    except (MediaError, OSError) as error:
        logger.warning("The poster %s could not be read: %s", poster, error)
        return facts
    return {**facts, "placeholder": preview.placeholder, "color": preview.color}


def _write(field: Any, original: str, facts: dict[str, str]) -> None:
    using = router.db_for_write(field.model)
    every: models.QuerySet[Any] = models.QuerySet(model=field.model, using=using)
    rows = every.filter(**{field.name: original})
    if not rows.exists():
        return
    with transaction.atomic(using=using):
        for pk, data in _lock(rows, field):
            if isinstance(data, dict) and data.get("key") == original:
                changed = {**data, **facts}
                if not changed["poster"]:
                    del changed["poster"]
                rows.filter(pk=pk).update(**{field.metadata_field: changed})


def _lock(rows: models.QuerySet[Any], field: Any) -> Iterator[tuple[Any, object]]:
    if connections[rows.db].features.has_select_for_update:
        rows = rows.select_for_update()
    else:
        # A write takes SQLite's lock at once. After a read it could fail: "database is locked".
        rows.update(**{field.name: models.F(field.attname)})
    yield from list(rows.values_list("pk", field.metadata_field))
