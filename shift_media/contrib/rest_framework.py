"""Media fields in Django REST framework (extra ``drf``).

::

    class PhotoSerializer(MediaModelSerializer):
        image = MediaSerializerField(presets=["avatar", "400x"])

        class Meta:
            model = Photo
            fields = ["id", "title", "image"]

A file comes in as any ``FileField`` of the framework takes it, and is refused for what the model's
field refuses. It goes out as an object of URLs and facts, without a query or a request to the
storage.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.core.exceptions import FieldDoesNotExist
from django.core.files.base import File
from django.db import models

from shift_media.conf import settings
from shift_media.core.errors import MediaError, MissingExtra
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.fields import MediaField
from shift_media.fields.file import MediaFile
from shift_media.validators import IMAGES, inspect, seekable

try:
    from rest_framework import serializers
except ImportError as error:
    raise MissingExtra("Django REST framework", "drf") from error

logger = logging.getLogger("shift_media")

FACTS = ("content_type", "size", "width", "height", "duration", "placeholder", "color")
"""What is told of an original, beside its URL; null where no metadata field keeps it."""


class MediaSerializerField(serializers.FileField):
    """Take an upload, and give ``{"url": …, "width": …, "resizes": {"avatar": {"url": …}}}``.

    Args:
        presets: what stands in ``resizes``: names of presets, or sizes such as ``"400x300"``;
            by default all presets of the settings.
        accept, max_bytes: as of a `MediaField`, and by default those of the model's field.
    """

    def __init__(
        self,
        *,
        presets: Sequence[str] | None = None,
        accept: Sequence[str] | None = None,
        max_bytes: int | None = None,
        **kwargs: Any,
    ) -> None:
        # That of the column, which holds a key: the client's name for its file is only data.
        kwargs.pop("max_length", None)
        super().__init__(**kwargs)
        self.presets = presets
        self.accept = accept
        self.max_bytes = max_bytes

    @property
    def model_field(self) -> MediaField | None:
        """The field of the serializer's model that this one stands for, if it is one of ours."""
        model: type[models.Model] | None
        model = getattr(getattr(self.parent, "Meta", None), "model", None)
        try:
            found = model._meta.get_field(str(self.source)) if model else None
        except FieldDoesNotExist:
            return None
        return found if isinstance(found, MediaField) else None

    def to_internal_value(self, data: Any) -> File[Any]:
        """Give the file; raises `InvalidMedia` for one that is not accepted."""
        given = super().to_internal_value(data)
        field = self.model_field
        most = self.max_bytes or (field.max_bytes if field else None)
        file = seekable(given, most)
        if field is not None:
            field.inspect(file)
        if field is None or self.accept or self.max_bytes:
            accept = self.accept or (field.accept if field else IMAGES)
            inspect(file, accept=accept, max_bytes=most)
        return file

    def to_representation(self, value: Any) -> Any:
        """Give the URL, the facts and the resizes; None for an empty field."""
        if not value:
            return None
        known = value.known_metadata
        return {
            "url": self._absolute(value.url),
            **{name: getattr(known, name, None) for name in FACTS},
            "resizes": self._resizes(value),
        }

    def _resizes(self, file: MediaFile) -> dict[str, dict[str, Any]]:
        names = settings.PRESETS if self.presets is None else self.presets
        if BY_EXTENSION.get(file.key.rpartition(".")[2], UNKNOWN).kind not in ("image", "video"):
            return {}
        found = {}
        for name in names:
            try:
                made = file.resize(name)
                url = self._absolute(made.url)
            except MediaError as error:
                if django_settings.DEBUG:
                    raise
                logger.warning("A resize in a response failed: %s: %s", error.code, error)
            else:
                found[name] = {"url": url, "width": made.width, "height": made.height}
        return found

    def _absolute(self, url: str) -> str:
        request = self.context.get("request")
        return url if request is None else str(request.build_absolute_uri(url))


class MediaModelSerializer(serializers.ModelSerializer[Any]):
    """A `ModelSerializer` that has a `MediaSerializerField` for each `MediaField`."""

    serializer_field_mapping: ClassVar[dict[type[models.Field[Any, Any]], type[Any]]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        MediaField: MediaSerializerField,
    }
