"""The rows of videos that the arguments of ``media_transcode`` name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import CommandError
from django.db import models, router

from shift_media.registry import is_media_field, media_fields


class VideoRows:
    """The rows with a video in a field of ``app.Model[.field]``.

    Rows are those of the model's own manager, so that a proxy may select some of them. Raises
    `CommandError` for a label without a media field, and for malformed primary keys.

    Args:
        label: ``app.Model.field`` names one field, ``app.Model`` those with a profile, or else
            all.
        pks: only the rows with these primary keys; empty means all.
    """

    def __init__(self, label: str, pks: Sequence[str]) -> None:
        self.model, self.fields = _find_fields(label)
        database = router.db_for_write(self.model)  # A replica may not have the newest rows yet.
        self._rows = self.model._default_manager.using(database).order_by("pk")
        self.missing: list[Any] = []
        if pks:
            self._select(pks)

    def _select(self, pks: Sequence[str]) -> None:
        try:
            wanted = [self.model._meta.pk.to_python(pk) for pk in pks]
            self._rows = self._rows.filter(pk__in=wanted)
            with_video: set[Any] = set()
            for field in self.fields:
                with_video.update(self._with_video(field).values_list("pk", flat=True))
        except (ValueError, ValidationError) as error:
            raise CommandError(f"--pk: {error}", returncode=2) from error
        self.missing = [pk for pk in wanted if pk not in with_video]

    def __iter__(self) -> Iterator[tuple[Any, models.Model]]:
        """Yield each field with each row that has a video in it."""
        for field in self.fields:
            for row in self._with_video(field).iterator(chunk_size=500):
                yield field, row

    def _with_video(self, field: Any) -> models.QuerySet[models.Model]:
        return self._rows.filter(**{f"{field.name}__gt": ""})


def _find_fields(label: str) -> tuple[type[models.Model], list[Any]]:
    name, _, field = label.rpartition(".") if label.count(".") == 2 else (label, "", "")
    try:
        model = apps.get_model(name)
        if field:
            fields: list[Any] = [model._meta.get_field(field)]
        else:
            own = media_fields(model)
            fields = [field for field in own if field.transcode] or list(own)
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise CommandError(f"{label}: {error}", returncode=2) from error
    if not fields or not all(map(is_media_field, fields)):
        raise CommandError(f"{label} has no media field.", returncode=2)
    return model, fields
