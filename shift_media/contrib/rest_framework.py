"""Media fields in Django REST framework (extra ``drf``).

::

    class PhotoSerializer(MediaModelSerializer):
        image = MediaSerializerField(presets=["avatar", "400x"])

        class Meta:
            model = Photo
            fields = ["id", "title", "image"]

An upload is accepted in the ways of the framework's ``FileField``, with the rules of the model's
field. The ticket of a direct upload is accepted too, as ``image-upload``, if the serializer has
the request in its context, as in the framework's views. A file is represented by an object of URLs
and facts, without a query and without a request to the storage.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.core.exceptions import FieldDoesNotExist
from django.core.files.base import File
from django.db import models

from shift_media.conf import settings
from shift_media.core.errors import MediaError, MissingExtra
from shift_media.direct import StagedFile
from shift_media.fields import MediaField
from shift_media.fields.file import MediaFile
from shift_media.resizes.builder import has_resizes
from shift_media.resizes.legacy import guess_extension
from shift_media.validators import (
    IMAGES,
    FieldValidator,
    FileRules,
    Rule,
    inspect,
    run_rules,
    seekable,
)
from shift_media.widgets import SUFFIX

try:
    from rest_framework import serializers
    from rest_framework.settings import api_settings
except ImportError as error:
    raise MissingExtra("Django REST framework", "drf") from error

logger = logging.getLogger("shift_media")

FACTS = ("content_type", "size", "width", "height", "duration", "placeholder", "color")
"""The facts of an original beside its URL; each is null if the metadata field lacks it."""


class MediaSerializerField(serializers.FileField):
    """A serializer field for a media file.

    Its representation is ``{"url": …, "width": …, "resizes": {"avatar": {"url": …}}}``. With
    ``use_url=False`` it is the key, as of the framework's ``FileField``, whose ``max_length``, for
    the client's name, and ``allow_empty_file`` apply too. A `MediaField` refuses an empty file.

    Args:
        presets: the resizes to include: names of presets, or sizes such as ``"400x300"``. By
            default all presets of the settings.
        accept, max_bytes: as of a `MediaField`; by default those of the model's field.
        rules: functions, as of a `MediaField`, beside those of the model's field. They are called
            with the row that is updated, or None for a new one.
        kwargs: the other rules of a `MediaField`, such as ``min_size``, beside those of the
            model's field, and the framework's arguments.
    """

    def __init__(
        self,
        *,
        presets: Sequence[str] | None = None,
        accept: Sequence[str] | None = None,
        max_bytes: int | None = None,
        rules: Sequence[Rule] = (),
        **kwargs: Any,
    ) -> None:
        self.rules = list(rules)
        self.file_rules = FileRules.take(kwargs)
        self.file_rules.check_values()
        # The model's rules are those of to_internal_value(), which needs no second inspection.
        given = kwargs.pop("validators", [])
        if validators := [rule for rule in given if not isinstance(rule, FieldValidator)]:
            kwargs["validators"] = validators
        super().__init__(**kwargs)
        self.presets = presets
        self.accept = accept
        self.max_bytes = max_bytes

    def bind(self, field_name: str, parent: Any) -> None:
        """Leave out the model's ``max_length``, which is that of a key and not of a name."""
        super().bind(field_name, parent)
        field: Any = self.model_field
        if field is not None and self.max_length == field.max_length:
            self.max_length = None

    @property
    def represents_object(self) -> bool:
        """True if the representation is an object; False for ``use_url=False``."""
        return bool(getattr(self, "use_url", api_settings.UPLOADED_FILES_USE_URL))

    @property
    def model_field(self) -> MediaField | None:
        """The `MediaField` that this field serializes, or None."""
        model: type[models.Model] | None
        model = getattr(getattr(self.parent, "Meta", None), "model", None)
        try:
            field = model._meta.get_field(str(self.source)) if model else None
        except FieldDoesNotExist:
            return None
        return field if isinstance(field, MediaField) else None

    def get_value(self, dictionary: Any) -> Any:
        """Return the file: the one that was sent, or that of the ticket that was sent."""
        value = super().get_value(dictionary)
        token = dictionary.get(f"{self.field_name}{SUFFIX}")
        if token and value in (serializers.empty, None, ""):
            return StagedFile(str(token), self.context.get("request"))
        return value

    def to_internal_value(self, data: Any) -> File[Any]:
        """Return the file; raise `InvalidMedia` if it is not accepted."""
        upload = super().to_internal_value(data)
        field = self.model_field
        max_bytes = self.max_bytes or (field.max_bytes if field else None)
        file = seekable(upload, max_bytes)
        row = getattr(self.parent, "instance", None)
        row = row if isinstance(row, models.Model) else None  # It is a queryset with many=True.
        if field is not None:
            field.run_rules(*field.prepare_upload(file), row)
        elif self.allow_empty_file and not file.size:
            return file
        accept = self.accept or (field.accept if field else IMAGES)
        inspection = inspect(file, accept=accept, max_bytes=max_bytes, rules=self.file_rules)
        run_rules(self.rules, file, inspection, row)
        return file

    def to_representation(self, value: Any) -> Any:
        """Return the URL, the facts and the resizes; None for an empty field."""
        if not value:
            return None
        if not self.represents_object:
            return value.stored_name
        known = value.known_metadata
        return {
            "url": self._absolute(value.url),
            **{name: getattr(known, name, None) for name in FACTS},
            "resizes": self._resizes(value),
        }

    def _resizes(self, file: MediaFile) -> dict[str, dict[str, Any]]:
        names = settings.PRESETS if self.presets is None else self.presets
        name = file.stored_name
        extension = guess_extension(name) if file.is_legacy else name.rpartition(".")[2]
        if not has_resizes(extension):
            return {}
        resizes = {}
        for name in names:
            try:
                resize = file.resize(name)
                url = self._absolute(resize.url)
            except MediaError as error:
                if django_settings.DEBUG:
                    raise  # A wrong preset is a mistake in the code: show it.
                logger.warning("A resize was left out of a response: %s: %s", error.code, error)
            else:
                resizes[name] = {"url": url, "width": resize.width, "height": resize.height}
        return resizes

    def _absolute(self, url: str) -> str:
        request = self.context.get("request")
        return url if request is None else str(request.build_absolute_uri(url))


class MediaModelSerializer(serializers.ModelSerializer[Any]):
    """A `ModelSerializer` that has a `MediaSerializerField` for each `MediaField`."""

    serializer_field_mapping: ClassVar[dict[type[models.Field[Any, Any]], type[Any]]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        MediaField: MediaSerializerField,
    }


if find_spec("drf_spectacular"):
    importlib.import_module("shift_media.contrib.spectacular")
