"""A view set that only reads: the facts and URLs of a model's media files (extra ``drf``).

::

    class PhotoMedia(MediaViewSet):
        queryset = Photo.objects.order_by("pk")
        presets = ["avatar", "card"]


    router.register("media/photos", PhotoMedia, basename="photo-media")
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from django.db import models

from shift_media.conf import settings
from shift_media.contrib.rest_framework import MediaSerializerField
from shift_media.registry import media_fields

# isort: split
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

_SERIALIZERS: Final = 256


class MediaViewSet(ReadOnlyModelViewSet[Any]):
    """The media files of the rows of ``queryset``, with one query for a page of them.

    ``?presets=avatar,card`` chooses among ``presets``, so that clients cannot have other sizes
    signed. Permissions, filters and pages are those of the framework.

    Attributes:
        media_fields: names of media fields; by default all of the model.
        presets: names of presets, or sizes; by default all presets of the settings.
    """

    media_fields: Sequence[str] | None = None
    presets: Sequence[str] | None = None

    def get_queryset(self) -> models.QuerySet[Any]:
        """Return the rows with the columns that are shown."""
        rows = super().get_queryset()
        columns = [column for field in self._fields() for column in field.metadata_columns]
        return rows.only(*(field.name for field in self._fields()), *columns)

    def get_serializer_class(self) -> type[ModelSerializer[Any]]:
        """Return the serializer of the fields and of the presets that the request asks for."""
        names = tuple(field.name for field in self._fields())
        return _serializer_of(self._model(), names, self._presets())

    def _model(self) -> type[models.Model]:
        rows: Any = super().get_queryset()
        model: type[models.Model] = rows.model
        return model

    def _fields(self) -> list[Any]:
        fields = media_fields(self._model())
        wanted = self.media_fields
        return [field for field in fields if wanted is None or field.name in wanted]

    def _presets(self) -> tuple[str, ...]:
        offered = tuple(settings.PRESETS if self.presets is None else self.presets)
        request = getattr(self, "request", None)
        asked = request.query_params.get("presets") if request is not None else None
        if asked is None:
            return offered
        chosen = set(asked.split(",") if asked else ())
        if unknown := sorted(chosen - set(offered)):
            known = ", ".join(offered) or "none"
            message = f"There is no preset {unknown[0]!r} here. The known ones: {known}."
            raise ValidationError({"presets": message}, code="unknown_preset")
        return tuple(name for name in offered if name in chosen)


@lru_cache(maxsize=_SERIALIZERS)  # Clients choose among many sets of presets.
def _serializer_of(
    model: type[models.Model], names: tuple[str, ...], presets: tuple[str, ...]
) -> type[ModelSerializer[Any]]:
    key = model._meta.pk.name
    meta = type("Meta", (), {"model": model, "fields": (key, *names)})
    fields = {name: MediaSerializerField(presets=presets, read_only=True) for name in names}
    return type(f"{model.__name__}MediaSerializer", (ModelSerializer,), {"Meta": meta, **fields})
