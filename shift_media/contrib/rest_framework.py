"""Media fields in Django REST framework (extra ``drf``).

::

    class PhotoSerializer(MediaModelSerializer):
        image = MediaSerializerField(presets=["avatar", "400x"])

        class Meta:
            model = Photo
            fields = ["id", "title", "image"]

If ``rest_framework`` is in ``INSTALLED_APPS``, each ``ModelSerializer`` has such a field for each
`MediaField`; see `register`.

An upload is accepted in the ways of the framework's ``FileField``, with the rules of the model's
field. The ticket of a direct upload is accepted too, as ``{"ticket": …}`` or, in a form, as
``image-upload``, if the serializer has the request in its context, as in the framework's views. A
file is represented by an object of URLs and facts, without a query and without a request to the
storage.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.core.files.base import File
from django.db import models
from django.http import HttpRequest

from shift_media.core.errors import MissingExtra
from shift_media.direct import NotAuthenticated, StagedFile
from shift_media.fields import MediaField
from shift_media.fields.analysis import waits_for_task
from shift_media.markup.representation import media_json
from shift_media.remote import from_url
from shift_media.validators import (
    IMAGES,
    FieldValidator,
    FileRules,
    Rule,
    file_of_data_uri,
    inspect,
    refused_if_busy,
    run_rules,
    seekable,
)
from shift_media.widgets import SUFFIX

try:
    from rest_framework import serializers
    from rest_framework.authentication import SessionAuthentication
    from rest_framework.exceptions import APIException
    from rest_framework.request import Request
    from rest_framework.settings import api_settings
except ImportError as error:
    raise MissingExtra("Django REST framework", "drf") from error


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
        url_only: True to represent a file by its URL alone, as the framework's field does.
        data_uris: True to accept ``"data:image/png;base64,…"``, of which the whole is in memory.
        remote: True to accept ``{"from_url": "https://…"}``, which the site fetches.
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
        url_only: bool = False,
        data_uris: bool = False,
        remote: bool = False,
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
        self.url_only = url_only
        self.data_uris = data_uris
        self.remote = remote

    def bind(self, field_name: str, parent: Any) -> None:
        """Leave out the model's ``max_length``, which is that of a key and not of a name."""
        super().bind(field_name, parent)
        field: Any = self.model_field
        if field is not None and self.max_length == field.max_length:
            self.max_length = None

    @property
    def represents_object(self) -> bool:
        """True if the representation is an object; False for a URL or a key as text."""
        return self._has_url and not self.url_only

    @property
    def _has_url(self) -> bool:
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
        field = self.model_field
        max_bytes = self.max_bytes or (field.max_bytes if field else None)
        upload = super().to_internal_value(self._received(data, max_bytes))
        file = seekable(upload, max_bytes)
        row = getattr(self.parent, "instance", None)
        row = row if isinstance(row, models.Model) else None  # It is a queryset with many=True.
        if field is not None:
            with refused_if_busy():
                prepared = field.prepare_upload(file)
            field.run_rules(*prepared, row)
        elif self.allow_empty_file and not file.size:
            return file
        accept = self.accept or (field.accept if field else IMAGES)
        with refused_if_busy():
            inspection = inspect(
                file,
                accept=accept,
                max_bytes=max_bytes,
                rules=self.file_rules,
                preview=field is None or not waits_for_task(field),
            )
        run_rules(self.rules, file, inspection, row)
        return file

    def _received(self, data: Any, max_bytes: int | None) -> Any:
        """Return the file that a value of JSON stands for, or the value if it is none of them."""
        if isinstance(data, str) and self.data_uris:
            return file_of_data_uri(data, max_bytes)
        if not isinstance(data, Mapping):
            return data
        if isinstance(token := data.get("ticket"), str):
            return StagedFile(token, self.context.get("request"))
        if self.remote and isinstance(url := data.get("from_url"), str):
            return from_url(url, max_bytes=max_bytes)
        return data

    def to_representation(self, value: Any) -> Any:
        """Return the URL, the facts and the resizes; None for an empty field."""
        if value and not self._has_url:
            return value.stored_name
        if value and self.url_only:
            return self._absolute(value.url)
        return media_json(value, self.presets, self._absolute)

    def _absolute(self, url: str) -> str:
        request = self.context.get("request")
        return url if request is None else str(request.build_absolute_uri(url))


def user_of_token(request: HttpRequest) -> Any:
    """Return the user whom the framework's authentication classes know, for direct uploads.

    For ``SHIFT_MEDIA["UPLOAD_AUTHENTICATION"]``. ``SessionAuthentication`` is left out: users of a
    session are those of Django, with its CSRF check. Raises `NotAuthenticated`.
    """
    kinds: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES  # imported, against the stubs
    for kind in kinds:
        if issubclass(kind, SessionAuthentication):
            continue
        authenticator, wrapped = kind(), Request(request)
        try:
            found = authenticator.authenticate(wrapped)
        except APIException as error:
            challenge = authenticator.authenticate_header(wrapped) or "Bearer"
            raise NotAuthenticated(str(error.detail), challenge=challenge) from error
        if found is not None:
            return found[0]
    return None


class MediaModelSerializer(serializers.ModelSerializer[Any]):
    """A `ModelSerializer` that has a `MediaSerializerField` for each `MediaField`."""

    serializer_field_mapping: ClassVar[dict[type[models.Field[Any, Any]], type[Any]]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        MediaField: MediaSerializerField,
    }


def register() -> None:
    """Map each `MediaField` to a `MediaSerializerField` in every ``ModelSerializer``.

    The app does so at the start of a site with ``rest_framework`` in ``INSTALLED_APPS``. For an
    API whose clients expect the URL alone: ``extra_kwargs = {"image": {"url_only": True}}``.
    """
    serializers.ModelSerializer.serializer_field_mapping[MediaField] = MediaSerializerField


if find_spec("drf_spectacular"):
    importlib.import_module("shift_media.contrib.spectacular")
